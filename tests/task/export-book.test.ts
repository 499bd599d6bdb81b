// A book as a folder: the import of an export changes nothing, byte for byte, in the application and in the folder.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, makeWritebook, png } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());
const image = join(book.folder, 'a.png');
book.write({ 'a.png': png('a') }, book.folder);
const texts = [
  '# Plain\n\ntext\n',
  'no line end',
  '',
  '\n\nblank lines first\n',
  'Windows\r\nlines\r\n',
  '\ufeffa mark first',
  '---\ntitle: not front matter\n---\n\ntext',
  '---\n\na rule first\n\n---\n',
  'emoji 👩‍👩‍👧 e\u0301 \u200f עברית\n',
  'a relative ![one](images/nowhere.png) and [another](../x.md) and `![](/u/IMAGE)`\n',
  '![i](/u/IMAGE) <img src="/u/IMAGE"> [l](/1/b/LEAF/t-0-plain) [wrong](/1/b/LEAF/old)\n',
];
book.ruby(`
  book = Book.create!(title: "B")
  texts = JSON.parse(${JSON.stringify(JSON.stringify(texts)).replaceAll('#', '\\#')})
  leaves = texts.each_with_index.map { |text, at| book.press(Page.new(body: text), title: "T #{at} plain") }
  book.press(Section.new(body: "A part", theme: "dark"), title: "A part")
  book.press(Section.new(body: nil), title: "No text")
  book.press(Section.new(body: "  "), title: "Blank")
  [1, 2].each { |at| book.press(Page.new(body: "twice #{at}"), title: "The same") }
  ["new\\nline \\"quoted\\" \\\\ : # - x", "~", "yes", "2026-01-01", " spaces ", "\\u0085\\u2028", "写真", "../../up"].each { |title| book.press(Page.new(body: title), title: title) }
  book.press(Picture.new(caption: "It's \\"a\\" [view]", image: { io: File.open(${JSON.stringify(image)}, "rb"), filename: "a.PNG" }), title: "Picture")
  page = leaves.last.page
  page.body.uploads.attach(io: File.open(${JSON.stringify(image)}, "rb"), filename: "My Photo (1).png")
  slug = page.body.uploads.attachments.last.slug
  leaves.last(2).each { |leaf| leaf.page.update!(body: leaf.page.body.content.gsub("IMAGE", slug).gsub("LEAF", leaves.first.id.to_s)) }
  leaves[3].move_to_position(0)
  book.press(Page.new(body: "gone"), title: "Gone").trashed!
`);
const rows = () =>
  JSON.stringify([
    book.rows('SELECT * FROM leaves ORDER BY id'),
    book.rows('SELECT * FROM action_text_markdowns ORDER BY id'),
    book.rows('SELECT count(*) AS n FROM edits'),
  ]);

test('every page, picture and section is there, and importing them changes nothing', async () => {
  const { code, json, stderr } = await book.json('export-book', ['one', '--book', 'B']);
  assert.is(code, 0, stderr);
  assert.equal(json['differs'], []);
  assert.equal([json.pages, json['images']], [25, 2]);
  const one = filesBelow(join(book.folder, 'one'));
  assert.match(one['01-t-3-plain.md'] ?? '', '---\ntitle: T 3 plain\n---\n\n\n\nblank lines first\n');
  const before = rows();
  const back = await book.json('import-chapters', ['one', '--book', 'B', '--trash']);
  assert.is(back.code, 0, back.stderr);
  assert.equal([back.json.pages, back.json['moves'], back.json.written], [[], [], 0]);
  assert.is(rows(), before);
  assert.equal(filesBelow(join(book.folder, 'one')), one);
});

test('as another book, the same folder gives the same texts, and exported again the same files', async () => {
  const made = await book.json('import-chapters', ['one', '--book', 'B again', '--create']);
  // what stands in the application as it is cannot be written again
  assert.is(made.code, 3, made.stderr);
  assert.match(made.stderr, 'the image "images/nowhere.png" is missing');
  rmSync(join(book.folder, 'one/10-t-9-plain.md'), { force: true });
  const again = await book.json('import-chapters', ['one', '--book', 'B again', '--create']);
  assert.is(again.code, 0, again.stderr);
  const textOf = (id: number) =>
    book
      .pages(id)
      .map(one => [
        one.kind,
        one.title,
        one.text?.replaceAll(/\/u\/[\w-]+/g, '/u/x').replaceAll(/\/\d+\/b(-again)?\/\d+\//g, '//'),
      ]);
  const wanted = textOf(1).filter(one => one[1] !== 'T 9 plain' && one[1] !== 'No text' && one[1] !== 'Blank');
  assert.equal(
    textOf(2).filter(one => one[1] !== 'No text' && one[1] !== 'Blank'),
    wanted,
  );
  const second = await book.json('export-book', ['two', '--book', '2']);
  assert.is(second.code, 0, second.stderr);
  assert.equal(second.json['differs'], []);

  const third = await book.json('import-chapters', ['two', '--book', 'B once more', '--create']);
  assert.is(third.code, 0, third.stderr);
  assert.is((await book.json('export-book', ['three', '--book', '3'])).code, 0);
  const filesOf = (name: string) =>
    Object.entries(filesBelow(join(book.folder, name))).filter(([path]) => !path.startsWith('.bookops/'));
  assert.ok(filesOf('two').some(([path]) => path === 'images/My Photo (1).png'));
  assert.equal(filesOf('three'), filesOf('two'));
});

test('a folder with something in it is left alone', async () => {
  const { code, stderr } = await book.run('export-book', ['one', '--book', 'B']);
  assert.is(code, 2);
  assert.match(stderr, 'is not empty');
});
test.run();
