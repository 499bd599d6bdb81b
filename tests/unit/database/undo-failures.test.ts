// What an undo of data says is true: at each of its commands and calls no space, no inode, a signal, an I/O error; sampled here, all of them in torture.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { swapDatabase, swapFiles, type Replacement } from '../../../lib/backup/restore/stage-data.ts';
import type { SqliteDatabase } from '../../../lib/target/database-settings.ts';
import { databaseEnds, exactCopy } from '../../../lib/database/sqlite/exact-copy.ts';
import { snapshotFile } from '../../../lib/database/sqlite/snapshot.ts';
import { restoreStep, snapshotStep } from '../../../lib/database/snapshot.ts';
import type { Step } from '../../../lib/plan/step.ts';
import { bind, makeDisk, removeDisks, takeAway, testWithDisks } from '../../support/faults/disk.ts';
import { makeEngine } from '../../support/docker/engine.ts';
import { changeOf, compose, sample } from '../../support/target/targets.ts';
import {
  forward,
  judge,
  keeping,
  listed,
  makeScratch,
  removeScratch,
  run,
  whole,
} from '../../support/faults/undo-failures.ts';

test.after(() => {
  removeDisks();
  removeScratch();
});

/** Folders of a target in which the state of before is, and the parts of its database. `within`: a disk of its own. */
function sqlite(within = makeScratch('sqlite'), inContainer = false) {
  const root = join(within, "it's");
  const [shared, snapshots, journal] = [join(root, 'shared'), join(root, 'snap shots'), join(within, 'journal')];
  const folders = [shared, snapshots, journal];
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  const database: SqliteDatabase = {
    kind: 'sqlite',
    exclusive: true,
    file: join(shared, 'a book.db'),
    as: inContainer ? 'root' : undefined,
    snapshots,
    keep: 2,
  };
  const { file } = database;
  // written to by somebody who was killed: its newest pages are in -wal only
  const writing = `PRAGMA journal_mode=wal; CREATE TABLE page (text); INSERT INTO page VALUES (hex(randomblob(9000)));\n.system cp -a "$FROM/." "$TO"\n`;
  const open = makeScratch('open');
  const made = spawnSync('sqlite3', [join(open, 'a book.db')], {
    input: writing,
    encoding: 'utf8',
    env: { ...process.env, FROM: open, TO: shared },
  });
  assert.is(made.status, 0, made.stderr);
  assert.ok(existsSync(`${file}-wal`));
  const target = { ...sample({ database, ...(inContainer && { runtime: compose }) }), root };
  const parts = (at: string) =>
    databaseEnds.map(end => (existsSync(`${at}${end}`) ? readFileSync(`${at}${end}`).toString('base64') : ''));
  const environment = { KEEPER_JOURNAL: journal, ...(inContainer && makeEngine().environment) };
  return { root, shared, journal, database, file, target, parts, folders, environment };
}

/** All of its database was copied, and then half a migration came. */
function migrated(way: string, within?: string) {
  const here = sqlite(within, way === 'in a container');
  const { database, file, target, parts, folders } = here;
  const id = '20261120-000001';
  const change = changeOf(target, id);
  const step = snapshotStep(target, database, change);
  const snapshot = snapshotFile(database, id);
  if (way === 'restored') {
    const old = changeOf(target, '20261119-000001');
    forward(snapshotStep(target, database, old).run, here);
    rmSync(exactCopy(snapshotFile(database, old.id)), { recursive: true });
    rmSync(join(here.journal, 'copied'));
  }
  if (way === 'without -wal') for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`);
  const [was, [...bytes]] = [folders.map(folder => listed(folder)), parts(file)];
  forward(step.run, here);
  if (way === 'restored')
    forward(restoreStep(target, database, change, snapshotFile(database, '20261119-000001')).run, here);
  else if (way === 'gone') for (const end of databaseEnds) rmSync(`${file}${end}`, { force: true });
  else if (way !== 'as it was') {
    writeFileSync(file, Buffer.alloc(way === 'shrunk' ? 999 : 99_999, 'half a migration'));
    writeFileSync(`${file}-journal`, 'half a transaction');
  }
  const kept = () => [file, join(exactCopy(snapshot), 'a book.db')].some(at => parts(at).join() === bytes.join());
  return { ...here, undo: step.undo, was, bytes, kept };
}

for (const way of ['grown', 'shrunk', 'gone', 'restored', 'without -wal', 'as it was', 'in a container'])
  test(`SQLite, the snapshot's undo: ${way}`, () => {
    const { undo, file, parts, folders, environment, was, bytes, kept } = migrated(way);
    assert.ok(undo);
    judge(
      {
        name: `SQLite ${way}`,
        ready: keeping(folders),
        undo,
        folders,
        environment,
        now: cluttered => (cluttered ? parts(file) : folders.map(folder => listed(folder))),
        before: cluttered => (cluttered ? bytes : was),
        kept,
      },
      2 / 3,
    );
  });

