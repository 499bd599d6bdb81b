// The snapshot before a change: a checked copy stays, and the exact bytes come back when the change fails.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SqliteDatabase } from '../../lib/config/target.ts';
import { keepSnapshots, snapshotFile, snapshotStep } from '../../lib/release/database.ts';
import type { Command } from '../../lib/host/sh.ts';
import { changeOf, sample } from '../torture/targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-database-'));
const prelude = readFileSync(new URL('../../lib/host/prelude.sh', import.meta.url), 'utf8');
const database: SqliteDatabase = {
  kind: 'sqlite',
  exclusive: true,
  file: join(folder, "it's a [book].db"),
  as: undefined,
  snapshots: join(folder, "snap 'shots'"),
  keep: 2,
};
const target = sample({ database });
const change = (id: string) => changeOf(target, id);
const run = ({ text }: Command) =>
  spawnSync('bash', ['-c', `exec 3>"$KEEPER_RUN/answer"\n${prelude}\n${text}`], {
    encoding: 'utf8',
    env: { ...process.env, KEEPER_RUN: folder },
  });
const sql = (text: string) => {
  const said = spawnSync('sqlite3', [database.file, text], { encoding: 'utf8' });
  assert.is(said.status, 0, said.error?.message ?? said.stderr);
  return said.stdout.trim();
};
const bytes = () => readFileSync(database.file);

test('without a database there is nothing to copy and nothing to put back', () => {
  const step = snapshotStep(target, database, change('20261120-000000'));
  assert.is(run(step.run).status, 0);
  assert.is(readFileSync(join(folder, 'answer'), 'utf8'), '');
  assert.is(run(step.undo ?? step.run).status, 0);
  assert.not(existsSync(database.file));
});

test('a snapshot is a checked database of its own that only its owner reads', () => {
  sql("PRAGMA journal_mode=wal; CREATE TABLE page (text); INSERT INTO page VALUES ('one')");
  const one = change('20261120-000001');
  const step = snapshotStep(target, database, one);
  const done = run(step.run);
  assert.is(done.status, 0, done.stderr);
  const file = snapshotFile(database, one.id);
  step.judge?.(readFileSync(join(folder, 'answer'), 'utf8'));
  assert.is(one.notes.snapshot, file);
  assert.is(statSync(file).mode & 0o777, 0o600);
  assert.is(spawnSync('sqlite3', [file, 'SELECT text FROM page'], { encoding: 'utf8' }).stdout.trim(), 'one');
});

test('the undo puts back the same bytes, takes away what came in between, and may run twice', () => {
  const before = bytes();
  const step = snapshotStep(target, database, change('20261120-000002'));
  assert.is(run(step.run).status, 0);
  sql("ALTER TABLE page ADD COLUMN more; INSERT INTO page VALUES ('two', 'x')");
  writeFileSync(`${database.file}-journal`, 'half a transaction');
  assert.not(bytes().equals(before));
  for (let again = 0; again < 2; again++) {
    const undone = run(step.undo ?? step.run);
    assert.is(undone.status, 0, undone.stderr);
    assert.ok(bytes().equals(before));
  }
  assert.not(existsSync(`${database.file}-journal`));
  assert.is(sql('SELECT count(*) FROM page'), '1');
  assert.not(existsSync(snapshotFile(database, '20261120-000002')));
});

test('a database that nobody touched keeps its file', () => {
  const { ino } = statSync(database.file);
  const step = snapshotStep(target, database, change('20261120-000003'));
  assert.is(run(step.run).status, 0);
  assert.is(run(step.undo ?? step.run).status, 0);
  assert.is(statSync(database.file).ino, ino);
});

test('a damaged database fails the step, and its bytes are as they were', () => {
  const whole = bytes();
  const damaged = Buffer.concat([whole.subarray(0, 100), Buffer.alloc(whole.length - 100, 7)]);
  writeFileSync(database.file, damaged);
  const step = snapshotStep(target, database, change('20261120-000004'));
  assert.is.not(run(step.run).status, 0);
  assert.is(run(step.undo ?? step.run).status, 0);
  assert.ok(bytes().equals(damaged));
  writeFileSync(database.file, whole);
});

test('after success the exact copy goes, the newest snapshots stay, and strange files are left alone', () => {
  for (const id of ['20261120-000005', '20261120-000006', '20261120-000007'])
    assert.is(run(snapshotStep(target, database, change(id)).run).status, 0);
  mkdirSync(database.snapshots, { recursive: true });
  writeFileSync(join(database.snapshots, 'other.db'), '');
  writeFileSync(join(database.snapshots, "it's a b-20200101-000000.db"), ''); // what [book] would match as a pattern
  const done = run(keepSnapshots(target, database, change('20261120-000007')).run);
  assert.is(done.status, 0, done.stderr);
  const left = readdirSync(database.snapshots).filter(name => !name.endsWith('.exact'));
  assert.equal(left.sort(), [
    "it's a [book]-20261120-000006.db",
    "it's a [book]-20261120-000007.db",
    "it's a b-20200101-000000.db",
    'other.db',
  ]);
  assert.not(existsSync(`${snapshotFile(database, '20261120-000007')}.exact`));
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
