// Backups as whole programs on this machine: taken, listed, verified, proven, pruned; and what damage looks like.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';

let book: BackedUp;
test.before(async () => {
  book = await makeBackedUpBook();
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
});
test.after(() => book.clean());

const key = (id: string, part: string) => join(book.store, 'book-staging', id, part);

test('a backup is listed once it is whole, and a drill proves it with its date', async () => {
  assert.match((await book.run('backups')).stdout, 'book staging has no backups');
  symlinkSync('/etc/passwd', join(book.uploads, 'out'));
  const { code, stdout, stderr } = await book.run('backup');
  assert.is(code, 0, stderr);
  assert.match(
    stdout,
    /^book staging is backed up as \d{8}T\d{6}Z-[0-9a-f]{6}: \d+ rows in 3 tables, 5 files and folders, /,
  );
  assert.match(stderr, 'left out: shared/uploads/out is a link that points outside the root, to /etc/passwd');
  rmSync(join(book.uploads, 'out'));
  const before = await book.run('backups');
  assert.match(before.stdout, 'not proven');
  assert.match(before.stdout, 'none was ever proven restorable');

  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stdout, /is proven: restored from disk in [\d.]+ s/);
  assert.match(drill.stdout, /integrity_check +ok/);
  const list = JSON.parse((await book.run('backups', ['--json'])).stdout);
  assert.is(list.backups.length, 1);
  assert.is(list.backups[0].verdict.good, true);
  assert.is(list.proven.id, list.backups[0].id);
  assert.match(
    readFileSync(join(book.place().root, 'releases/drills.log'), 'utf8'),
    / verdict=good seconds=[\d.]+ by=/,
  );
  assert.match((await book.run('backups')).stdout, 'last proven restorable: ');
  const verified = await book.run('backups', ['verify']);
  assert.is(verified.code, 0, verified.stderr);
});

test('plain tools open a backup without us', async () => {
  const id = await book.backUp();
  const out = (command: string) =>
    execFileSync('bash', ['-c', command], { cwd: join(book.store, 'book-staging', id), encoding: 'utf8' });
  assert.is(
    out(
      'zstd -dqc database.sqlite.zst >../x.db && sqlite3 ../x.db "SELECT count(*) FROM chapters" && rm ../x.db',
    ).trim(),
    book.sql('SELECT count(*) FROM chapters'),
  );
  const names = out('tar --zstd -tf files.tar.zst');
  assert.match(names, 'shared/uploads/page');
  assert.not.match(names, 'tmp');
});

test('every damage is found by verify, and a drill says with exit code 7 that there is none to rely on', async () => {
  const id = await book.backUp();
  const flip = (file: string) => {
    const bytes = readFileSync(file);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  };
  const other = await book.backUp();
  const damages: [string, (file: string) => void, string][] = [
    ['database.sqlite.zst', flip, 'its checksum does not match'],
    ['files.tar.zst', file => truncateSync(file, 100), 'files.tar.zst has a different size'],
    ['files.tar.zst', file => rmSync(file), 'files.tar.zst is missing'],
    [
      'database.sqlite.zst',
      file => copyFileSync(key(other, 'files.tar.zst'), file),
      'database.sqlite.zst has a different size',
    ],
    ['manifest.json', flip, 'the manifest of '],
    ['manifest.json', file => copyFileSync(key(other, 'manifest.json'), file), `it is that of book staging ${other}`],
    ['manifest.json', file => writeFileSync(file, '{"version":1}'), 'is damaged: '],
  ];
  for (const [part, damage, says] of damages) {
    const file = key(id, part);
    const good = readFileSync(file);
    damage(file);
    const { code, stderr } = await book.run('backups', ['verify', id]);
    assert.is(code, 7, `${part}: ${says}\n${stderr}`);
    assert.match(stderr, says);
    assert.match(stderr, 'take another one now: npx tsx tasks/backup.ts --env staging --app book');
    writeFileSync(file, good);
  }
  // each is written down once, also where the same is met again
  const verdicts = () => readdirSync(key(id, '')).filter(name => name.startsWith('verdict-'));
  const log = () => readFileSync(join(book.place().root, 'releases/drills.log'), 'utf8').trimEnd().split('\n');
  assert.is(verdicts().length, damages.length);
  assert.match(log().at(-1) ?? '', new RegExp(`backup=${id} store=disk verdict=bad found=verify .*reason=`));
  flip(key(id, 'files.tar.zst'));
  const restored = await book.run('restore', [id]);
  assert.is(restored.code, 7, restored.stderr);
  assert.match(log().at(-1) ?? '', new RegExp(`backup=${id} store=disk verdict=bad found=restore `));
  const before = [verdicts().length, log().length];
  assert.is((await book.run('restore', [id, '--to', join(book.folder, 'damaged')])).code, 7);
  assert.equal([verdicts().length, log().length], before);
  const drill = await book.run('drill', [id]);
  assert.is(drill.code, 7, drill.stderr);
  assert.match(drill.stderr, 'cannot be relied on');
  const list = JSON.parse((await book.run('backups', ['--json'])).stdout);
  const found = list.backups.find((one: { id: string }) => one.id === id);
  assert.is(found.verdict.good, false);
  assert.match(
    readFileSync(join(book.place().root, 'releases/drills.log'), 'utf8'),
    `backup=${id} store=disk verdict=bad`,
  );
  truncateSync(key(id, 'files.tar.zst'), 100);
  assert.is((await book.run('drill', [id])).code, 7);
  assert.match(
    log().at(-1) ?? '',
    new RegExp(`backup=${id} store=disk verdict=bad seconds=0 by=.* has a different size`),
  );
  rmSync(join(book.store, 'book-staging', id), { recursive: true });
});

