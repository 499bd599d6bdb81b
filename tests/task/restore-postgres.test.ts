// Restores of a real Postgres as whole programs: into a folder, in the place of the database, undone, and cut off.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/book/book.ts';
import { makePostgresBook } from '../support/book/with-postgres.ts';

const { server, book, sql, titles, others, end } = await makePostgresBook();
let good = '';
test.before(async () => {
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
  good = await book.backUp();
});
test.after(end);

test('into a folder: the dump as pg_restore reads it, tried where the programs are', async () => {
  const { code, stderr } = await book.run('restore', ['--to', 'out']);
  assert.is(code, 0, stderr);
  assert.match(stderr, 'Restore the dump into an isolated server');
  const out = join(book.folder, 'out');
  assert.equal(readdirSync(out).toSorted(), ['database.dump', 'files']);
  const { stdout } = spawnSync('pg_restore', ['--list', join(out, 'database.dump')], { encoding: 'utf8' });
  assert.match(stdout, 'TABLE DATA public chapters ana');
});

test('in the place of the database: what was there before keeps a name of its own', async () => {
  sql("UPDATE chapters SET title = 'written since'");
  const plan = await book.run('restore', [good, '--plan']);
  assert.is(plan.code, 0, plan.stderr);
  assert.match(plan.stdout, /Stop [^]*Replace the present database[^]*Start /);
  assert.is(titles(), 'written since,written since');
  const { code, stdout, stderr } = await book.run('restore', [good, '--json']);
  assert.is(code, 0, stderr);
  assert.is(titles(), 'one,two');
  const [aside = ''] = (JSON.parse(stdout).aside as string[])[0]?.split('the database ').slice(1) ?? [];
  assert.equal(others(), [aside]);
  assert.match(server.sql('SELECT title FROM chapters', aside), 'written since');
  assert.is(await book.serves(), book.good2);
  server.sql(`DROP DATABASE "${aside.replaceAll('"', '""')}"`);
});

test('a restore whose data the app cannot use is undone, and one whose client dies is undone by the server', async () => {
  sql("UPDATE chapters SET title = 'precious'");
  const wants = "SELECT 1 / count(*) FROM chapters WHERE title = 'precious'";
  const deploy = await book.run('deploy', ['--sha', book.commit('strict', { 'postgres.sql': wants })]);
  assert.is(deploy.code, 0, deploy.stderr);
  const failed = await book.run('restore', [good]);
  assert.is(failed.code, 1, failed.stderr);
  assert.match(failed.stderr, 'division by zero');
  assert.is(titles(), 'precious,precious');
  assert.equal(others(), []);
  const rolled = await book.run('rollback');
  assert.is(rolled.code, 0, rolled.stderr);

  const running = book.start('restore', [good]);
  await running.says('… Replace the present database with the restored one');
  running.child.kill('SIGKILL');
  await running.ended;
  await until(
    'the target is at rest',
    () => book.isFree() && (book.log().at(-1) ?? '').includes('outcome=lost'),
    () => book.log().join('\n'),
    40,
  );
  assert.is(titles(), 'precious,precious');
  const again = await book.run('restore', [good]);
  assert.is(again.code, 0, again.stderr);
  assert.is(titles(), 'one,two');
  assert.equal(
    others().filter(one => one.includes('_restored_')),
    [],
  );
});

test('who may not make databases is told before anything is stopped', async () => {
  server.sql('ALTER ROLE ana NOCREATEDB');
  const before = book.log().length;
  const { code, stderr } = await book.run('restore', [good]);
  assert.is(code, 1, stderr);
  assert.match(stderr, 'the user ana may not make databases: ALTER ROLE ana CREATEDB');
  assert.is(book.log().length, before);
});
test.run();
