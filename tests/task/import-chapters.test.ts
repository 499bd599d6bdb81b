// A folder of chapters into a book, as a whole program: what arrives, that a second run writes nothing, and what is refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook, png, type Answer } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());
book.ruby(`User.create!(name: "Ana", email_address: "ana@books.test", role: :administrator)
User.create!(name: "Ben", email_address: "ben@books.test", role: :member)`);

const importing = (...words: string[]) => book.json('import-chapters', ['content', '--book', 'Field Guide', ...words]);
const hostile = 'It\'s "quoted" #{exit 7} `id` $(id)\n<%= exit %> \\';
const revisions = () => book.rows('SELECT count(*) AS n FROM edits')[0]?.['n'];
const changed = () => JSON.stringify(book.rows('SELECT id, updated_at, position_score FROM leaves ORDER BY id'));

const count = process.env['BOOKOPS_TORTURE'] ? 280 : 45;
const pages = Object.fromEntries(
  Array.from({ length: count }, (_, at) => [
    `${at + 10}-page.md`,
    `# Page ${at}\n\nText of ${at}, then [the next](${at + 11}-page.md#part).\n`,
  ]),
);
book.write({
  ...pages,
  [`${count + 9}-page.md`]: `# Page ${count - 1}\n\nThe last.\n`,
  '1-hostile.md': `---\ntitle: ${JSON.stringify(hostile)}\n---\n\r\nWindows\r\nlines \`#{exit 8}\`\r\n![a](<images/My Photo (1).png>) [on](../content/10-page.md) [10](10-page.md)\r\n`,
  '2-part/_section.md': '---\ntitle: 第二部\ntheme: dark\n---\n\n暗い\n',
  '2-part/1.md':
    '---\ntitle: 写真\n---\n\n![b](../images/My%20Photo%20%281%29.png) ![c](../images/写真.png) `![](images/none.png)`',
  '3-view.md': '---\nclass: Picture\ncaption: "A “view”: <b>"\n---\n\n![](images/view.gif)\n',
  'images/My Photo (1).png': png('photo'),
  'images/写真.png': png('写真'),
  'images/view.gif': Buffer.from('GIF89a....'),
});

test('the plan shows what would be made, and makes nothing', async () => {
  const without = await importing('--plan');
  assert.is(without.code, 2, without.stderr);
  assert.match(without.stderr, 'has no book "Field Guide"');
  const stray = await importing('--create', '--plan');
  // ../content/10-page.md leads out of the folder
  assert.is(stray.code, 3, stray.stderr);
  assert.match(stray.stderr, '1-hostile.md:7: "../content/10-page.md" leads out of the folder');
  book.write({ '1-hostile.md': book.read('1-hostile.md').replace('[on](../content/10-page.md) ', '') });
  const { code, json, stderr } = await importing('--create', '--plan');
  assert.is(code, 0, stderr);
  assert.is(json.pages.length, count + 4);
  assert.equal(book.rows('SELECT count(*) AS n FROM books'), [{ n: 0 }]);
});