test('a table that is gone or half of what it was makes exit code 7, and nothing is pruned on that night', async () => {
  book.sql('CREATE TABLE readers (name); INSERT INTO readers SELECT value FROM generate_series(1, 100)');
  await book.backUp();
  book.sql('DELETE FROM readers WHERE rowid > 40');
  const half = await book.run('backup');
  assert.is(half.code, 7, half.stderr);
  assert.match(half.stderr, 'the table readers has 40 rows and had 100');
  const before = book.stored();
  const prune = await book.run('backups', ['prune']);
  assert.is(prune.code, 0, prune.stderr);
  assert.match(prune.stderr, 'is not good; nothing is removed');
  assert.equal(book.stored(), before);
  book.sql('DROP TABLE readers');
  const gone = await book.run('backup');
  assert.is(gone.code, 7, gone.stderr);
  assert.match(gone.stderr, 'the table readers no longer exists');
  await book.backUp();
});

test('prune says why each stays or goes, and then does just that', async () => {
  const plan = JSON.parse((await book.run('backups', ['prune', '--plan', '--json'])).stdout);
  const decisions: { id: string; keep: boolean; reason: string }[] = plan.stores[0].decisions;
  assert.ok(decisions.some(one => !one.keep) && decisions[0]?.keep, JSON.stringify(plan, undefined, 1));
  const { code, stderr } = await book.run('backups', ['prune']);
  assert.is(code, 0, stderr);
  const left = JSON.parse((await book.run('backups', ['--json'])).stdout).backups.map((one: { id: string }) => one.id);
  assert.equal(
    left,
    decisions.filter(one => one.keep).map(one => one.id),
  );
});

test('what cannot be backed up is told, and no half backup is left', async () => {
  const without = await book.run('backup', ['--store', 'tape']);
  assert.is(without.code, 2);
  assert.match(without.stderr, 'it has disk');
  const empty = await book.run('backup', ['--env', 'production']);
  assert.is(empty.code, 0, empty.stderr);
  assert.match(empty.stderr, 'only the files are backed up');
  const before = book.stored();
  rmSync(join(book.place('production').root, 'shared/uploads'), { recursive: true });
  const missing = await book.run('backup', ['--env', 'production']);
  assert.is(missing.code, 1);
  assert.match(missing.stderr, 'shared/uploads does not exist, and backup.files.include names it');
  const { database } = book.place();
  copyFileSync(database, `${database}.good`);
  writeFileSync(database, Buffer.concat([readFileSync(database).subarray(0, 4096), Buffer.alloc(8192, 7)]));
  const damaged = await book.run('backup');
  assert.is(damaged.code, 1, damaged.stderr);
  copyFileSync(`${database}.good`, database);
  assert.equal(book.stored(), before);
  assert.not.ok(existsSync(join(book.place().root, 'backups/snapshots/.backup')));
});
test.run();
