// A large book: how often the application is booted, that each page is written once, and that a second run writes nothing.
import { rmSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesBelow, makeWritebook } from '../support/writebook/writebook.ts';
import { writeLargeBook } from '../support/writebook/large-book.ts';

const isWhole = Boolean(process.env['BOOKOPS_TORTURE']);
const [chapters, images] = isWhole ? [1800, 400] : [60, 12];
const sections = Math.ceil(chapters / 100);

test(`${chapters} chapters with ${images} images: two boots, and the second time one boot and no write`, async () => {
  const book = await makeWritebook();
  try {
    const boots = () => {
      const count = book.read('boots', `${book.folder}/staging/shared/storage`).split('\n').length - 1;
      rmSync(`${book.folder}/staging/shared/storage/boots`);
      return count;
    };
    writeLargeBook(book.content, { chapters, images });
    const words = ['content', '--book', 'B', '--create'];
    const first = await book.json('import-chapters', words);
    assert.equal([first.code, first.json.written, boots()], [0, chapters + sections, 2], first.stderr);
    const pages = book.pages();
    const address = new Map(
      pages.map(page => [page.title, `/1/b/${page.id}/${page.title.toLowerCase().replace(' ', '-')}`]),
    );
    const found = pages.filter(page => page.kind === 'Page');
    assert.equal(
      found.map(page => page.title),
      Array.from({ length: chapters }, (_, at) => `Chapter ${at + 1}`),
    );
    for (const [at, { text }] of found.entries()) {
      const to = (other: number) => address.get(`Chapter ${((other + chapters) % chapters) + 1}`);
      assert.ok(text?.includes(`[before](${to(at - 1)}) and [next](${to(at + 1)}#part-two)`), text ?? '');
      assert.not.match(text ?? '', '../images');
    }
    assert.equal(book.rows('SELECT count(*) AS n, count(DISTINCT checksum) AS m FROM active_storage_blobs'), [
      { n: images, m: images },
    ]);
    assert.equal(book.rows('SELECT count(*) AS n FROM edits'), [{ n: 0 }]);
    const moments = () =>
      JSON.stringify(book.rows('SELECT id, updated_at FROM leaves UNION SELECT id, updated_at FROM books'));
    const before = moments();
    const second = await book.json('import-chapters', words);
    assert.equal([second.code, second.json.written, boots()], [0, 0, 1], second.stderr);
    assert.is(moments(), before);
  } finally {
    book.clean();
  }
});

test('a book exported, imported elsewhere and exported again is the same folder', async () => {
  const book = await makeWritebook();
  try {
    writeLargeBook(book.content, { chapters: isWhole ? 290 : 30, images: 10 });
    book.write({ '04-view.md': '---\nclass: Picture\ncaption: "a: b"\n---\n\n![](images/figure%201.png)\n' });
    assert.is((await book.json('import-chapters', ['content', '--book', 'B', '--create'])).code, 0);
    assert.is((await book.run('export-book', ['one', '--book', 'B'])).code, 0);
    const imported = await book.json('import-chapters', ['one', '--book', 'B']);
    assert.equal([imported.code, imported.json.written, imported.json.pages], [0, 0, []], imported.stderr);
    assert.is((await book.run('export-book', ['two', '--book', 'B'])).code, 0);
    const [one, two] = ['one', 'two'].map(name => filesBelow(`${book.folder}/${name}`));
    assert.equal(Object.keys(one ?? {}), Object.keys(two ?? {}));
    assert.equal(one, two);
  } finally {
    book.clean();
  }
});
test.run();
