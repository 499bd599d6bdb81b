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
import type { SqliteDatabase } from '../../../lib/target/database-settings.ts';
import { snapshotFile } from '../../../lib/database/sqlite/snapshot.ts';
import { keepSnapshots, snapshotStep } from '../../../lib/database/snapshot.ts';
import type { Command } from '../../../lib/host/sh.ts';
import { changeOf, sample } from '../../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-database-'));
const prelude = readFileSync(new URL('../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
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
  step.accept?.(readFileSync(join(folder, 'answer'), 'utf8'));
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

/** The undo with programs of ours in front of the real ones: `cp: 'exit 1'`. */
const undoing = (id: string, shims: Record<string, string>) => {
  const bin = mkdtempSync(join(folder, 'bin-'));
  for (const [name, text] of Object.entries(shims))
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  const { undo } = snapshotStep(target, database, change(id));
  return spawnSync('bash', ['-c', `${prelude}\n${undo?.text}`], {
    encoding: 'utf8',
    env: { ...process.env, KEEPER_RUN: folder, PATH: `${bin}:${process.env.PATH}` },
  });
};
const copies = (id: string) => [
  existsSync(snapshotFile(database, id)),
  existsSync(`${snapshotFile(database, id)}.exact`),
];

test('an undo that cannot put the bytes back fails, says where they are, and keeps both copies', () => {
  const before = bytes();
  const id = '20261120-000010';
  assert.is(run(snapshotStep(target, database, change(id)).run).status, 0);
  const cases: Record<string, string>[] = [
    { cp: 'exit 1', dd: 'exit 1' },
    { cp: 'head -c 4096 <"${@: -2:1}" >"${@: -1}"; echo "No space left on device" >&2; exit 1', dd: 'exit 1' },
    { sync: 'exit 1' },
    { mv: 'exit 1', dd: 'exit 1' },
    { cp: ': >"${@: -1}"' },
    { cmp: 'exit 2' },
    { rm: 'exit 1' },
    { dd: 'kill -9 $PPID', cp: 'exit 1' },
  ];
  for (const shims of cases) {
    writeFileSync(database.file, 'half a migration');
    writeFileSync(`${database.file}-journal`, 'half a transaction');
    const undone = undoing(id, shims);
    const which = JSON.stringify(shims);
    assert.is.not(undone.status, 0, which);
    assert.equal(copies(id), [true, true], which);
    if (!shims.dd?.includes('kill')) assert.match(undone.stderr, `${snapshotFile(database, id)}.exact`, which);
  }
  assert.is(undoing(id, {}).status, 0);
  assert.ok(bytes().equals(before));
  assert.not(existsSync(`${database.file}-journal`));
  assert.equal(copies(id), [false, false]);
});

test('without room for a second database beside the present one, the bytes are written over it', () => {
  for (const [id, change_] of [
    ['20261120-000011', 'INSERT INTO page SELECT hex(randomblob(20000)) FROM page'],
    ['20261120-000012', 'DROP TABLE page; VACUUM'],
  ] as const) {
    const before = bytes();
    const { mode } = statSync(database.file);
    assert.is(run(snapshotStep(target, database, change(id)).run).status, 0);
    sql(change_);
    assert.not(bytes().equals(before));
    const undone = undoing(id, { cp: 'exit 1' });
    assert.is(undone.status, 0, undone.stderr);
    assert.ok(bytes().equals(before));
    assert.is(statSync(database.file).mode, mode);
    assert.equal(copies(id), [false, false]);
  }
});

test('an undo that is cut off while it removes its copies takes nothing away when it runs again', () => {
  const id = '20261120-000013';
  assert.is(run(snapshotStep(target, database, change(id)).run).status, 0);
  const before = bytes();
  writeFileSync(`${database.file}-wal`, '');
  // dies in the middle of the removal of the exact copy, with the part that is compared last gone already
  undoing(id, {
    rm: 'for one; do [[ $one == *.done || $one == *.exact ]] && /bin/rm -f "$one"/*-wal && kill -9 $PPID; done; exec /bin/rm "$@"',
  });
  assert.is(undoing(id, {}).status, 0);
  assert.ok(bytes().equals(before));
  assert.equal(copies(id), [false, false]);
});

test('an exact copy that is gone is no undo that is done', () => {
  const id = '20261120-000014';
  assert.is(run(snapshotStep(target, database, change(id)).run).status, 0);
  rmSync(`${snapshotFile(database, id)}.exact`, { recursive: true });
  const undone = undoing(id, {});
  assert.is(undone.status, 1);
  assert.match(undone.stderr, 'the exact copy');
  assert.ok(existsSync(snapshotFile(database, id)));
  rmSync(snapshotFile(database, id));
});

test('without an exact copy on the disk the step fails, before anything is changed', () => {
  for (const shims of [
    { sync: 'exit 1' },
    { cp: 'exit 1' },
    { mv: 'exit 1' },
    { mkdir: '[[ $1 == -m ]] && exit 1; exec /bin/mkdir "$@"' },
  ]) {
    const bin = mkdtempSync(join(folder, 'bin-'));
    for (const [name, text] of Object.entries(shims))
      writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    const step = snapshotStep(target, database, change('20261120-000015'));
    const done = spawnSync('bash', ['-c', `exec 3>/dev/null\n${prelude}\n${step.run.text}`], {
      encoding: 'utf8',
      env: { ...process.env, KEEPER_RUN: folder, PATH: `${bin}:${process.env.PATH}` },
    });
    assert.is.not(done.status, 0, JSON.stringify(shims));
    assert.is(undoing('20261120-000015', {}).status, 0);
  }
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
