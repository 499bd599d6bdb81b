// Postgres databases that change places: cut off after any command, the way back leaves them as they were, also when it is walked twice.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PostgresDatabase } from '../../../../lib/target/database-settings.ts';
import type { Command } from '../../../../lib/host/sh.ts';
import { exchangeDumps, sweepDumps } from '../../../../lib/database/postgres/swap.ts';
import { dumpFile } from '../../../../lib/database/postgres/snapshot.ts';
import { keepSnapshots, restoreStep, snapshotStep } from '../../../../lib/database/snapshot.ts';
import { startPostgres } from '../../../support/postgres/server.ts';
import { changeOf, sample } from '../../../support/target/targets.ts';

const server = await startPostgres();
const folder = mkdtempSync(join(tmpdir(), 'bookops-places-'));
test.after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});
const prelude = readFileSync(new URL('../../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
const name = `a book's\n"$(id)" \\ 100%`;
const [user, password] = [`it's "ana"`, `p@ss'w"o r\\d\n$HOME%41`];
const file = join(folder, 'a.env');
writeFileSync(file, `DATABASE_URL="${server.make(user, password, name)}"\n`);
const database: PostgresDatabase = {
  kind: 'postgres',
  at: { variable: 'DATABASE_URL' },
  as: undefined,
  snapshots: join(folder, "snap 'shots'"),
  keep: 2,
};
const target = sample({ database, env: [{ file, keys: {}, checks: [] }] });
/** Each point with BOOKOPS_TORTURE=1, each second one otherwise. */
const stride = process.env['BOOKOPS_TORTURE'] === '1' ? 1 : 2;
const change = (id: string) => changeOf(target, id);
const newest = readdirSync('/usr/lib/postgresql').toSorted((a, b) => Number(b) - Number(a))[0] ?? '';

/** `upTo`: it dies before its nth call of a program of Postgres, as when a server goes down. */
function run({ text }: Command, upTo?: number): { status: number | null; stderr: string } {
  const count = join(folder, 'calls');
  writeFileSync(count, '');
  const dying = `client() { echo >>${count}; (($(wc -l <${count}) <= ${upTo ?? 1000})) || { kill -9 "$$"; exit 9; }; `;
  const cut = text.replaceAll('client() { ', dying);
  const { status, stderr } = spawnSync('bash', ['-c', `exec 3>"$KEEPER_RUN/answer"\n${prelude}\n${cut}`], {
    encoding: 'utf8',
    env: { HOME: folder, PATH: `/usr/lib/postgresql/${newest}/bin:/usr/bin:/bin`, KEEPER_RUN: folder },
  });
  return { status, stderr };
}
const fine = (command: Command | undefined) => {
  assert.ok(command);
  const { status, stderr } = run(command);
  assert.is(status, 0, stderr);
};
const role = `"${user.replaceAll('"', '""')}"`;
const is = () => server.sql('SELECT text FROM page', name);
const set = (text: string) =>
  server.sql(`SET ROLE ${role}; DROP TABLE IF EXISTS page; CREATE TABLE page AS SELECT '${text}' AS text`, name);
const own = (made: string) => `CREATE DATABASE "${made.replaceAll('"', '""')}" OWNER ${role}`;
server.sql(`ALTER DATABASE "${name.replaceAll('"', '""')}" SET search_path TO "$user", public, extra`);
server.sql(`REVOKE CONNECT ON DATABASE "${name.replaceAll('"', '""')}" FROM PUBLIC`);
const about = () =>
  server.sql(
    `SELECT (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM aclexplode(datacl) a), (SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = current_database()`,
    name,
  );

test('a restore, exchanged and taken back, at any point', () => {
  const stamp = '20261121T030000Z';
  const [restored, aside] = [`${name}_restored_${stamp}`, `${name}_before_restore_${stamp}`];
  set('now');
  const { run: forward, undo } = exchangeDumps({ target, stamp }, database);
  assert.ok(undo);
  server.sql(own(restored));
  server.sql("CREATE TABLE page AS SELECT 'then' AS text", restored);
  const before = server.names().toSorted();
  let calls = 0;
  for (; calls < 20; calls += stride) {
    const { status } = run(forward, calls);
    run(undo, (calls * 2) % 5);
    fine(undo);
    assert.is(is(), 'now', `after ${calls} calls`);
    assert.equal(server.names().toSorted(), before);
    if (status === 0) break;
  }
  assert.ok(calls >= 3 && calls < 20, String(calls));
  fine(forward);
  assert.is(is(), 'then');
  assert.is(server.sql('SELECT text FROM page', aside), 'now');
  assert.not.ok(server.names().includes(restored));
  server.sql(own(restored));
  fine(sweepDumps(target, database));
  assert.equal(
    server
      .names()
      .filter(one => one.startsWith('a book'))
      .toSorted(),
    [name, aside].toSorted(),
  );
});

test('a deploy whose migration fails has its database back, at any point, also under a client that does not leave', () => {
  set('before');
  const rights = about();
  const step = snapshotStep(target, database, change('20261120-000001'));
  const before = server.names().toSorted();
  let calls = 0;
  for (; calls < 20; calls += stride) {
    const { status } = run(step.run, calls);
    if (status === 0) set('half migrated');
    run(step.undo ?? step.run, (calls * 3) % 8);
    fine(step.undo);
    assert.is(is(), 'before', `after ${calls} calls`);
    assert.equal(server.names().toSorted(), before, `after ${calls} calls`);
    if (status === 0) break;
  }
  assert.ok(calls >= 5 && calls < 20, String(calls));
  assert.is(about(), rights);
  assert.equal(readdirSync(database.snapshots), []);
  for (let walked = 1; walked < 8; walked += stride) {
    fine(step.run);
    set('half migrated');
    run(step.undo ?? step.run, walked);
    fine(step.undo);
    assert.is(is(), 'before', `after ${walked} calls of the way back`);
    assert.equal(server.names().toSorted(), before);
  }
  assert.is(about(), rights);
});

test('a copy that is gone is no way back that was walked, and a database that was dropped comes back all the same', () => {
  const id = '20261120-000011';
  const step = snapshotStep(target, database, change(id));
  const quoted = (end: string) => `"${`${name}${end}`.replaceAll('"', '""')}"`;
  fine(step.run);
  set('half migrated');
  server.sql(`ALTER DATABASE ${quoted(`_kept_${id}`)} RENAME TO elsewhere`);
  const { status, stderr } = run(step.undo ?? step.run);
  assert.is(status, 1, stderr);
  assert.match(stderr, dumpFile(target, database, id));
  server.sql(`ALTER DATABASE elsewhere RENAME TO ${quoted(`_kept_${id}`)}`);
  server.sql(`DROP DATABASE ${quoted('')}`);
  fine(step.undo);
  assert.is(is(), 'before');
  assert.equal(readdirSync(database.snapshots), []);
});

test('an older dump takes the place of the database, and the way back from that too is at any point', () => {
  set('then');
  const old = change('20261120-000002');
  fine(snapshotStep(target, database, old).run);
  const snapshot = dumpFile(target, database, old.id);
  assert.is(readFileSync(join(folder, 'answer'), 'utf8').trim(), snapshot);
  fine(keepSnapshots(target, database, old).run);
  set('now');
  const before = server.names().toSorted();
  const next = change('20261120-000003');
  const step = snapshotStep(target, database, next);
  const restore = restoreStep(target, database, next, snapshot);
  let calls = 0;
  for (; calls < 20; calls += stride) {
    fine(step.run);
    const { status } = run(restore.run, calls);
    run(step.undo ?? step.run, (calls * 3) % 8);
    fine(step.undo);
    assert.is(is(), 'now', `after ${calls} calls`);
    assert.equal(server.names().toSorted(), before);
    if (status === 0) break;
  }
  assert.ok(calls >= 5 && calls < 20, String(calls));
  fine(step.run);
  fine(restore.run);
  assert.is(is(), 'then');
  for (const id of ['20261120-000004', '20261120-000005']) fine(snapshotStep(target, database, change(id)).run);
  fine(keepSnapshots(target, database, next).run);
  assert.equal(server.names().toSorted(), before);
  assert.equal(readdirSync(database.snapshots).toSorted(), [
    'book-staging-20261120-000004.dump.zst',
    'book-staging-20261120-000005.dump.zst',
  ]);
});

test('who may not make databases is told what to type, before anything is changed', () => {
  server.sql(`ALTER ROLE ${role} NOCREATEDB`);
  const before = server.names().toSorted();
  const { status, stderr } = run(snapshotStep(target, database, change('20261120-000006')).run);
  assert.is(status, 1);
  assert.match(stderr, `the user ${user} may not make databases: ALTER ROLE "it's ""ana""" CREATEDB`);
  assert.equal(server.names().toSorted(), before);
  server.sql(`ALTER ROLE ${role} CREATEDB`);
});
test.run();