/** A restore is half done when its exchange is. `media`: some files are on another disk. */
function restoring(within?: string, media = false) {
  const here = sqlite(within);
  const { root, shared, file, target, database } = here;
  const stamp = '20261121T030000Z';
  const covers = media ? 'media/covers' : 'shared/covers';
  const files = { include: ['shared/uploads', covers, 'shared/cover'], exclude: [], as: undefined };
  const write = (at: string, text: string) => {
    mkdirSync(join(at, '..'), { recursive: true });
    writeFileSync(at, text);
  };
  if (media) bind(makeScratch('media'), join(root, 'media'));
  const staged = join(shared, `.restored-${stamp}`);
  for (const one of ['shared/uploads/deep/then', `${covers}/then`, 'shared/cover']) write(join(staged, one), 'then');
  write(`${file}.restored-${stamp}`, 'the database of then');
  for (const one of ['shared/uploads/now', 'shared/uploads/a/b/c', 'shared/uploads/a/d', `${covers}/now`])
    write(join(root, one), one.repeat(3000));
  symlinkSync('uploads/now', join(shared, 'cover'));
  const back: Replacement = {
    target: { ...target, backup: { stores: [], keep: undefined, files } },
    stamp,
    database,
    paths: files.include,
  };
  const folders = [...here.folders, ...(media ? [join(root, 'media')] : [])];
  const now = () =>
    folders.map(folder =>
      Object.entries(listed(folder)).filter(([name]) => !/restored-/.test(name) || /before-restore/.test(name)),
    );
  return { ...here, back, folders, now };
}
const exchanges: [string, (back: Replacement) => Step][] = [
  ['database', back => swapDatabase(back, back.database ?? (assert.unreachable() as never))],
  ['files', swapFiles],
];

const restored = (name: string, stepOf: (back: Replacement) => Step, media: boolean) => {
  const here = restoring(undefined, media);
  const { back, folders, environment, now } = here;
  const step = stepOf(back);
  const was = now();
  forward(step.run, here);
  assert.ok(step.undo);
  judge(
    {
      name,
      ready: keeping(folders),
      undo: step.undo,
      folders,
      environment,
      now,
      before: () => was,
      // each part is in its place or set aside, whatever that is called
      kept: () => {
        const there = new Set(folders.flatMap(folder => Object.values(listed(folder))));
        return was.every(list => list.every(([, is]) => there.has(is)));
      },
    },
    1,
  );
};
for (const [what, stepOf] of exchanges)
  test(`a restore's undo: ${what}`, () => restored(`restore, ${what}`, stepOf, false));

