// The main job on this machine, as a person would do it: deploys the sample book, breaks it, rolls it back.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makeVersions, type Versions } from './hello-book/versions.ts';

const home = join(import.meta.dirname, '..');
const demo = join(home, '.demo');
const root = join(demo, 'production');
const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
const bold = (text: string) => (colours ? `\x1b[1m${text}\x1b[0m` : text);
const dim = (text: string) => (colours ? `\x1b[2m${text}\x1b[0m` : text);

// Ctrl-C reaches the task too, which undoes its deploy; the demo waits for it and ends then.
let interrupted = false;
let running: ChildProcess | undefined;
process.on('SIGINT', () => {
  interrupted = true;
  running?.kill('SIGINT');
});

if (process.argv.includes('--clean')) {
  clean();
  say('The demo is gone: its book is stopped and .demo/ removed.');
} else await main();

async function main(): Promise<void> {
  const began = performance.now();
  say(`This puts a small book live on this machine, renews it, breaks it and rolls it back: the same tasks that do it on
a server, with a process in the place of a container. Everything stays in .demo/; nothing else is touched.`);
  needs(['git', 'curl', 'sqlite3', 'flock', 'setsid', 'zstd']);
  clean();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const versions = await prepare(port);

  say(`There is an app with four versions in .demo/repo, and a configuration in .demo/ops.yml. First, is it valid?`);
  console.log(bold('$ export BOOKOPS_CONFIG=.demo/ops.yml'));
  await task('config', ['check']);

  say('Put the first version live. Each line below is a step with its own way back.');
  await task('deploy', ['--env', 'production', '--sha', short(versions.good1)]);
  await look(url, versions.good1);

  say(`A new version, which also changes the database. What would happen? ${dim('--plan')} shows it and does nothing.`);
  await task('deploy', ['--env', 'production', '--sha', short(versions.good2), '--plan']);
  say('Do it.');
  await task('deploy', ['--env', 'production', '--sha', short(versions.good2)]);
  await look(url, versions.good2);

  say('Now a version that is broken: it starts, and is never ready. Nobody has to do anything about it.');
  const before = database();
  const stop = readAllTheTime(url);
  await task('deploy', ['--env', 'production', '--sha', short(versions.broken)], 1);
  const seen = await stop();
  if (database() !== before) fail('the database is not what it was.');
  await look(url, versions.good2);
  if (seen.join() !== versions.good2) fail(`readers saw ${seen.join(', ') || 'nothing'} meanwhile.`);
  say(`That failure was meant: exit code 1, and the old version is back, with its database as it was to the byte. Readers saw
the old version or, where a proxy looks at the flag that “Maintenance on” makes, a page that says “back in a moment”.`);

  say('The second version disappoints: back to the one before.');
  await task('rollback', ['--env', 'production']);
  await look(url, versions.good1);

  say('What serves now, and what was attempted?');
  await task('status', ['--env', 'production']);
  await task('releases', ['--env', 'production']);
  verifyLog(versions);

  say(
    'All of this is worth a copy elsewhere. Back it up while it serves; the store is a folder here, and could be a bucket.',
  );
  await task('backup', ['--env', 'production']);
  say('A copy that nobody has opened is a hope. Restore it into scratch space, open the database, count the rows:');
  await task('drill', ['--env', 'production']);
  await task('backups', ['--env', 'production']);

  say(`${bold('That was the demo')}, in ${Math.round((performance.now() - began) / 1000)} s. It is all still there:

  ${url.padEnd(40)}the book; reload it and its counter counts on
  .demo/ops.yml                           the whole configuration
  .demo/production/releases/releases.log  one line per attempt, also for the one that failed
  .demo/backups                           what was backed up, with the verdict of the drill
  npx tsx tasks/deploy.ts --help          what else a deploy can do

${bold('make demo-clean')} stops the book and removes everything.`);
}

/** The app's repository, one environment with what a release needs of the machine, and ops.yml. */
async function prepare(port: number): Promise<Versions> {
  mkdirSync(join(root, 'shared'), { recursive: true });
  const versions = await makeVersions(join(demo, 'repo'));
  symlinkSync(join(home, 'node_modules'), join(root, 'shared/node_modules'));
  writeFileSync(join(root, 'shared/book.env'), `PORT=${port}\nDATABASE_FILE=${root}/shared/book.db\n`, { mode: 0o600 });
  writeFileSync(
    join(demo, 'ops.yml'),
    `# What the demo operates. The real thing looks the same, with a server under hosts: { vps: { ssh: deploy@203.0.113.10 } }
hosts:
  here: local # the machine the task runs on

stores:
  disk: { kind: path, folder: ./backups } # or kind: s3, for a bucket

apps:
  hello-book:
    host: here
    repo: ./repo # a git clone of the app; a deploy takes commits, never the work tree
    runtime: process # on a server: compose or systemd
    process:
      start: exec node server.mjs
      shared: [node_modules] # links in each release to the same path under shared/
    database:
      sqlite: shared/book.db # a snapshot of it is taken before each change
    migrate: node migrate.mjs
    backup: { stores: [disk] } # and files: { include: [shared/uploads] }, where there are some
    env:
      - file: shared/book.env
        keys: { PORT: required, DATABASE_FILE: required }
    health:
      deadline: 4s
      interval: 200ms
      ready: { json: { status: ok } }
      version: { json: { commitSha: '{sha}' } } # the release that answers must be the one that was deployed

    environments:
      production:
        root: ${JSON.stringify(root)}
        health:
          ready: http://127.0.0.1:${port}/readyz
          version: http://127.0.0.1:${port}/version.json
`,
  );
  return versions;
}

