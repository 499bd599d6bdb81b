// A book that is written in the browser and in a folder: nothing of the browser's is overwritten, and all of it can be had in the folder.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook, png } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());
book.write({
  '1.md': '# One\n\nfirst line\n\n[two](2.md)\n',
  '2.md': '---\ntitle: Two\nauthor-note: x\n---\n\nsecond\n'.replace('author-note: x\n', ''),
  '3.md': '# Three\n\nthird ![a](images/a.png)\n',
  'images/a.png': png('a'),
});
const importing = (...words: string[]) =>
  book.json('import-chapters', ['content', '--book', 'B', '--create', ...words]);

test('the browser’s edit of a page stays when the folder has not changed it, and both are shown when it has', async () => {
  assert.is((await importing()).code, 0);
  book.ruby(`
    one, two, three = Book.first.leaves.positioned.to_a
    one.edit(leafable_params: { body: one.page.body.content.sub("first", "FIRST") }, leaf_params: { title: "One" })
    three.edit(leafable_params: { body: three.page.body.content + "more\\n" }, leaf_params: { title: "Three: again" })
  `);
  const edited = await importing();
  assert.is(edited.code, 0, edited.stderr);
  assert.equal(
    edited.json.pages.map((one: { does: string; changes: string[] }) => [one.does, ...one.changes]),
    [
      ['edited', 'body'],
      ['edited', 'title', 'body'],
    ],
  );
  assert.is(edited.json.written, 0);

  book.write({
    '1.md': '# One\n\nfirst line, better\n\n[two](2.md)\n',
    '2.md': '---\ntitle: Two\n---\n\nsecond, better\n',
  });
  const before = book.pages();
  const refused = await book.run('import-chapters', ['content', '--book', 'B']);
  assert.is(refused.code, 1);
  assert.match(refused.stderr, '1.md was changed here and in the browser, so nothing was written');
  assert.match(refused.stderr, '-first line, better');
  assert.match(refused.stderr, '+FIRST line');
  assert.equal(book.pages(), before);
});

test('--pull brings edits into the folder, --take says which side of a conflict counts, and then both are the same', async () => {
  const refused = await importing('--pull');
  assert.is(refused.code, 1);
  const file = `${book.folder}/new.png`;
  book.write({ 'new.png': png('new') }, book.folder);
  book.ruby(`
    one = Book.first.leaves.positioned.first
    one.page.body.uploads.attach(io: File.open(${JSON.stringify(file)}, "rb"), filename: "In Browser.png")
    slug = one.page.body.uploads.attachments.last.slug
    one.edit(leafable_params: { body: one.page.body.content + "![n](/u/#{slug})\\n" }, leaf_params: { title: "One" })
  `);
  const { code, json, stderr } = await importing('--pull', '--take', 'theirs');
  assert.is(code, 0, stderr);
  assert.equal(json['pulled'], ['1.md', '3.md']);
  assert.match(
    book.read('1.md'),
    /^# One\n\nFIRST line\n\n\[two\]\(2\.md\)\n!\[n\]\(images\/in-browser-\w{6}\.png\)\n$/,
  );
  assert.match(book.read('3.md'), '---\ntitle: "Three: again"\n---\n\n# Three\n\nthird ![a](images/a.png)\nmore\n');
  const after = await importing();
  assert.is(after.code, 0, after.stderr);
  assert.equal(
    after.json.pages.map(one => `${one.path} ${one.does}`),
    ['2.md update'],
  );
  assert.equal((await importing()).json.pages, []);
});

test('--take ours writes the folder’s text, and the browser’s is kept as a revision', async () => {
  book.ruby('two = Book.first.leaves.positioned.second; two.edit(leafable_params: { body: "of the browser" })');
  book.rows(`UPDATE edits SET created_at = '2026-01-01 00:00:00'`);
  book.write({ '2.md': '---\ntitle: Two\n---\n\nof the folder\n' });
  const { code, stderr } = await importing('--take', 'ours');
  assert.is(code, 0, stderr);
  assert.is(book.pages()[1]?.text, 'of the folder\n');
  const old = book.rows(`SELECT content FROM action_text_markdowns m JOIN edits e ON e.leafable_id = m.record_id
    WHERE content = 'of the browser'`);
  assert.is(old.length, 1);
});

test('a page that was put into the trash in the browser is not made again', async () => {
  book.ruby('Book.first.leaves.positioned.third.trashed!');
  const { code, json } = await importing();
  assert.equal([code, json.written, book.pages().length], [0, 0, 2]);
  assert.equal(json.pages[0]?.changes, ['trashed']);
});
test.run();
