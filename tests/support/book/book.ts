// The sample book as a target on this machine: repository, ops.yml, environments in a scratch folder, and tasks run on it.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeVersions, type Versions } from '../../../examples/hello-book/versions.ts';
import { freePort } from '../free-port.ts';
import { startOf } from '../../transpiled.ts';

const home = join(import.meta.dirname, '../../..');

export type End = { code: number | null; stdout: string; stderr: string };
export type Running = { child: ChildProcess; ended: Promise<End>; end: End; says(text: string): Promise<void> };
type More = {
  env?: NodeJS.ProcessEnv;
  /** What it reads; undefined: nothing, false: a stream that stays open. */ stdin?: string | false;
};

export type Place = { root: string; port: number; database: string; envFile: string };

export type Book = Versions & {
  folder: string;
  /** Runs a task with words; `staging` is the environment unless they name one. */
  run(task: string, words?: string[], more?: More): Promise<End>;
  start(task: string, words?: string[], more?: More): Running;
  place(environment?: string): Place;
  /** What the live server says is its commit; undefined when nothing answers. */
  serves(environment?: string): Promise<string | undefined>;
  /** The lines of releases.log. */
  log(environment?: string): string[];
  current(environment?: string): string | undefined;
  /** A commit on a branch of its own, made from good2, that writes these files. */
  commit(branch: string, files: Record<string, string>): string;
  /** A good commit whose migration waits until the gate is opened. */
  gated(name: string): { sha: string; open(): void };
  /** Whether nobody holds the lock. */
  isFree(environment?: string): boolean;
  /** Takes everything away, also what still runs. */
  clean(): void;
};

/** `rules` is what ops.yml says about keys of the env file, as YAML. */
export async function makeBook({ rules = 'PORT: required' }: { rules?: string } = {}): Promise<Book> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-book-'));
  const versions = await makeVersions(join(folder, 'repo'));
  const places = new Map<string, Place>();
  for (const environment of ['staging', 'production']) {
    const root = join(folder, environment);
    const port = await freePort();
    const database = join(root, 'shared/book.db');
    const envFile = join(root, 'shared/book.env');
    mkdirSync(join(root, 'shared'), { recursive: true });
    symlinkSync(join(home, 'node_modules'), join(root, 'shared/node_modules'));
    writeFileSync(envFile, `PORT=${port}\nDATABASE_FILE=${database}\n`);
    places.set(environment, { root, port, database, envFile });
  }
  writeFileSync(join(folder, 'ops.yml'), opsYml(rules, places));

  const place = (environment = 'staging') => {
    const found = places.get(environment);
    if (!found) throw new Error(`no ${environment}`);
    return found;
  };
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

  const start: Book['start'] = (task, words, more) => startTask(folder, task, words, more);

  const commit: Book['commit'] = (branch, files) => {
    const git = (...words: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', ...words], {
        cwd: versions.repo,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    git('checkout', '--quiet', '-B', branch, versions.good2);
    for (const [path, text] of Object.entries(files)) writeFileSync(join(versions.repo, path), text);
    git('add', '--all');
    git('commit', '--quiet', '--message', branch);
    const sha = git('rev-parse', 'HEAD');
    git('checkout', '--quiet', 'main');
    return sha;
  };

  return {
    ...versions,
    folder,
    commit,
    gated(name) {
      const gate = join(folder, `gate-${name}`);
      const wait = `import { existsSync } from 'node:fs';
while (!existsSync(${JSON.stringify(gate)})) await new Promise(done => setTimeout(done, 50));
`;
      const migrate = readFileSync(join(home, 'examples/hello-book/migrate.mjs'), 'utf8');
      return { sha: commit(name, { 'migrate.mjs': wait + migrate }), open: () => writeFileSync(gate, '') };
    },
    isFree(environment) {
      const lock = join(place(environment).root, 'releases/.keeper/lock');
      return spawnSync('flock', ['-n', lock, 'true']).status === 0;
    },
    start,
    run: (task, words, more) => start(task, words, more).ended,
    place,
    async serves(environment) {
      try {
        const answer = await fetch(`http://127.0.0.1:${place(environment).port}/version.json`);
        const found: unknown = await answer.json();
        return (found as { commitSha: string }).commitSha;
      } catch {
        return undefined;
      }
    },
    log: environment =>
      read(join(place(environment).root, 'releases/releases.log'))
        .split('\n')
        .filter(Boolean),
    current: environment => read(join(place(environment).root, 'releases/current_release')).trim() || undefined,
    clean() {
      for (const pid of processesIn(folder))
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone already.
        }
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Starts a task in a folder that has ops.yml. */
export function startTask(folder: string, task: string, words: string[] = [], { env = {}, stdin }: More = {}): Running {
  const own = words.slice(0, words.indexOf('--') < 0 ? words.length : words.indexOf('--'));
  const named = own.includes('--env') ? [] : ['--env', 'staging'];
  const child = spawn('node', [...startOf(task), ...named, ...words], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], USER: 'ana', TZ: 'UTC', ...env },
  });
  const end: End = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => (end.stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => (end.stderr += text));
  child.stdin.on('error', () => {});
  if (stdin !== false) child.stdin.end(stdin ?? '');
  const ended = new Promise<End>(done => child.on('close', code => done(Object.assign(end, { code }))));
  const says = (text: string) =>
    until(
      `${task} says “${text}”`,
      () => (end.stderr + end.stdout).includes(text),
      () => end.stderr + end.stdout,
    );
  return { child, ended, end, says };
}

function opsYml(rules: string, places: Map<string, Place>): string {
  const environments = [...places].map(
    ([name, { root, port }]) => `      ${name}:
        root: ${root}
        health:
          ready: http://127.0.0.1:${port}/readyz
          version: http://127.0.0.1:${port}/version.json
`,
  );
  return `hosts:
  here: local
apps:
  book:
    host: here
    repo: ./repo
    keep: 3
    runtime: process
    process:
      start: exec node server.mjs
      shared: [node_modules]
    database:
      sqlite: shared/book.db
    migrate: node migrate.mjs
    env:
      - file: shared/book.env
        keys:
          ${rules}
    health:
      deadline: 5s
      interval: 100ms
      ready: { json: { status: ok } }
      version: { json: { commitSha: '{sha}' } }
    environments:
${environments.join('')}`;
}

/** Waits until something holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seen = () => '', seconds = 20) {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`it never came true: ${what}\n${seen()}`);
    await new Promise(done => setTimeout(done, 50));
  }
}

/** Each path below a folder with what it is: kind, permissions, time of change and content. */
export function listing(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(folder, name);
    const { mode, mtimeMs } = lstatSync(path);
    found[name] = `${mode} ${mtimeMs} ${lstatSync(path).isFile() ? fingerprint(path) : ''}`;
  }
  return found;
}

export function fingerprint(file: string | Buffer): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Processes that have the folder in their words or as the place they are in. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter(pid => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) ||
          readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}
