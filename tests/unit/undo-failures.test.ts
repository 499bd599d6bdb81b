// What an undo says is true: at each of its commands and calls no space, no inode, a signal, an I/O error; sampled here, all of them in torture.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exchangeDatabase, exchangeFiles, type PutBack } from '../../lib/backup/put-back.ts';
import type { SqliteDatabase } from '../../lib/config/target.ts';
import { databaseEnds, exactCopy } from '../../lib/release/exact-copy.ts';
import { restoreStep, snapshotFile, snapshotStep } from '../../lib/release/database.ts';
import { sh } from '../../lib/host/sh.ts';
import { releaseAt } from '../../lib/release/names.ts';
import { removeFolder } from '../../lib/runtime/folder.ts';
import { runtimeOf } from '../../lib/runtime/runtime.ts';
import { changeOf, first, sample, second, systemd, when } from '../torture/targets.ts';
import {
  forward,
  keeping,
  listed,
  makeScratch,
  ofCalls,
  ofPrograms,
  removeScratch,
  tryFaults,
  type Undoing,
} from '../torture/undo-failures.ts';

const whole = process.env['BOOKOPS_TORTURE'] === '1';
test.after(removeScratch);

let turn = 0;
/** A sample takes a third of the kinds, other ones each time. */
const judge = (undoing: Undoing, places: number) => {
  const began = performance.now();
  const { kinds = [...ofPrograms, ...ofCalls] } = undoing;
  turn++;
  const some = { ...undoing, kinds: kinds.filter((_, index) => whole || (index + turn) % 3 === 0) };
  const { lies, ...figures } = tryFaults(some, whole ? undefined : places);
  if (whole) console.log(undoing.name, JSON.stringify(figures), `${Math.round((performance.now() - began) / 1000)} s`);
  assert.is(lies.length, 0, `${lies.length} of ${figures.runs}\n${lies.slice(0, 12).join('\n')}`);
};