testWithDisks(makeScratch('try'), "a restore's undo: files on two disks, one of which is away for a while", () => {
  if (whole) restored('restore, files on two disks', swapFiles, true);
  const here = restoring(undefined, true);
  const was = here.now();
  const { run: forth, undo } = swapFiles(here.back);
  forward(forth, here);
  const [media, elsewhere] = [join(here.root, 'media'), makeScratch('away')];
  bind(media, elsewhere);
  takeAway(media);
  const { status, stderr } = run(undo ?? forth, here);
  assert.is.not(status, 0);
  assert.match(stderr, 'is it mounted?');
  assert.equal(readdirSync(media), []);
  bind(elsewhere, media);
  forward(undo, here);
  assert.equal(here.now(), was);
});

test('copies that are gone as a whole, with their folder or their disk, are no way back that was walked', () => {
  const cases = [
    () => {
      const here = migrated('grown');
      return { ...here, what: 'snapshot', away: here.database.snapshots, now: () => here.parts(here.file), was: here.bytes }; // prettier-ignore
    },
    ...exchanges.flatMap(([what, stepOf]) =>
      (whole ? ['shared', 'aside'] : ['shared']).map(gone => () => {
        const here = restoring();
        const was = here.now();
        const step = stepOf(here.back);
        forward(step.run, here);
        const aside = readdirSync(here.shared).find(name => name.includes('before-restore')) ?? '';
        const away = gone === 'shared' ? here.shared : join(here.shared, aside);
        return { ...here, undo: step.undo, what: `${what}, ${gone}`, away, was };
      }),
    ),
  ];
  for (const make of cases) {
    const { what, away, now, was, undo, ...here } = make();
    assert.ok(undo);
    renameSync(away, `${away} of then`);
    // the place where a disk is mounted
    if (!what.endsWith('aside')) mkdirSync(away);
    const there = here.folders.map(folder => listed(folder));
    const { status, stderr } = run(undo, here);
    assert.is(status, 1, what);
    assert.match(stderr, /(are|is) lost.*: is the disk mounted\?/, what);
    assert.equal(here.folders.map(folder => listed(folder)), there, what); // prettier-ignore
    rmSync(away, { recursive: true, force: true });
    renameSync(`${away} of then`, away);
    forward(undo, here);
    assert.equal(now(), was, what);
    // a server that went down now walks it again
    forward(undo, here);
    assert.equal(now(), was, what);
  }
});

const spoilt = {
  'a full disk': ['size=400k', 'cat /dev/zero >"$1/filler" 2>/dev/null || true'],
  'a disk without inodes': ['size=4m,nr_inodes=60', 'mkdir "$1/filler"; while : >"$1/filler/$((n++))"; do :; done 2>/dev/null || true'], // prettier-ignore
} as const;
for (const [what, [options, spoil]] of Object.entries(spoilt))
  testWithDisks(makeScratch('try'), `undos on ${what}`, () => {
    for (const way of whole ? ['grown', 'shrunk', 'database', 'files'] : ['grown', 'files']) {
      const disk = makeScratch('small');
      makeDisk(disk, options);
      const exchanged = exchanges.find(([one]) => one === way)?.[1];
      const { undo, now, was, kept, ...here } = exchanged ? exchangedOn(disk, exchanged) : migratedOn(disk, way);
      assert.ok(undo);
      spawnSync('bash', ['-c', spoil, 'bash', disk]);
      const { status, stderr } = run(undo, here);
      const where = `${way} on ${what}: ${stderr}`;
      if (status === 0) assert.equal(now(), was, where);
      else assert.ok(kept(), where);
      rmSync(join(disk, 'filler'), { recursive: true });
      forward(undo, here);
      assert.equal(now(), was, where);
      takeAway(disk);
    }
  });

function migratedOn(disk: string, way: string) {
  const here = migrated(way, disk);
  return { ...here, now: () => here.parts(here.file), was: here.bytes as unknown };
}

function exchangedOn(disk: string, stepOf: (back: Replacement) => Step) {
  const here = restoring(disk);
  const was = here.now();
  const step = stepOf(here.back);
  forward(step.run, here);
  return { ...here, undo: step.undo, was: was as unknown, kept: () => true };
}

test.run();
