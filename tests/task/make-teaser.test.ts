// Teasers of chapters, as a whole program: what arrives in the published book, that a second run writes nothing, and what is refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());
const hostile = 'It\'s "quoted" #{exit 7} `id` $(id) <%= exit %> \\ [x](y)';
const paragraph = (word: string, count: number) => Array.from({ length: count }, () => word).join(' ');
book.ruby(`
guide = Book.create!(title: "Field Guide & Co.", slug: "field-guide")
{ "Arrival" => ${JSON.stringify(`# Arrival\n\n${paragraph('sea', 30)}\n\n- one\n- two\n\n${paragraph('land', 40)}\n`)},
  "Long" => ${JSON.stringify(`${paragraph('long', 80)}\n\nshort\n`)},
  "Twin" => "one two", "Short" => "one\\n\\ntwo\\n" }.each do |title, text|
  page = Page.create!(body: ""); page.body = text; page.save!
  guide.press(page, title: title)
end
guide.press(Section.new(body: "Part"), title: "Part")
page = Page.create!(body: ""); page.body = 'words #{exit 8}'; page.save!
guide.press(page, title: ${JSON.stringify(hostile).replaceAll('#{', '\\#{')})
page = Page.create!(body: ""); page.body = "other twin"; page.save!
guide.press(page, title: "Twin")
Book.create!(title: "Drafts", slug: "drafts")
Book.create!(title: "Samples", slug: "samples", published: true)
Book.create!(title: "Twins", slug: "t1"); Book.create!(title: "Twins", slug: "t2")
`);
const teasing = (...words: string[]) => book.json('make-teaser', ['--book', '1', '--into', 'Samples', ...words]);
const samples = () => book.pages(3);
const changed = () => JSON.stringify(book.rows('SELECT id, updated_at FROM leaves ORDER BY id'));
const revisions = () => book.rows('SELECT count(*) AS n FROM edits')[0]?.['n'];
const tail = '… [Read on in “Field Guide &amp; Co.”](/1/field-guide)\n';
const does = (json: Record<string, unknown>) =>
  (json['teasers'] as { title: string; does: string; words: number; of: number }[]).map(
    one => `${one.title}: ${one.does} ${one.words}/${one.of}`,
  );

test('a book that is not published, is the source, or is not there is refused, and so are unknown chapters', async () => {
  const refused: [RegExp, ...string[]][] = [
    [/“Drafts” is not published[^]*publish book 2/, 'Arrival', '--book', '1', '--into', 'drafts'],
    [/“Field Guide & Co.” is the book that teasers are made of/, 'Arrival', '--book', '1', '--into', '1'],
    [/has no book "Nowhere"/, 'Arrival', '--book', '1', '--into', 'Nowhere'],
    [/has no book "9"/, 'Arrival', '--book', '9', '--into', 'samples'],
    [/has no chapter "Departure"[^]*1 {2}Arrival/, 'Departure', '--book', '1', '--into', 'samples'],
    [/2 chapters are called "Twin"[^]*3, 7/, 'Twin', '--book', '1', '--into', 'samples'],
    [/“Part” is a section/, '5', '--book', '1', '--into', 'samples'],
    [/--into is missing/, 'Arrival', '--book', '1'],
    [/which chapters/, '--book', '1', '--into', 'samples'],
    [/--each and chapters cannot be combined/, '--each', 'Arrival', '--book', '1', '--into', 'samples'],
    [/--words 0 is no number/, 'Arrival', '--book', '1', '--into', 'samples', '--words', '0'],
    [/--link "a b" is no address/, 'Arrival', '--book', '1', '--into', 'samples', '--link', 'a b'],
  ];
  for (const [says, ...words] of refused) {
    const { code, stderr } = await book.run('make-teaser', words);
    assert.is(code, 2, stderr);
    assert.match(stderr, says);
  }
  assert.equal(samples(), []);
});

test('a plan writes nothing; then the teaser has the first blocks, a title that says so, and a link', async () => {
  const planned = await teasing('Arrival', '--words', '40', '--plan');
  assert.is(planned.code, 0, planned.stderr);
  assert.equal(does(planned.json), ['Arrival: create 33/73']);
  assert.equal(samples(), []);
  const { code, json, stderr } = await teasing('1', '--words', '40');
  assert.is(code, 0, stderr);
  assert.is(json.written, 1);
  const text = `# Arrival\n\n${paragraph('sea', 30)}\n\n- one\n- two\n\n${tail}`;
  assert.equal(
    samples().map(one => [one.title, one.text]),
    [['(Preview) Arrival', text]],
  );
  assert.is(revisions(), 0);
});

