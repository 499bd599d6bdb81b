// The stand-in for arsvent: the promised commits and build contexts, and its backend run by this machine's node.
import { existsSync } from 'node:fs';
import { access, constants, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeArsvent } from './arsvent.ts';
import { ask, run, start, stopAll } from './running.ts';
import { freePort } from '../free-port.ts';

const folder = await mkdtemp(join(tmpdir(), 'arsvent-'));
const arsvent = await makeArsvent(folder);
const { repo, contextFor, ...commits } = arsvent;

test('makes the promised commits: two on main, each bad one a branch of it', async () => {
  const main = await run('git', ['-C', repo, 'log', '--format=%H', 'main']);
  assert.is(main.stdout, `${commits.good2}\n${commits.good1}\n`);
  const { good1, good2, ...branches } = commits;
  assert.equal(Object.keys(branches).sort(), [
    'badMigration',
    'exitsAtOnce',
    'neverReady',
    'redirects',
    'renamesService',
    'slowStart',
    'touchesProduction',
    'wrongVersion',
  ]);
  for (const sha of Object.values(branches)) {
    assert.is((await run('git', ['-C', repo, 'rev-parse', `${sha}~1`])).stdout.trim(), good2);
  }
  assert.is(new Set([good1, ...Object.values(commits)]).size, 10);
});

test('a build context holds its commit, its version and, for the backend, SQLite and an executable npx', async () => {
  const frontend = await contextFor(commits.good1, 'frontend');
  assert.is(JSON.parse(await readFile(join(frontend, 'version.json'), 'utf8')).commitSha, commits.good1);
  const backend = await contextFor(commits.good1, 'backend');
  await access(join(backend, 'npx'), constants.X_OK);
  await access(join(backend, 'node_modules/node-sqlite3-wasm/dist/node-sqlite3-wasm.wasm'));
  assert.not.ok(existsSync(join(backend, 'prisma/migrations/20251108090000_authors')));
});

test('the frontend serves its page and its version', async () => {
  const port = await freePort();
  const app = start('node', ['server.mjs'], await contextFor(commits.good2, 'frontend'), { PORT: String(port) });
  const version = (await ask(`http://127.0.0.1:${port}/version.json`)).json();
  assert.equal(version, {
    imageTag: commits.good2,
    commitSha: commits.good2,
    dirty: false,
    builtAt: '2026-11-20T12:00:00Z',
  });
  assert.match((await ask(`http://127.0.0.1:${port}/`)).text, 'arsvent');
  assert.is((await app.stop()).code, 0);
});

/** The example environment, with this machine's paths and ports. */
async function environment(changes: Record<string, string> = {}): Promise<Record<string, string>> {
  const text = await readFile(join(repo, 'backend/.env.example'), 'utf8');
  const pairs = text.split('\n').filter(line => line && !line.startsWith('#'));
  const example = Object.fromEntries(pairs.map(line => line.split(/=(.*)/).slice(0, 2)));
  const port = String(await freePort());
  return { ...example, PORT: port, DATABASE_URL: `file:${join(folder, 'prod.db')}`, ...changes };
}

const migrate = async (sha: string, env: Record<string, string>) => {
  const cwd = await contextFor(sha, 'backend');
  const done = start('node', ['prisma/migrate-deploy.mjs'], cwd, env);
  return { code: await done.ended, output: done.output() };
};

test('the backend refuses an environment that contradicts itself', async () => {
  const cwd = await contextFor(commits.good1, 'backend');
  const refused = start('node', ['server.mjs'], cwd, await environment({ IS_PRODUCTION: 'true' }));
  assert.is(await refused.ended, 1);
  assert.match(refused.output(), 'IS_PRODUCTION does not match APP_ENV');
});

test('the version that exits at once exits at once, naming what is missing', async () => {
  const cwd = await contextFor(commits.exitsAtOnce, 'backend');
  const app = start('node', ['server.mjs'], cwd, await environment());
  assert.is(await app.ended, 1);
  assert.match(app.output(), 'doors.mjs');
});

test('npx knows one command', async () => {
  const cwd = await contextFor(commits.good1, 'backend');
  const refused = start('./npx', ['prisma', 'studio'], cwd, {});
  assert.is(await refused.ended, 127);
});

const installed = existsSync('/usr/bin/redis-server');
const withRedis = (title: string, whole: () => Promise<void>) =>
  installed ? test(title, whole) : test.skip(title, whole);

withRedis('with Redis: migrates, becomes ready, grows, and each bad version is bad', async () => {
  const port = String(await freePort());
  const redis = start('/usr/bin/redis-server', ['--port', port, '--save', '', '--bind', '127.0.0.1'], folder, {});
  const env = await environment({ REDIS_URL: `redis://127.0.0.1:${port}` });
  const at = (path: string, init?: RequestInit) => ask(`http://127.0.0.1:${env['PORT']}${path}`, init);
  const serve = async (sha: string, more = {}) =>
    start('node', ['server.mjs'], await contextFor(sha, 'backend'), { ...env, ...more });

  let app = await serve(commits.good1, { REDIS_URL: 'redis://127.0.0.1:1' });
  assert.match((await at('/livez')).text, 'redis cannot be reached');
  assert.is((await at('/healthz')).status, 200);
  await app.stop();

  app = await serve(commits.good1);
  assert.is((await at('/livez')).status, 200);
  assert.match((await at('/readyz')).text, 'database: ');
  assert.is((await migrate(commits.good1, env)).code, 0);
  assert.equal((await at('/readyz')).json(), { status: 'ok' });
  assert.equal((await at('/api/books', { method: 'POST' })).json(), { count: 3 });
  assert.is((await app.stop()).code, 0);

  app = await serve(commits.good2);
  const pending = await at('/readyz');
  assert.is(pending.status, 503);
  assert.equal(pending.json(), { status: 'error', reason: 'migrations pending: 20251108090000_authors' });
  assert.match((await migrate(commits.good2, env)).output, 'Applying migration `20251108090000_authors`');
  assert.is((await at('/readyz')).status, 200);
  assert.equal((await at('/api/books')).json(), { count: 3 });
  await app.stop();

  app = await serve(commits.neverReady);
  assert.match((await at('/readyz')).text, 'the search index is missing');
  await app.stop();

  app = await serve(commits.wrongVersion);
  assert.match((await at('/version.json')).text, '0123456789abcdef');
  assert.is((await at('/readyz')).status, 200);
  await app.stop();

  app = await serve(commits.redirects);
  assert.is((await at('/readyz')).status, 301);
  await app.stop();

  app = await serve(commits.slowStart);
  assert.match((await at('/readyz')).text, 'warming up');
  await app.stop();

  const failed = await migrate(commits.badMigration, env);
  assert.is(failed.code, 1);
  assert.match(failed.output, /P3018[^]*no such table: prizes/);
  assert.match((await migrate(commits.badMigration, env)).output, 'P3009');
  app = await serve(commits.good2);
  assert.equal((await at('/api/books')).json(), { count: 1 });
  await app.stop();
  await redis.stop();
});

test('nothing is left running or lying about', async () => {
  stopAll();
  await rm(folder, { recursive: true });
});
test.run();
