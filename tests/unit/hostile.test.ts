// 10,000 values that mean harm, at every door: each is refused in words or arrives intact, and none runs or leaves its folder.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../lib/config/load.ts';
import { assignment, parseEnvFile } from '../../lib/env/grammar.ts';
import { environmentFile, exportEnvironment } from '../../lib/env/export.ts';
import { Failure } from '../../lib/errors.ts';
import { probeLines, readyWords } from '../../lib/health/probes.ts';
import { lines, script } from '../../lib/host/sh.ts';
import { resolveCommit } from '../../lib/git/clone.ts';
import { parseLine } from '../../lib/release/log.ts';
import { pairs } from '../../lib/log-line.ts';
import { attemptId, fullSha, isReleaseName, releaseAt } from '../../lib/release/release.ts';
import { runtimeOf } from '../../lib/runtime/runtime-of.ts';
import { hostile, pick, seeded } from '../support/faults/hostile.ts';
import { sample, when } from '../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-hostile-'));
const canary = join(folder, 'PWNED');
const work = join(folder, 'work');
mkdirSync(work);
const random = seeded(3);
const some = (count: number, more: { nul?: boolean; oneLine?: boolean } = {}) =>
  Array.from({ length: count }, () => hostile(random, canary, more));
/** At most so long, and no half of a character at the end: no file can hold one. */
const cut = (value: string, most: number) => value.slice(0, most).replace(/\p{Cs}/gu, '');
let tried = 0;

function unharmed(count: number): void {
  tried += count;
  assert.not(existsSync(canary), 'a value was run');
  assert.equal(
    readdirSync(folder).filter(name => !known.includes(name)),
    [],
    'something was written outside',
  );
}
const known = ['work', 'repo', 'ops', 'env', 'root'];

/** What it threw: a Failure with one of these codes, or nothing. */
async function refusal(run: () => unknown, codes: number[], value: string): Promise<Failure | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof Failure && codes.includes(error.exit)) return error;
    throw new Error(`${JSON.stringify(value)} threw ${String(error)}`, { cause: error });
  }
}

test('no hostile text is a SHA, the name of a release or an id', async () => {
  const values = [
    ...some(1500, { nul: true }),
    `${'a'.repeat(40)}\n`,
    'A'.repeat(40),
    'a'.repeat(39),
    `${'a'.repeat(40)};`,
    `-${'a'.repeat(39)}`,
  ];
  for (const value of values) {
    const refused = await refusal(() => fullSha(value), [2], value);
    assert.ok(refused, value);
    assert.ok(refused.message.length < 500);
    assert.not(isReleaseName(value), value);
    assert.match(releaseAt('/r', when, 'a'.repeat(40), [value]).folder, /^\/r\/\d{8}_\d{6}_a{7}$/);
    assert.match(attemptId(when, [value]), /^\d{8}-\d{6}$/);
  }
  for (const bad of [
    '20261120_120004_3f2c1ab/..',
    '../20261120_120004_3f2c1ab',
    '20261120_120004_3f2c1ab\n',
    '.keeper',
    'adopted_',
  ])
    assert.not(isReleaseName(bad), bad);
  unharmed(values.length);
});

test('a ref is a name for git and nothing else: no option, no path, no command', async () => {
  const repo = join(folder, 'repo');
  const made = spawnSync('bash', [
    '-c',
    'git init -q -b main "$1" && cd "$1" && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x',
    'bash',
    repo,
  ]);
  assert.is(made.status, 0, made.stderr.toString());
  const head = await resolveCommit(repo, 'main');
  const values = [
    '--help',
    '--exec=touch',
    '-c',
    '--all',
    '@{upstream}',
    'main:../../etc',
    ':/x',
    '^main',
    'main..HEAD',
    '--output=PWNED',
    ...some(30, { nul: true }),
  ];
  for (const value of values) {
    const refused = await refusal(async () => assert.is(await resolveCommit(repo, value), head), [2, 3], value);
    assert.ok(refused, value);
  }
  unharmed(values.length);
});