/** Folders of a target in which the state of before is, and the parts of its database. */
function sqlite(name: string) {
  const root = join(makeScratch(name), "it's");
  const [shared, snapshots] = [join(root, 'shared'), join(root, 'snap shots')];
  for (const folder of [shared, snapshots]) mkdirSync(folder, { recursive: true });
  const database: SqliteDatabase = {
    kind: 'sqlite',
    exclusive: true,
    file: join(shared, 'a book.db'),
    as: undefined,
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
  const target = { ...sample({ database }), root };
  const parts = (at: string) =>
    databaseEnds.map(end => (existsSync(`${at}${end}`) ? readFileSync(`${at}${end}`).toString('base64') : ''));
  return { root, shared, database, file, target, parts, folders: [shared, snapshots] };
}

for (const way of ['grown', 'shrunk', 'gone', 'restored', 'without -wal', 'as it was'])
  test(`SQLite, the snapshot's undo: ${way}`, () => {
    const { database, file, target, parts, folders } = sqlite('snapshot');
    const id = '20261120-000001';
    const change = changeOf(target, id);
    const step = snapshotStep(target, database, change);
    assert.ok(step.undo);
    const snapshot = snapshotFile(database, id);
    if (way === 'restored') {
      const old = changeOf(target, '20261119-000001');
      forward(snapshotStep(target, database, old).run, { folders });
      rmSync(exactCopy(snapshotFile(database, old.id)), { recursive: true });
    }
    if (way === 'without -wal') for (const end of ['-wal', '-shm']) rmSync(`${file}${end}`);
    const [was, [...bytes]] = [folders.map(folder => listed(folder)), parts(file)];
    forward(step.run, { folders });
    if (way === 'restored')
      forward(restoreStep(target, database, change, snapshotFile(database, '20261119-000001')).run, { folders });
    else if (way === 'gone') for (const end of databaseEnds) rmSync(`${file}${end}`, { force: true });
    else if (way !== 'as it was') {
      writeFileSync(file, Buffer.alloc(way === 'shrunk' ? 999 : 99_999, 'half a migration'));
      writeFileSync(`${file}-journal`, 'half a transaction');
    }
    judge(
      {
        name: `SQLite ${way}`,
        ready: keeping(folders),
        undo: step.undo,
        folders,
        now: cluttered => (cluttered ? parts(file) : folders.map(folder => listed(folder))),
        before: cluttered => (cluttered ? bytes : was),
        kept: () => [file, join(exactCopy(snapshot), 'a book.db')].some(at => parts(at).join() === bytes.join()),
      },
      1,
    );
  });

/** A restore is half done when its exchange is. */
function restoring(name: string): { back: PutBack; folders: string[]; shared: string } {
  const { shared, database, target, file, folders } = sqlite(name);
  const stamp = '20261121T030000Z';
  const staged = join(shared, `.restored-${stamp}/shared`);
  mkdirSync(join(staged, 'uploads/deep'), { recursive: true });
  writeFileSync(join(staged, 'uploads/deep/then'), 'then');
  writeFileSync(join(staged, 'cover'), 'a cover of then');
  writeFileSync(`${file}.restored-${stamp}`, 'the database of then');
  mkdirSync(join(shared, 'uploads/a/b'), { recursive: true });
  for (const one of ['uploads/now', 'uploads/a/b/c', 'uploads/a/d']) writeFileSync(join(shared, one), one.repeat(3000));
  symlinkSync('uploads/now', join(shared, 'cover'));
  const files = { include: ['shared/uploads', 'shared/cover'], exclude: [], as: undefined };
  return {
    back: {
      target: { ...target, backup: { stores: [], keep: undefined, files } },
      stamp,
      database,
      paths: files.include,
    },
    folders,
    shared,
  };
}
const withoutBrought = (shared: string) =>
  Object.entries(listed(shared)).filter(([name]) => !/restored-/.test(name) || /before-restore/.test(name));

for (const [what, stepOf] of [
  ['database', (back: PutBack) => exchangeDatabase(back, back.database as SqliteDatabase)],
  ['files', exchangeFiles],
] as const)
  test(`a restore's undo: ${what}`, () => {
    const { back, folders, shared } = restoring(what);
    const { run, undo } = stepOf(back);
    assert.ok(undo);
    const was = withoutBrought(shared);
    forward(run, { folders });
    judge(
      {
        name: `restore, ${what}`,
        ready: keeping(folders),
        undo,
        folders,
        now: () => withoutBrought(shared),
        before: () => was,
        // each part is in its place or set aside, whatever that is called
        kept: () => {
          const there = new Set(Object.values(listed(shared)));
          return was.every(([, is]) => there.has(is));
        },
      },
      2,
    );
  });

/** systemd as one file per unit that runs. */
const systemctl = `#!/bin/bash
unset LD_PRELOAD
unit=\${*: -1}
case $1 in
  start) echo active >"$UNITS/$unit" ;;
  stop) rm -f "$UNITS/$unit" ;;
  *) false ;;
esac
`;

for (const colour of [undefined, 'green'] as const)
  test(`systemd's undos${colour ? ', with colours' : ''}, and that of a folder that was unpacked`, () => {
    const [root, bin] = [join(makeScratch('systemd'), "it's"), makeScratch('bin')];
    const folders = [root];
    const place = (name: string) => releaseAt(join(root, 'releases'), when, name, []);
    const [was, next] = [place(first), { ...place(second), colour }];
    for (const folder of ['units', 'proxy', join('releases', was.name)])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(bin, 'systemctl'), systemctl, { mode: 0o755 });
    writeFileSync(join(bin, 'sudo'), '#!/bin/bash\nshift\nexec "$@"\n', { mode: 0o755 });
    const target = sample({ runtime: systemd, database: undefined, env: [] }, root);
    const change = { ...changeOf(target, '20261120-000001'), was, next };
    const { colours, start } = runtimeOf(target);
    const unpack = {
      title: 'Unpack',
      run: sh`mkdir -p ${next.folder}/a/b; cd ${next.folder}; ln -s ${was.folder} a/out; touch a/b/c REVISION; chmod 500 a`,
      undo: removeFolder(next.folder, undefined),
    };
    const upstreams = [{ name: 'web', port: 4000, green: 4001, variable: 'PORT' }];
    const steps = [unpack, colour && colours?.place(change, { upstreams } as never), start(change)];
    const environment = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, UNITS: join(root, 'units') };
    symlinkSync(was.folder, join(root, 'current'));
    for (const step of steps.filter(one => one !== undefined)) {
      assert.ok(step.undo);
      const before = listed(root);
      forward(step.run, { folders, environment });
      judge(
        {
          name: `systemd ${colour ?? ''}: ${step.title}`,
          ready: keeping(folders),
          undo: step.undo,
          folders,
          environment,
          now: () => listed(root),
          before: () => before,
          kept: () => existsSync(was.folder),
          kinds: ['halfway', 'killed', 'EIO', 'no space'],
        },
        1,
      );
      // the next one comes on top of it
      forward(step.run, { folders, environment });
    }
  });

test.run();
