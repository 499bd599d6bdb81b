// The pure parts of backups: manifests, what shrank, what is chosen, and what a question of the host answers.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readRest } from '../../../lib/database/copy-between-deploys.ts';
import { choose, type StoredBackup } from '../../../lib/backup/catalog.ts';
import { readSent } from '../../../lib/backup/files/tar-stream.ts';
import { backupId, isBackupId, readManifest, renderManifest, type Manifest } from '../../../lib/backup/manifest.ts';
import { soFar } from '../../../lib/report/transfer-progress.ts';
import { readAt } from '../../../lib/backup/settings.ts';
import { size } from '../../../lib/size.ts';
import { shrunkSince } from '../../../lib/backup/create/shrinkage.ts';
import { readCounts } from '../../../lib/database/sqlite/backup-copy.ts';
import { isVerdictName, readVerdict, renderVerdict, verdictName } from '../../../lib/backup/drill/verdict.ts';
import { selectionOf } from '../../../lib/backup/restore/selection.ts';
import { Failure } from '../../../lib/errors.ts';
import { folderStore } from '../../../lib/store/folder/store.ts';
import { sample } from '../../support/target/targets.ts';

const id = '20261121T030000Z-3f2c1a';
const at = { app: 'book', environment: 'staging', id };
const part = (name: 'database.sqlite.zst' | 'files.tar.zst', rawBytes: number) => ({
  name,
  bytes: 10,
  sha256: 'a'.repeat(64),
  rawBytes,
  rawSha256: null,
});
const manifest: Manifest = {
  version: 1,
  ...at,
  time: '2026-11-21T03:00:00.000Z',
  by: 'ana@laptop',
  release: null,
  parts: [part('database.sqlite.zst', 4096), part('files.tar.zst', 5_000_000)],
  database: { kind: 'sqlite', tables: { a: 100, 'odd "name"': 3 }, highWater: { a: 120 }, foreignKeyFaults: 0 },
  files: { include: ['uploads'], count: 7, noted: [] },
  shrunk: [],
  tools: { sqlite: '3.40.1' },
  restore: 'how',
};
const failure = (run: () => unknown): Failure => {
  try {
    run();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it should have failed');
};

test('a manifest is read as it was written, and any changed, missing or added byte is found', () => {
  const text = renderManifest(manifest);
  assert.equal(readManifest(text, at), manifest);
  const bytes = Buffer.from(text);
  let found = 0;
  for (let index = 0; index < bytes.length; index++)
    for (const other of [Buffer.from([(bytes[index] ?? 0) ^ 1]), Buffer.alloc(0), Buffer.from(' ')]) {
      const changed = Buffer.concat([bytes.subarray(0, index), other, bytes.subarray(index + 1)]);
      if (changed.equals(bytes)) continue;
      assert.is(failure(() => readManifest(changed.toString(), at)).exit, 7, `byte ${index}`);
      found++;
    }
  assert.ok(found > 2000);
  assert.match(
    failure(() => readManifest(text, { ...at, id: '20261121T030000Z-000000' })).message,
    'it is that of book staging',
  );
});

test('an id is the time of the host and chance, and of two in one second the later one comes later', () => {
  const one = backupId(new Date('2026-11-21T03:00:00.500Z'));
  assert.match(one, /^20261121T030000Z-[0-9a-f]{6}$/);
  assert.ok(
    one > backupId(new Date('2026-11-21T03:00:00.009Z')) && one < backupId(new Date('2026-11-21T03:00:00.999Z')),
  );
  assert.ok(isBackupId(one) && !isBackupId(`${one}/x`) && !isBackupId('..'));
});

test('progress says how much, how fast, and how long it still takes', () => {
  assert.is(soFar(344e6, 5, { bytes: 549e6, atMost: false }), '344 MB of 549 MB, 69 MB/s, 3 s left');
  assert.is(soFar(344e6, 5, { bytes: 802e6, atMost: true }), '344 MB, 69 MB/s, at most 7 s left');
  assert.is(soFar(1e9, 10, { bytes: 400e9, atMost: false }), '1.0 GB of 400 GB, 100 MB/s, 1 h 7 min left');
  assert.is(soFar(810e6, 10, { bytes: 802e6, atMost: true }), '810 MB, 81 MB/s');
  assert.is(soFar(0, 10, { bytes: 5, atMost: false }), '0 bytes of 5 bytes, 0 bytes/s');
  assert.is(soFar(5e6, 2.5, undefined), '5.0 MB, 2.0 MB/s');
});

test('what is suddenly less than half is named, and small tables are left in peace', () => {
  const now = (tables: Record<string, number>, rawBytes = 5_000_000, release: string | null = null) => ({
    release,
    database: { kind: 'sqlite' as const, tables, highWater: {}, foreignKeyFaults: 0 },
    files: manifest.files,
    parts: [part('files.tar.zst', rawBytes)],
  });
  assert.equal(shrunkSince(undefined, now({})), []);
  assert.equal(shrunkSince(manifest, now({ a: 50, 'odd "name"': 0 })), []);
  assert.equal(shrunkSince(manifest, now({ a: 49, 'odd "name"': 3 })), ['the table a has 49 rows and had 100']);
  assert.equal(shrunkSince(manifest, now({ a: 100 })), ['the table odd "name" no longer exists']);
  assert.equal(shrunkSince(manifest, now({ a: 100, 'odd "name"': 3 }, 2_000_000)), [
    'the files are 2000000 bytes and were 5000000',
  ]);
  assert.equal(shrunkSince(manifest, now({ a: 100 }, 5_000_000, 'another')), []);
  assert.equal(shrunkSince(manifest, now({ 'odd "name"': 3 }, 5_000_000, 'another')), ['the table a no longer exists']);
  assert.equal(shrunkSince(manifest, { ...now({}), database: null }), ['the database no longer exists']);
});

test('the host’s answers are read, and one that tells too little is a failure', () => {
  const target = sample({});
  const counts = 'table ["a",3,7]\ntable ["it\'s\\nodd",0,null]\nforeign 2\n';
  assert.equal(readCounts(counts), {
    kind: 'sqlite',
    tables: { a: 3, "it's\nodd": 0 },
    highWater: { a: 7 },
    foreignKeyFaults: 2,
  });
  assert.is(readCounts('foreign unknown').foreignKeyFaults, null);
  assert.is(failure(() => readCounts('table ["a",3,7]')).exit, 1);
  assert.is(readRest('none\n', target), undefined);
  assert.is(failure(() => readRest('busy 1 by=ana@laptop action=deploy\n', target)).exit, 5);
  assert.match(failure(() => readRest('busy 2 \n', target)).message, 'stopped midway');
  const { noted, vanished, ...sent } = readSent(
    'tar: a: file changed as we read it\ntar: s: socket ignored\nTotal bytes written: 10240 (10KiB, 4MiB/s)\ncount 12\ntar 1.34\n',
  );
  assert.equal(
    [sent, noted, vanished],
    [{ count: 12, rawBytes: 10_240, tar: '1.34' }, ['a: file changed as we read it'], []],
  );
  assert.is(failure(() => readSent('count 12')).exit, 1);
  assert.is(readVerdict('{"good":true}'), undefined);
});

test('a verdict is read as it was written, and not with a word changed', () => {
  const verdict = {
    version: 1 as const,
    backup: id,
    store: 'disk',
    time: '2026-11-21T03:10:00.000Z',
    where: 'here',
    by: 'ana@laptop',
    good: false,
    restoreSeconds: 1.5,
    checks: [{ name: 'rows', good: false, found: 'none' }],
  };
  const written = renderVerdict(verdict);
  assert.equal(readVerdict(written), verdict);
  for (const changed of [written.replaceAll('false', 'true'), written.replace('1.5', '0.5'), `${written} `])
    assert.is(readVerdict(changed), undefined);
});

test('a backup is chosen by id, by time, or as the newest; a damaged one is not passed over in silence', () => {
  const store = folderStore('disk', '/nowhere');
  const held = (stamp: string, more: Partial<StoredBackup> = {}): StoredBackup => ({
    store,
    id: `${stamp}-3f2c1a`,
    time: new Date(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')),
    keys: [{ key: `book-staging/${stamp}-3f2c1a/manifest.json`, bytes: 1 }],
    bytes: 1,
    manifest,
    fault: undefined,
    verdict: undefined,
    ...more,
  });
  const all = [held('20261121T030000Z'), held('20261120T030000Z'), held('20261119T030000Z')];
  const nothing = { id: undefined, at: undefined };
  assert.is(choose(all, nothing, at).id, '20261121T030000Z-3f2c1a');
  assert.is(choose(all, { ...nothing, at: readAt('2026-11-20') }, at).id, '20261120T030000Z-3f2c1a');
  assert.is(choose(all, { ...nothing, at: readAt('2026-11-20T02:59') }, at).id, '20261119T030000Z-3f2c1a');
  assert.is(choose(all, { ...nothing, id: '20261119' }, at).id, '20261119T030000Z-3f2c1a');
  assert.is(failure(() => choose(all, { ...nothing, id: '202611' }, at)).exit, 2);
  assert.is(failure(() => choose(all, { ...nothing, id: '2025' }, at)).exit, 2);
  const damaged = [held('20261121T030000Z', { fault: 'files.tar.zst is missing' }), ...all.slice(1)];
  assert.is(failure(() => choose(damaged, nothing, at)).exit, 7);
  // another store has it whole
  assert.is(choose([...damaged, ...all], nothing, at).fault, undefined);
  const unfinished = [held('20261122T030000Z', { keys: [], fault: 'it was never finished' }), ...all];
  assert.is(choose(unfinished, nothing, at).id, '20261121T030000Z-3f2c1a');
});

test('a manifest cannot name folders that ops.yml does not', () => {
  const backup = { stores: [], keep: undefined, files: { include: ['uploads'], exclude: [], as: undefined } };
  const target = sample({ backup });
  const whole = {
    store: folderStore('disk', '/x'),
    id,
    time: new Date(0),
    keys: [],
    bytes: 0,
    fault: undefined,
    verdict: undefined,
  };
  const files = (include: string[]) => ({
    ...whole,
    manifest: { ...manifest, database: null, files: { include, count: 1, noted: [] } },
  });
  assert.equal(selectionOf(target, files(['uploads']), []).paths, ['uploads']);
  for (const include of [['releases'], ['..'], ['uploads', '/etc']])
    assert.is(failure(() => selectionOf(target, files(include), [])).exit, 3);
  assert.is(failure(() => selectionOf(target, files(['/etc']), ['/etc/passwd'])).exit, 2);
  assert.equal(selectionOf(target, files(['uploads']), ['uploads/a/../b']).paths, ['uploads/b']);
});

test('sizes are written as people say them', () => {
  assert.equal([0, 999, 1000, 9_960, 12_345_678, 3e12].map(size), [
    '0 bytes',
    '999 bytes',
    '1.0 kB',
    '10.0 kB',
    '12 MB',
    '3.0 TB',
  ]);
});

test('of verdicts of one second the last is the newest by its name', () => {
  const times = [0, 1, 9, 16, 255, 256, 999].map(ms => `2026-11-21T03:00:00.${String(ms).padStart(3, '0')}Z`);
  const verdict = { version: 1, backup: id, store: 'disk', where: 'here', by: 'ana', good: true, restoreSeconds: 1, checks: [] } as const; // prettier-ignore
  const names = [...times, '2026-11-21T03:00:01.000Z'].map(time => verdictName({ ...verdict, checks: [], time }));
  assert.ok(names.every(isVerdictName), names.join(' '));
  assert.equal(names.toSorted(), names);
});
test.run();