test('ops.yml with hostile names, paths, domains and values is refused with exit 3 or read as it stands', async () => {
  const file = join(folder, 'ops');
  const doors = [
    'app',
    'environment',
    'root',
    'url',
    'tracks',
    'unit',
    'flag',
    'env',
    'sqlite',
    'start',
    'variable',
    'json',
    'shared',
  ] as const;
  const refusals = new Map<string, number>();
  const values = some(700, { nul: true }).map(value => cut(value, 3000));
  for (const value of values) {
    const door = pick(random, doors);
    const at = (name: (typeof doors)[number], otherwise: string) => JSON.stringify(name === door ? value : otherwise);
    writeFileSync(
      file,
      `hosts: { here: local }
apps:
  ${at('app', 'book')}:
    host: here
    repo: /srv/clone
    tracks: ${at('tracks', 'main')}
    runtime: process
    process: { start: ${at('start', 'node x')}, shared: [${at('shared', 'data')}] }
    env: [{ file: ${at('env', 'shared/.env')}, keys: { ${at('variable', 'PORT')}: required } }]
    database: { sqlite: ${at('sqlite', 'shared/b.db')} }
    maintenance: { flag: ${at('flag', 'maintenance/ON')} }
    health: { ready: { url: ${at('url', 'http://127.0.0.1:4000/')}, json: { status: ${at('json', 'ok')} } } }
    environments: { ${at('environment', 'staging')}: { root: ${at('root', '/srv/book')} } }
`,
    );
    const refused = await refusal(
      async () => {
        const { targets } = await loadConfig(file);
        const target = targets[0];
        if (!target) throw new Error('no target');
        const database = target.database?.kind === 'sqlite' ? target.database.file : undefined;
        const paths = [target.env[0]?.file, database, target.maintenance.flag, target.paths.releases];
        for (const path of paths) assert.match(path ?? '', /^\/(?!.*(^|\/)\.\.(\/|$))[^\0\n]*$/, `${door} ${value}`);
        const whole = JSON.stringify({ ...target, paths, value: '' });
        if (['start', 'json'].includes(door))
          assert.ok(whole.includes(JSON.stringify(value).slice(1, -1)), `${door} ${value}`);
        if (['app', 'environment', 'variable', 'shared'].includes(door)) assert.match(value, /^(?!-)[^\n]*$/);
      },
      [3],
      `${door} ${value}`,
    );
    if (refused) refusals.set(door, (refusals.get(door) ?? 0) + 1);
  }
  for (const door of ['app', 'environment', 'url', 'root', 'variable']) assert.ok((refusals.get(door) ?? 0) > 5, door);
  unharmed(values.length);
});

