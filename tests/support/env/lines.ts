// Lines of environment files as people and chance write them, and what each real reader makes of a file: a shell, our reader on a host, Compose.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnvFile } from '../../../lib/env/grammar.ts';
import { exportEnvironment } from '../../../lib/env/export.ts';
import { below, pick, type Random } from '../faults/hostile.ts';

// prettier-ignore
const pieces = [
  'a', 'b', 'Zz9', '0', 'n', 't', 'x=y', 'https://u:p@h/b?c=d', 'é', '日本', '%41', '-', '.', ',', '/', '@', '+', '*', '?', '!', '^', '{a,b}',
  '[x]', '~', ':', '~/x', '#', ' #', ' # note', '\t# note', ' ', '  ', '\t', '=', '==', '%', '%s', '$', '$$', '$HOME', '${HOME}', '${x:-y}',
  '$(echo x)', '\\$', '\\\\$', '\\\\', '\\', '\\n', '\\t', '\\"', "\\'", '\\`', '`', '`x`', "'", '"', "''", '""', ';', '&', '|', '<', '>',
  '(', ')', '\n', '\\\n', '\r', '\u00a0', '\u2028', '\u0001', '\u007f', 'true', '007', '1.10',
];
const keys = ['export K', 'K', ' K', '\tK', 'K ', 'k.', 'k-', '9K', 'éK', 'K'];
const afterValue = ['', '', '', '', '', ' ', '\t', ' # note', '# note', 'x', ';', '\r'];

/** One line (or a quoted value over several), its variable named by `number`. Half of them in quotes, most with the key as it should be. */
export function envLine(random: Random, number: number): string {
  const text = Array.from({ length: below(random, 6) }, () => pick(random, pieces)).join('');
  const key = random() < 0.9 ? `K${number}` : `${pick(random, keys)}${number}`;
  const sign = random() < 0.94 ? '=' : pick(random, [' =', '= ', ' = ', ':', ': ', '', '==']);
  const form = random();
  const value =
    form < 0.35
      ? text
      : form < 0.6
        ? `'${random() < 0.7 ? text.replaceAll("'", '') : text}'`
        : form < 0.8
          ? `"${random() < 0.7 ? text.replaceAll(/[\\"$`]/g, '') : text}"`
          : form < 0.95
            ? `"${text.replaceAll(/[\\"$]/g, '\\$&')}"`
            : `${pick(random, ["'", '"'])}${text}`;
  return `${key}${sign}${value}${pick(random, afterValue)}`;
}

/** What `line` says by our grammar, when nothing is wrong with it. */
export function judged(line: string): Map<string, string> | undefined {
  const { values, problems } = parseEnvFile(`${line}\n`);
  return problems.length ? undefined : values;
}

const added = [
  'PATH',
  'HOME',
  'PWD',
  'OLDPWD',
  'SHLVL',
  '_',
  'LANG',
  'INVOCATION_ID',
  'JOURNAL_STREAM',
  'SYSTEMD_EXEC_PID',
];

export type Said = Map<string, string> | 'refused';

/** Of `env -0`, without what shells and systemd add. */
export function environmentIn(text: string): Map<string, string> {
  const all = text.split('\0').flatMap(one => {
    const at = one.indexOf('=');
    return at > 0 ? [[one.slice(0, at), one.slice(at + 1)] as const] : [];
  });
  return new Map(all.filter(([name]) => !added.includes(name)));
}

function ran(program: string, words: string[]): Said {
  const { status, stdout, stderr } = spawnSync(program, words, {
    // with a socket as its input bash takes itself for one that rshd started, and reads .bashrc
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/bin:/bin', HOME: '/home/of-the-reader' },
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  return status || stderr ? 'refused' : environmentIn(stdout);
}

/** A POSIX shell that reads the file as one of its own. Only for what is accepted: it runs whatever a shell would. */
export function shellSays(file: string, shell = '/bin/sh'): Said {
  return ran(shell, ['-c', `set -a; . '${file}'; exec env -0`]);
}

/** Our reader on a host. */
export function hostSays(file: string): Said {
  return ran('bash', ['-c', `set -euo pipefail\n${exportEnvironment([file]).text}\nexec env -0`]);
}

/** Compose's env_file; `program` is the plugin itself, which needs no engine for this. */
export function composeSays(program: string, file: string, folder: string): Said {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'compose.yml');
  if (!existsSync(config)) writeFileSync(config, 'services: { one: { image: x, env_file: [one.env] } }\n');
  const { status, stdout } = spawnSync(
    'bash',
    ['-c', 'cp "$2" one.env && exec "$1" -f compose.yml config --format json', '-', program, file],
    {
      cwd: folder,
      env: { PATH: '/usr/bin:/bin', HOME: '/home/of-the-reader' },
      encoding: 'utf8',
      maxBuffer: 1e9,
    },
  );
  if (status) return 'refused';
  const environment = (JSON.parse(stdout) as { services: { one: { environment?: Record<string, string | null> } } })
    .services.one.environment;
  return new Map(Object.entries(environment ?? {}).map(([name, value]) => [name, (value ?? '').replaceAll('$$', '$')]));
}

export function same(one: Said, other: Said): boolean {
  if (one === 'refused' || other === 'refused') return one === other;
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value);
}
