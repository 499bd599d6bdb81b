// Restores as whole programs on this machine: into a folder, in the place of the data, refused, undone, and cut off.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderManifest } from '../../lib/backup/manifest.ts';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { fingerprint, listing, until } from '../support/book/book.ts';

let book: BackedUp;
let good: string;
test.before(async () => {
  book = await makeBackedUpBook();
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
  good = await book.backUp();
});
test.after(() => book.clean());

const shared = () => join(book.place().root, 'shared');
const set = (text: string) => book.sql(`UPDATE chapters SET title = '${text}' WHERE rowid = 1`);
const title = () => book.sql('SELECT title FROM chapters WHERE rowid = 1');
/** Nothing of a restore lies about but what was moved aside by those that were good. */
const leftovers = () => readdirSync(shared()).filter(name => /restored-|^\.rest/.test(name));

test('into an empty folder: the database, the files, and nothing else', async () => {
  const { code, stdout, stderr } = await book.run('restore', ['--to', 'out']);
  assert.is(code, 0, stderr);
  assert.match(stdout, `${good} is in ${join(book.folder, 'out')} after `);
  const out = join(book.folder, 'out');
  assert.equal(readdirSync(out).toSorted(), ['database.sqlite', 'files']);
  assert.is(readFileSync(join(out, 'files/shared/uploads/link'), 'utf8'), 'a cover');
  const again = await book.run('restore', ['--to', 'out']);
  assert.is(again.code, 2);
  assert.match(again.stderr, 'is not empty');
  const one = await book.run('restore', ['--to', 'one', '--only', 'shared/uploads/page']);
  assert.is(one.code, 0, one.stderr);
  assert.equal(Object.keys(listing(join(book.folder, 'one'))), [
    'files',
    'files/shared',
    'files/shared/uploads',
    'files/shared/uploads/page',
  ]);
});

test('in the place of the data: what was there is moved aside, and the app serves what was then', async () => {
  const was = title();
  set('written since');
  writeFileSync(join(book.uploads, 'page'), 'another page');
  writeFileSync(join(book.uploads, 'new'), 'new');
  const plan = await book.run('restore', ['--plan']);
  assert.is(plan.code, 0, plan.stderr);
  assert.match(plan.stdout, /Stop [^]*Replace the present database[^]*Replace shared\/uploads[^]*Start /);
  assert.is(title(), 'written since');

  const { code, stdout, stderr } = await book.run('restore');
  assert.is(code, 0, stderr);
  assert.match(stdout, `${good} is back; what was there before is in `);
  assert.is(title(), was);
  assert.is(await book.serves(), book.good2);
  assert.is(readFileSync(join(book.uploads, 'page'), 'utf8'), 'a page');
  assert.not.ok(existsSync(join(book.uploads, 'new')));
  const aside = readdirSync(shared()).filter(name => name.includes('before-restore-'));
  assert.is(aside.length, 2, aside.join());
  const [database = '', files = ''] = [
    aside.find(name => name.startsWith('book.db')),
    aside.find(name => name.startsWith('before')),
  ];
  assert.match(
    spawnSync('sqlite3', [join(shared(), database, 'book.db'), 'SELECT title FROM chapters'], { encoding: 'utf8' })
      .stdout,
    'written since',
  );
  assert.is(readFileSync(join(shared(), files, 'shared/uploads/new'), 'utf8'), 'new');
  assert.match(book.log().at(-1) ?? '', new RegExp(` action=restore .*outcome=live backup=${good}`));
  assert.equal(leftovers(), []);
  // it is no release of its own
  const rollback = await book.run('rollback', ['--plan']);
  assert.is(rollback.code, 2, rollback.stdout);
});

test('single files come back while the app runs on', async () => {
  writeFileSync(join(book.uploads, 'page'), 'spoilt');
  const before = book.log().length;
  const { code, stderr } = await book.run('restore', ['--only', 'shared/uploads/page']);
  assert.is(code, 0, stderr);
  assert.is(readFileSync(join(book.uploads, 'page'), 'utf8'), 'a page');
  assert.is(book.log().length, before);
  for (const [path, says] of [
    ['../../etc/passwd', 'is outside the root'],
    ['shared/uploads/none', 'the backup has no shared/uploads/none'],
    ['shared/book.env', 'it has files below shared/uploads'],
  ] as const) {
    const wrong = await book.run('restore', ['--only', path]);
    assert.is(wrong.code, 2, path);
    assert.match(wrong.stderr, says);
  }
});

