// The stand-in for Bibliotheca: the promised commits, and the app under Debian's gunicorn where that is installed.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBibliotheca } from './bibliotheca.ts';
import { ask, release, run, start, stopAll } from './running.ts';
import { freePort } from '../free-port.ts';

const folder = await mkdtemp(join(tmpdir(), 'bibliotheca-'));
const { repo, ...commits } = await makeBibliotheca(join(folder, 'repo'));

test('makes the promised commits: two on main, each bad one a branch of it', async () => {
  const main = await run('git', ['-C', repo, 'log', '--format=%H', 'main']);
  assert.is(main.stdout, `${commits.good2}\n${commits.good1}\n`);
  for (const sha of [commits.exitsAtOnce, commits.neverReady, commits.badMigration]) {
    assert.is((await run('git', ['-C', repo, 'rev-parse', `${sha}~1`])).stdout.trim(), commits.good2);
  }
});

const installed = ['/usr/bin/gunicorn', '/usr/bin/alembic', '/usr/lib/python3/dist-packages/flask'].every(existsSync);
const underGunicorn = (title: string, whole: () => Promise<void>) =>
  installed ? test(title, whole) : test.skip(title, whole);

underGunicorn('upgrades at boot, tells its health and version, and each bad version is bad', async () => {
  const env = (await readFile(join(repo, '.env.example'), 'utf8')).replace('/opt/bibliotheca/shared', folder);
  const address = `127.0.0.1:${await freePort()}`;
  const words = ['--workers', '1', '--bind', address, '--timeout', '120', 'wsgi:app'];
  const unpack = async (sha: string) => {
    const cwd = await release(repo, sha, join(folder, sha));
    await writeFile(join(cwd, '.env'), env);
    return cwd;
  };
  const at = (path: string, init?: RequestInit) => ask(`http://${address}${path}`, init);

  let app = start('/usr/bin/gunicorn', words, await unpack(commits.good1), {});
  const health = await at('/health');
  assert.is(health.status, 200);
  assert.is(health.headers.get('x-version'), commits.good1);
  assert.match(health.text, /"database":\{"status":"ok"\}[^]*"running":true[^]*"status":"ok"/);
  assert.match((await at('/ping')).text, /"status":"ok","timestamp"/);
  assert.equal((await at('/books', { method: 'POST' })).json(), { count: 3 });
  assert.is((await app.stop()).code, 0);

  const second = await unpack(commits.good2);
  await run('/usr/bin/alembic', ['upgrade', 'head'], { cwd: second });
  assert.match((await run('/usr/bin/alembic', ['current'], { cwd: second })).stdout, '0002 (head)');
  app = start('/usr/bin/gunicorn', words, second, {});
  assert.equal((await at('/books')).json(), { count: 3 });
  await app.stop();

  app = start('/usr/bin/gunicorn', words, await unpack(commits.exitsAtOnce), {});
  assert.is.not(await app.ended, 0);
  assert.match(app.output(), "No module named 'bibliotheca.circulation'");

  app = start('/usr/bin/gunicorn', words, await unpack(commits.neverReady), {});
  const degraded = await at('/health');
  assert.is(degraded.status, 503);
  assert.match(degraded.text, /no such table: volumes[^]*"status":"degraded"/);
  await app.stop();

  const bad = await unpack(commits.badMigration);
  app = start('/usr/bin/gunicorn', words, bad, {});
  assert.is.not(await app.ended, 0);
  assert.match(app.output(), 'there is no shelf to put the books on');
  const titles =
    "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT DISTINCT title FROM books').fetchall())";
  assert.match((await run('/usr/bin/python3', ['-c', titles, join(folder, 'bibliotheca.db')])).stdout, "[('Lost',)]");

  app = start('/usr/bin/gunicorn', words, second, { WEB_CONCURRENCY: '2' });
  assert.is.not(await app.ended, 0);
  assert.match(app.output(), 'WEB_CONCURRENCY must be 1');
});

test('nothing is left running or lying about', async () => {
  stopAll();
  await rm(folder, { recursive: true });
});
test.run();