test('pages, pictures and sections arrive in order, with links and images, without a revision', async () => {
  const { code, json, stderr } = await importing('--create');
  assert.is(code, 0, stderr);
  assert.is(json.written, count + 4);
  const found = book.pages();
  assert.is(found.length, count + 4);
  assert.equal(
    found.slice(0, 6).map(one => [one.kind, one.title]),
    [
      ['Page', hostile],
      ['Section', '第二部'],
      ['Page', '写真'],
      ['Picture', 'view'],
      ['Page', 'Page 0'],
      ['Page', 'Page 1'],
    ],
  );
  assert.equal([found[1]?.theme, found[1]?.text, found[3]?.caption], ['dark', '暗い\n', 'A “view”: <b>']);
  const next = (at: number) => `/1/field-guide/${found.find(one => one.title === `Page ${at}`)?.id}/page-${at}`;
  assert.is(found[4]?.text, `# Page 0\n\nText of 0, then [the next](${next(1)}#part).\n`);
  const photo = /^Windows\r\nlines `#\{exit 8\}`\r\n!\[a\]\(<(\/u\/my-photo-1-\w{6}\.png)>\) \[10\]\((\S+)\)\r\n$/.exec(
    found[0]?.text ?? '',
  );
  assert.is(photo?.[2], next(0), found[0]?.text ?? '');
  assert.match(found[2]?.text ?? '', `![b](${photo?.[1]})`);
  assert.match(found[2]?.text ?? '', /!\[c\]\(\/u\/-\w{6}\.png\) `!\[\]\(images\/none\.png\)`$/);
  assert.equal(book.rows('SELECT count(*) AS n FROM active_storage_blobs'), [{ n: 3 }]);
  assert.is(revisions(), 0);
  assert.equal(book.rows('SELECT user_id, level FROM accesses ORDER BY user_id'), [
    { user_id: 1, level: 'editor' },
    { user_id: 2, level: 'reader' },
  ]);
  assert.is(book.rows(`SELECT rowid FROM leaf_search_index WHERE leaf_search_index MATCH '"text of 17"'`).length, 1);
});

test('a second run writes nothing, in the application and in the folder', async () => {
  const before = [changed(), book.read('.bookops/writebook-staging-book-1.json')];
  const { code, json, stderr } = await importing();
  assert.is(code, 0, stderr);
  assert.equal([json.written, json['untouched']], [0, count + 4]);
  assert.equal([changed(), book.read('.bookops/writebook-staging-book-1.json')], before);
});

test('what changed is updated with one revision each, moved, created in its place, and trashed only when that is wanted', async () => {
  book.write({
    '12-page.md': '# Page 2\n\nNew text.\n',
    '3-view.md': book.read('3-view.md').replace('“view”', 'sight'),
    '11.5-between.md': 'between [2](12-page.md) ![a](<images/My Photo (1).png>)',
  });
  const { renameSync, rmSync } = await import('node:fs');
  renameSync(`${book.content}/${count + 9}-page.md`, `${book.content}/10-a-last.md`);
  rmSync(`${book.content}/40-page.md`);
  book.write({
    [`${count + 8}-page.md`]: `# Page ${count - 2}\n\nNo link.\n`,
    '39-page.md': '# Page 29\n\nNo link.\n',
  });
  const first = await importing();
  assert.is(first.code, 0, first.stderr);
  const does = (json: Answer) => json.pages.map(one => `${one.path} ${one.does}`);
  assert.equal(does(first.json), [
    '3-view.md update',
    '11.5-between.md create',
    '12-page.md update',
    '39-page.md update',
    `${count + 8}-page.md update`,
    '40-page.md left',
  ]);
  const found = book.pages();
  assert.equal(
    found.slice(4, 9).map(one => one.title),
    [`Page ${count - 1}`, 'Page 0', 'Page 1', '5 between', 'Page 2'],
  );
  assert.is(revisions(), 4);
  assert.equal(book.rows('SELECT count(*) AS n FROM active_storage_blobs'), [{ n: 3 }]);
  const again = await importing('--trash');
  assert.is(again.code, 0, again.stderr);
  assert.equal(does(again.json), ['40-page.md trash']);
  assert.is(book.pages().length, count + 4);
  const last = await importing('--trash');
  assert.equal([last.code, last.json.written], [0, 0]);
});

test('words that make no sense together are refused, and a server without the application says so', async () => {
  assert.is((await book.run('import-chapters', ['content'])).code, 2);
  assert.is((await importing('--take', 'theirs')).code, 2);
  const { renameSync } = await import('node:fs');
  renameSync(`${book.folder}/staging/current/bin/rails`, `${book.folder}/rails`);
  const { code, stderr } = await book.run('import-chapters', ['content', '--book', '1']);
  renameSync(`${book.folder}/rails`, `${book.folder}/staging/current/bin/rails`);
  assert.is(code, 1);
  assert.match(stderr, 'there is no program bin/rails in');
});
test.run();
