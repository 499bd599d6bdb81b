// The layout of Bibliotheca's scripts: a backup written so checks itself wherever it is moved, and is taken in again as one of ours.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';

const script = 'examples/bibliotheca/backups';
let book: BackedUp;
let folder = '';
test.before(async () => {
  book = await makeBackedUpBook();
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
  await book.backUp();
});
test.after(() => book.clean());

test('a backup is written as <time>/<app>_<time>.db with a checksum that survives moving', async () => {
  const restored = await book.run('restore', ['--to', 'old', '--json']);
  assert.is(restored.code, 0, restored.stderr);
  const { code, stdout, stderr } = await book.run(script, ['layout', 'old', '--id', JSON.parse(restored.stdout).id]);
  assert.is(code, 0, stderr);
  const [time = ''] = readdirSync(join(book.folder, 'old'));
  assert.match(time, /^\d{4}-\d\d-\d\d_\d{6}$/);
  assert.match(stdout, time);
  mkdirSync(join(book.folder, 'moved'));
  folder = join(book.folder, 'moved', time);
  renameSync(join(book.folder, 'old', time), folder);
  assert.equal(readdirSync(folder).toSorted(), [`book_${time}.db`, `book_${time}.db.sha256`, 'uploads']);
  execFileSync('bash', ['-c', 'sha256sum --check *.sha256'], { cwd: folder });
  assert.is(readFileSync(join(folder, 'uploads/page'), 'utf8'), 'a page');
  assert.is((await book.run(script, ['layout', 'old'])).code, 2);
  for (const [task, word] of [
    ['restore', '--layout'],
    ['backups', 'import'],
  ] as const) {
    const refused = await book.run(task, [word]);
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /(layout|import) is now .*npx tsx examples\/bibliotheca\/backups\.ts/);
  }
});

test('such a folder is taken in as a backup of its own time, proven, and put back', async () => {
  const file = join(folder, `book_${basename(folder)}.db`);
  // as the older scripts wrote it: with the path of then
  const line = readFileSync(`${file}.sha256`, 'utf8');
  writeFileSync(`${file}.sha256`, line.replace('  book_', '  /opt/bibliotheca/shared/storage/backups/x/book_'));
  const { code, stdout, stderr } = await book.run(script, ['import', folder, '--json']);
  assert.is(code, 0, stderr);
  const { id, manifest } = JSON.parse(stdout);
  assert.is(id.slice(0, 15), basename(folder).replaceAll('-', '').replace('_', 'T'));
  assert.is(manifest.database.tables.chapters, Number(book.sql('SELECT count(*) FROM chapters')));
  const drill = await book.run('drill', [id]);
  assert.is(drill.code, 0, drill.stderr);
  writeFileSync(join(book.uploads, 'page'), 'spoilt');
  const back = await book.run('restore', [id]);
  assert.is(back.code, 0, back.stderr);
  assert.is(readFileSync(join(book.uploads, 'page'), 'utf8'), 'a page');
  assert.is(await book.serves(), book.good2);
});

test('one that is damaged, without a checksum, or something else, is refused and changes nothing', async () => {
  const before = book.stored();
  const ends = async (...words: string[]) => {
    const { code, stderr } = await book.run(script, ['import', ...words]);
    assert.equal(book.stored(), before, stderr);
    return `${code} ${stderr}`;
  };
  const file = join(folder, `book_${basename(folder)}.db`);
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  assert.match(await ends(folder), /^7 .*it is damaged/s);
  writeFileSync(`${file}.sha256`, '');
  assert.match(await ends(folder), /^7 .*no checksum/s);
  assert.match(await ends(join(book.folder, 'moved')), /^2 .*is not such a backup/s);
  assert.match(await ends(), /^2 .*<folder> is missing/s);
  mkdirSync(join(folder, 'strange'));
  writeFileSync(`${file}.sha256`, execFileSync('bash', ['-c', 'sha256sum *.db'], { cwd: folder }));
  assert.match(await ends(folder), /^3 .*which path of backup\.files\.include is strange/s);
});
test.run();