/** Runs a task as a person would, in this terminal. */
async function task(name: string, words: string[], wanted = 0): Promise<void> {
  console.log(bold(`$ npx tsx tasks/${name}.ts ${words.join(' ')}`));
  const child = spawn(process.execPath, ['--import', 'tsx', `tasks/${name}.ts`, ...words], {
    cwd: home,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, BOOKOPS_CONFIG: join(demo, 'ops.yml') },
  });
  running = child;
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  running = undefined;
  if (interrupted) process.exit(130);
  console.log('');
  if (code !== wanted) fail(`tasks/${name}.ts ended with ${code}, and this demo expected ${wanted}.`);
}

/** Reads the page as a visitor. It fails when another release answers than should. */
async function look(url: string, sha: string): Promise<void> {
  const page = await (await fetch(url)).text();
  const title = /<title>([^<]*)/.exec(page)?.[1];
  const footer = /<footer>([^<]*)/.exec(page)?.[1];
  const release = await releaseAt(url);
  console.log(`${dim('the page says:')} “${title}”, ${footer}\n`);
  if (release !== sha || !title || !footer?.includes(short(sha)))
    fail(`${url} shows ${release ?? 'nothing'}, and ${sha} should serve.`);
}

async function releaseAt(url: string): Promise<string | undefined> {
  try {
    const found: unknown = await (await fetch(`${url}version.json`)).json();
    return typeof found === 'object' && found && 'commitSha' in found ? String(found.commitSha) : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the book as a reader behind the proxy does: not while the maintenance flag is there. What it gives back ends it. */
function readAllTheTime(url: string): () => Promise<string[]> {
  const shown = () => !existsSync(join(root, 'maintenance/MAINTENANCE_ON'));
  let on = true;
  const seen = new Set<string>();
  const reading = (async () => {
    while (on) {
      const release = shown() ? await releaseAt(url) : undefined;
      if (release && shown()) seen.add(release);
      await new Promise(done => setTimeout(done, 20));
    }
  })();
  return async () => {
    on = false;
    await reading;
    return [...seen];
  };
}

function database(): string {
  return createHash('sha256')
    .update(readFileSync(join(root, 'shared/book.db')))
    .digest('hex');
}

function verifyLog({ good1, good2, broken }: Versions): void {
  const text = readFileSync(join(root, 'releases/releases.log'), 'utf8');
  const told = text
    .split('\n')
    .filter(Boolean)
    .map(line => `${/action=(\w+)/.exec(line)?.[1]} ${/sha=(\w+)/.exec(line)?.[1]} ${/outcome=(\w+)/.exec(line)?.[1]}`);
  const wanted = [
    `deploy ${good1} live`,
    `deploy ${good2} live`,
    `deploy ${broken} reverted`,
    `rollback ${good1} live`,
  ];
  if (told.join('\n') !== wanted.join('\n')) fail(`releases.log should say otherwise:\n${text}`);
}

/** Installs what is missing where that is a matter of one command, and says what to install elsewhere. */
function needs(programs: string[]): void {
  const there = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
  const missing = programs.filter(name => !there(name));
  if (missing.length === 0) return;
  const packages = missing.map(name => (name === 'flock' || name === 'setsid' ? 'util-linux' : name));
  if (process.getuid?.() !== 0 || !there('apt-get'))
    fail(`This needs ${missing.join(', ')}. On Debian and Ubuntu: sudo apt-get install ${packages.join(' ')}`);
  say(`Missing here: ${missing.join(', ')}. You are root on a Debian, so: apt-get install ${packages.join(' ')}`);
  const quietly = { stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'] };
  spawnSync('apt-get', ['update', '-qq'], quietly);
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    ...quietly,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  const still = missing.filter(name => !there(name));
  if (still.length) fail(`apt-get could not install ${still.join(', ')}.`);
}

/** Stops what an earlier demo left, also one that Ctrl-C ended, and removes its folder. */
function clean(): void {
  if (!existsSync(demo)) return;
  // A deploy of a demo that was killed is just being undone: it would put back what is removed here.
  const lock = join(root, 'releases/.keeper/lock');
  if (existsSync(lock)) spawnSync('flock', ['-w', '30', lock, 'true']);
  for (const pid of processesOfTheDemo())
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  rmSync(demo, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

/** Those that are in its folder, or have it among their words; never this program. */
function processesOfTheDemo(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => pid !== process.pid && pid !== process.ppid)
    .filter(pid => {
      try {
        const place = readlinkSync(`/proc/${pid}/cwd`);
        return `${place}/`.startsWith(`${root}/`) || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${root}/`);
      } catch {
        return false;
      }
    });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function short(sha: string): string {
  return sha.slice(0, 7);
}

function say(text: string): void {
  console.log(`${text}\n`);
}

function fail(message: string): never {
  console.error(`The demo stops here: ${message}`);
  process.exit(1);
}