test('a second run boots the application once and writes nothing; a changed chapter is cut again, with one revision', async () => {
  const before = changed();
  const same = await teasing('Arrival', '--words', '40');
  assert.equal([same.code, same.json.written, does(same.json)], [0, 0, ['Arrival: untouched 33/73']], same.stderr);
  assert.is(changed(), before);
  book.ruby(
    `leaf = Leaf.find(1); leaf.edit(leafable_params: { body: "New words.\\n" }, leaf_params: { title: "Landing" })`,
  );
  const was = revisions();
  const { code, json, stderr } = await teasing('Landing', '--words', '40');
  assert.is(code, 0, stderr);
  assert.equal(does(json), ['Landing: update 2/2']);
  assert.equal(
    samples().map(one => [one.title, one.text]),
    [['(Preview) Landing', `New words.\n\n${tail}`]],
  );
  assert.is(revisions(), Number(was) + 1);
});

test('each takes all pages; what cannot be cut is told with the words that it needs, and the others are made', async () => {
  const { code, json, stderr } = await teasing('--each', '--words', '40');
  assert.is(code, 1, stderr);
  assert.equal(does(json), [
    'Landing: untouched 2/2',
    'Long: refused 0/81',
    'Twin: create 2/2',
    'Short: create 2/2',
    `${hostile}: create 3/3`,
    'Twin: create 2/2',
  ]);
  assert.match(JSON.stringify(json), '"least":80');
  assert.is(samples().length, 5);
  const titles = samples().map(one => one.title);
  assert.ok(titles.includes(`(Preview) ${hostile}`), titles.join('\n'));
  const again = await teasing('--each', '--words', '40');
  assert.equal([again.code, again.json.written], [1, 0]);
});

test('a teaser that was edited or trashed in the browser stays, unless it is to be overwritten', async () => {
  const [first, second] = samples();
  book.ruby(
    `leaf = Leaf.find(${first?.id}); leaf.edit(leafable_params: { body: "By hand." }); Leaf.find(${second?.id}).trashed!`,
  );
  const before = changed();
  const { json } = await teasing('Landing', '3', '--words', '40');
  assert.equal(does(json), ['Landing: edited 2/2', 'Twin: trashed 2/2']);
  assert.is(changed(), before);
  const { code, stderr } = await teasing('Landing', '3', '--words', '40', '--overwrite');
  assert.is(code, 0, stderr);
  assert.equal(
    samples().map(one => one.id),
    book.rows(`SELECT id FROM leaves WHERE book_id = 3 ORDER BY position_score, id`).map(one => one['id']),
  );
  assert.is(samples()[0]?.text, `New words.\n\n${tail}`);
});

test('a chapter that is gone leaves its teaser; without a record, a teaser is found by its title', async () => {
  book.ruby(`Leaf.find(4).trashed!`);
  const { json } = await teasing('--each', '--words', '40');
  assert.ok(
    does(json).some(one => one.startsWith('(Preview) Short: left')),
    does(json).join('\n'),
  );
  const { rmSync } = await import('node:fs');
  rmSync(`${book.folder}/staging/shared/storage/bookops/teasers-3.json`);
  const before = changed();
  const again = await teasing('Landing', '--words', '40');
  assert.equal(does(again.json), ['Landing: untouched 2/2']);
  assert.is(changed(), before);
});

test('ops.yml names the books, the chapters and the words, in any language', async () => {
  const { readFileSync, writeFileSync } = await import('node:fs');
  const file = `${book.folder}/ops.yml`;
  const settings = `    writebook:
      teasers: { book: 1, into: 3, words: 5, chapters: [Landing], title: '{chapter} (Leseprobe)', read_on: 'Weiter in {book}', link: 'https://shop.example/a(b)' }
`;
  writeFileSync(file, readFileSync(file, 'utf8').replace('    environments:', `${settings}    environments:`));
  const { code, json, stderr } = await book.json('make-teaser', ['--each']);
  assert.is(code, 0, stderr);
  assert.equal(does(json).slice(0, 1), ['Landing: update 2/2']);
  assert.equal(
    [samples()[0]?.title, samples()[0]?.text],
    ['Landing (Leseprobe)', 'New words.\n\n… [Weiter in Field Guide &amp; Co.](https://shop.example/a%28b%29)\n'],
  );
});

test.run();