test('a restore whose data the app cannot use is undone to the byte', async () => {
  // a database that was half-migrated by hand
  book.sql('CREATE TABLE kept AS SELECT * FROM migrations; DELETE FROM migrations');
  await book.backUp();
  book.sql('INSERT INTO migrations SELECT * FROM kept; DROP TABLE kept');
  set('precious');
  const stopped = fingerprint(book.place().database);
  const before = JSON.stringify(listing(book.uploads));
  const failed = await book.run('restore');
  assert.is(failed.code, 1, failed.stderr);
  assert.match(failed.stderr, 'Migrate the database: exited with 1');
  assert.match(failed.stderr, /reverted: [0-9a-f]{7} is still live/);
  assert.is(fingerprint(book.place().database), stopped);
  assert.is(JSON.stringify(listing(book.uploads)), before);
  assert.is(title(), 'precious');
  assert.is(await book.serves(), book.good2);
  assert.equal(leftovers(), []);
});

test('a client that is killed while the app is stopped: the server itself puts the data back', async () => {
  set('still here');
  const running = book.start('restore', [good]);
  await running.says('… Replace the present database with the restored one');
  running.child.kill('SIGKILL');
  await until(
    'the target is at rest',
    () => book.isFree() && (book.log().at(-1) ?? '').includes('outcome=lost'),
    () => book.log().join('\n'),
    40,
  );
  assert.is(title(), 'still here');
  assert.is(await book.serves(), book.good2);
  const again = await book.run('restore', [good]);
  assert.is(again.code, 0, again.stderr);
  assert.is.not(title(), 'still here');
  assert.equal(leftovers(), []);
});

test('production is only restored by who says its name', async () => {
  const production = ['--env', 'production'];
  const made = await book.run('backup', production);
  assert.is(made.code, 0, made.stderr);
  const uploads = join(book.place('production').root, 'shared/uploads');
  rmSync(uploads, { recursive: true });
  mkdirSync(uploads);
  for (const [words, says] of [
    [[], 'add --confirm book-production'],
    [['--confirm', 'book-staging'], '--confirm says book-staging, and this is book-production'],
  ] as const) {
    const refused = await book.run('restore', [...production, ...words]);
    assert.is(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, says);
  }
  assert.equal(readdirSync(uploads), []);
  // nothing was ever deployed there: the data come first, and the app after them
  const { code, stderr } = await book.run('restore', [...production, '--confirm', 'book-production']);
  assert.is(code, 0, stderr);
  assert.is(readFileSync(join(uploads, 'page'), 'utf8'), 'a page');
});

test('an archive that somebody exchanged, manifest and all, writes nothing anywhere', async () => {
  // the table that a test before this took away is told once
  await book.run('backup');
  const id = await book.backUp();
  const folder = join(book.store, 'book-staging', id);
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  delete manifest.seal;
  const evil = join(book.folder, 'evil');
  mkdirSync(evil);
  writeFileSync(join(evil, 'x'), 'evil');
  // out of the folder of a drill, of --to and of the app alike
  const make = `tar -cPf - --transform 's,^x,../../../../../..${evil}/written,' x | tee >(wc -c >bytes) | zstd -q >${folder}/files.tar.zst`;
  rmSync(join(folder, 'files.tar.zst'));
  assert.is(spawnSync('bash', ['-c', make], { cwd: evil }).status, 0);
  const bytes = readFileSync(join(folder, 'files.tar.zst'));
  const part = manifest.parts[1];
  Object.assign(part, {
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    rawBytes: 10_240,
  });
  manifest.files.count = 1;
  writeFileSync(join(folder, 'manifest.json'), renderManifest(manifest));
  assert.is((await book.run('backups', ['verify', id])).code, 0, 'its checksums are right');
  const before = JSON.stringify(listing(shared()));
  for (const words of [
    ['drill', id],
    ['drill', id, '--here'],
    ['restore', id, '--to', 'trap'],
    ['restore', id],
  ] as const) {
    const { code, stderr } = await book.run(words[0], words.slice(1));
    assert.is(code, 7, stderr);
    assert.match(stderr, /not to be trusted: .*leads out of its folder/);
  }
  assert.equal([existsSync(join(evil, 'written')), existsSync(join(book.folder, 'written'))], [false, false]);
  assert.equal(readdirSync(join(book.folder, 'trap')), []);
  assert.is(JSON.stringify(listing(shared())), before);
  rmSync(folder, { recursive: true });
});

test('--at picks by time, and what is not there is told', async () => {
  const early = await book.run('restore', ['--at', '2020-01-01', '--plan']);
  assert.is(early.code, 2);
  assert.match(early.stderr, 'there is no backup from before 2020-01-01T23:59:59');
  const now = await book.run('restore', ['--at', '2199-01-01', '--plan']);
  assert.is(now.code, 0, now.stderr);
  const odd = await book.run('restore', ['--at', 'yesterday']);
  assert.is(odd.code, 2);
  assert.match(odd.stderr, 'is not a date');
});
test.run();
