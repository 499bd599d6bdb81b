// Deploys of an app whose database is a real Postgres: a dump before each migration, and the way back after one that fails.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makePostgresBook } from '../support/book/with-postgres.ts';

const { server, book, url, sql, titles, others, end } = await makePostgresBook();
test.after(end);

test('a deploy keeps a dump from before its migration', async () => {
  const first = await book.run('deploy', ['--sha', book.good2]);
  assert.is(first.code, 0, first.stderr);
  const migrates = book.commit('migrates', { 'postgres.sql': "INSERT INTO chapters (title) VALUES ('three')" });
  const { code, stderr } = await book.run('deploy', ['--sha', migrates]);
  assert.is(code, 0, stderr);
  assert.is(titles(), 'one,two,three');
  assert.equal(others(), []);
  const [, snapshot = ''] = / snapshot=(\S+)/.exec(book.log().at(-1) ?? '') ?? [];
  assert.is(statSync(snapshot).mode & 0o777, 0o600);
  const rolled = await book.run('rollback', ['--with-database']);
  assert.is(rolled.code, 0, rolled.stderr);
  assert.is(titles(), 'one,two');
  assert.equal(others(), []);
});

test('a migration that fails leaves the database as it was before, whatever it had done', async () => {
  const before = readdirSync(join(book.place().root, 'backups/snapshots'));
  const breaks = book.commit('breaks', {
    'postgres.sql': "DELETE FROM chapters; CREATE TABLE half (n int); INSERT INTO half VALUES (1); SELECT 'x'::int;",
  });
  const { code, stderr } = await book.run('deploy', ['--sha', breaks]);
  assert.is(code, 1, stderr);
  assert.match(stderr, 'invalid input syntax for type integer');
  assert.is(titles(), 'one,two');
  assert.is(sql("SELECT to_regclass('half') IS NULL"), 't');
  assert.equal(others(), []);
  assert.equal(readdirSync(join(book.place().root, 'backups/snapshots')), before);
  assert.is(await book.serves(), book.good2);
});

test('who may not make databases is told so, and the app goes on', async () => {
  server.sql('ALTER ROLE ana NOCREATEDB');
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 1, stderr);
  assert.match(stderr, 'the user ana may not make databases: ALTER ROLE ana CREATEDB');
  assert.is(await book.serves(), book.good2);
});

test('a table that somebody keeps locked is waited for half a minute and named, and the app goes on', async () => {
  server.sql('ALTER ROLE ana CREATEDB');
  const holds = spawn('psql', ['-XAtqw', url], { stdio: ['pipe', 'pipe', 'ignore'] });
  holds.stdin.write("BEGIN; LOCK TABLE chapters; SELECT 'locked';\n");
  await once(holds.stdout, 'data');
  const from = Date.now();
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  holds.stdin.end();
  assert.is(code, 1, stderr);
  assert.match(stderr, /LOCK TABLE .*chapters/);
  assert.ok(Date.now() - from < 90_000);
  assert.is(await book.serves(), book.good2);
});
test.run();