test('values of env files come back from the parser as they were written', () => {
  const values = some(2000).map(value => cut(value, 2000));
  for (const value of values) {
    const line = assignment('KEY', value);
    if (line === undefined) {
      assert.match(value, /[^\P{Cc}\n\t]|^(?=.*`)(?=.*'|.*\\$)/su);
      continue;
    }
    const { values: read, problems } = parseEnvFile(`A=1\n${line}\nZ=2\n`);
    if (problems.length || read.get('KEY') !== value || read.get('Z') !== '2')
      assert.unreachable(`${JSON.stringify(value)} became ${JSON.stringify(read.get('KEY'))}`);
  }
  unharmed(values.length);
});

test('values of the compose file are written for themselves or refused with exit 3', async () => {
  const values = some(1000, { nul: true });
  for (const value of values) {
    const read = () => [...parseEnvFile(environmentFile({ KEY: value })).values];
    const refused = await refusal(() => assert.equal(read(), [['KEY', value]]), [3], value);
    assert.is(refused !== undefined, /[^\P{Cc}\t]|^(?=.*`)(?=.*'|.*(?<!\\)(\\\\)*\\$)/su.test(value), value);
    assert.ok((await refusal(() => environmentFile({ [value]: 'x' }), [3], value)) ?? /^\w+$/.test(value));
  }
  unharmed(values.length);
});

test('variables of env files reach the app in bash as they stand in the file, line by line', () => {
  const values = some(1500, { oneLine: true }).map(value => value.replaceAll("'", '’'));
  const file = join(folder, 'env');
  writeFileSync(file, values.map((value, index) => `K${index}='${value}'`).join('\n') + values.map(value => `\n${cut(value, 200).replaceAll(/['"]/g, '')}=x`).join('')); // prettier-ignore
  const print = script(`for ((i = 0; i < ${values.length}; i++)); do name=K$i; printf '%s\\0' "\${!name}"; done`);
  const { stdout, stderr } = spawnSync('bash', ['-s'], {
    input: lines(script('PATH_WAS=$PATH'), exportEnvironment([file]), print).text,
    cwd: work,
    maxBuffer: 1e9,
  });
  const seen = stdout.toString().split('\0').slice(0, -1);
  assert.is(stderr.toString(), '');
  for (const [index, value] of values.entries()) assert.is(seen[index], value.replace(/\r$/, ''));
  assert.equal(readdirSync(work), []);
  unharmed(values.length);
});

test('lines of releases.log carry any reason and stay one line', () => {
  const values = some(2000, { nul: true });
  for (const value of values) {
    const text = `2026-11-20T12:00:04Z ${pairs({ env: 'staging', sha: 'a'.repeat(40), reason: value, id: 'x' })}`;
    assert.not.ok(/[\n\0]/.test(text));
    const read = parseLine(text);
    assert.is(read?.id, 'x', value);
    assert.is(read?.outcome, 'live');
    assert.is((read?.reason ?? '').replaceAll(' ', ''), value.replace(/[\0-\x09\x0b-\x1f\x7f ]/g, ''));
  }
  unharmed(values.length);
});

test('probes with hostile expectations are asked without running any of them', () => {
  const values = some(300).map(value => cut(value, 400));
  const texts = values.map(value => {
    const probe = {
      name: 'ready',
      url: 'http://127.0.0.1:1/',
      status: 200,
      json: { [value]: value },
      header: { name: value, value },
    };
    return probeLines([probe], 'a'.repeat(40)).text;
  });
  // the words are taken in and used as expressions; 300 waits would take minutes
  const each = `for one in "\${probes[@]}"; do printf '%s\\0' "$one"; echo x | grep -qiE -- "\${one#*:}" || [ $? -le 1 ]; done; probes=()`;
  const prelude = readFileSync(new URL('../../lib/host/step-functions.sh', import.meta.url), 'utf8');
  const input = [prelude, readyWords.text, ...texts.map(text => `${text}\n${each}`)].join('\n');
  const { status, stderr, stdout } = spawnSync('bash', ['-s'], { input, cwd: work, maxBuffer: 1e9 });
  assert.is(status, 0, stderr.toString().slice(0, 2000));
  assert.is(stdout.toString().split('\0').length - 1, values.length * 7);
  assert.equal(readdirSync(work), []);
  unharmed(values.length);
});

test('words of exec and a pattern of logs reach their program one by one', () => {
  const target = sample({ env: [] }, join(folder, 'root'));
  const release = {
    sha: 'a'.repeat(40),
    name: '20261120_120004_aaaaaaa',
    folder: join(folder, 'root/releases/20261120_120004_aaaaaaa'),
  };
  mkdirSync(release.folder, { recursive: true });
  const runtime = runtimeOf(target);
  const values = some(970).map(value => cut(value, 100));
  const prelude = readFileSync(new URL('../../lib/host/step-functions.sh', import.meta.url), 'utf8');
  for (let from = 0; from < values.length; from += 97) {
    const words = values.slice(from, from + 97);
    const { stdout, stderr } = spawnSync('bash', ['-s'], {
      input: `${prelude}\n${runtime.exec(release, ['printf', '%s\\0', ...words], false, undefined).text}`,
      cwd: work,
    });
    assert.equal(stdout.toString().split('\0').slice(0, -1), words, stderr.toString());
  }
  mkdirSync(join(folder, 'root/log'));
  const log = values.map(value => value.replace(/[\r\n]/g, ' '));
  writeFileSync(join(folder, 'root/log/book.log'), log.join('\n'));
  for (const grep of log.slice(0, 25).filter(one => one.trim())) {
    const question = { follow: false, since: undefined, until: undefined, lines: undefined, grep };
    const { stdout, stderr } = spawnSync('bash', ['-s'], {
      input: `${prelude}\n${runtime.logs(question, release, false).text}`,
      cwd: work,
    });
    assert.ok(stdout.toString().includes(grep), `${grep} ${stderr.toString()}`);
  }
  unharmed(values.length);
});

test('those were 10,000 values', () => assert.ok(tried >= 10_000, String(tried)));

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
