// After an import, what the application shows of each page that was written is compared with the file, as a whole program.
import { rmSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook, png, type Writebook } from '../support/writebook/writebook.ts';

const book: Writebook = await makeWritebook();
test.after(() => book.clean());

const importing = (...words: string[]) => book.json('import-chapters', ['content', '--book', 'Field Guide', ...words]);

const plain = `# A *plain* chapter

One [next](02-year.md "Title"), a picture ![of a boat](images/boat.png), <https://example.org/a_b>, **bo**ld &amp; so on.

1. one
2. two
   - inner

| a | b |
|---|:-:|
| 1 | *2* |

\`\`\`ruby
puts "<b>"   # x
\`\`\`

> quoted with <mark>a mark</mark>
`;
book.write({
  '01-plain.md': plain,
  '02-year.md': '---\ntitle: The year\n---\n\nIt ended with\n1984. was it the last?\n',
  '03-fence.md': '# Code\n\nBehold:\n\n~~~ruby numbers\nx = 1\n~~~\n',
  '04-part/_section.md': '---\ntheme: dark\n---\n1984. is a title\n',
  '04-part/1.md': `# Hostile\n\n\`\u001b]0;x\u0007\` and\n12. <b>\u001b[2Jtwelve</b>\n`,
  '05-long.md': `# Long\n\n${'words '.repeat(25_000)}\n`,
  'images/boat.png': png('boat'),
});

test('a page that reads otherwise is told by file and line, others are not, and the import is done', async () => {
  const { code, json, stderr } = await importing('--create');
  assert.is(code, 0, stderr);
  assert.is(book.read('staging/shared/storage/boots', book.folder), 'boot\nboot\n');
  assert.equal(json['shown'], {
    differences: [
      { path: '02-year.md', line: 6, says: 'GitHub shows “1984.”, Writebook “1.”' },
      { path: '03-fence.md', line: 5, says: 'GitHub shows nothing, Writebook “~~~ruby numbers”' },
      { path: '04-part/1.md', line: 4, says: 'GitHub shows “12.”, Writebook “1.”' },
    ],
    skipped: ['05-long.md'],
  });
  assert.match(stderr, '! 02-year.md:6: GitHub shows “1984.”, Writebook “1.”');
  assert.match(stderr, 'tasks/check-chapters.ts content');
  assert.match(stderr, 'compared with what Writebook shows: 05-long.md');
  assert.not.match(stderr, '01-plain.md');
});

test('only pages that this run wrote are compared; once they are corrected, nothing is told', async () => {
  const again = await importing();
  assert.is(again.code, 0, again.stderr);
  assert.not.match(again.stderr, 'GitHub shows');
  book.write({ '02-year.md': book.read('02-year.md').replace('1984. was', '1984 was') });
  const { code, json, stderr } = await importing();
  assert.is(code, 0, stderr);
  assert.equal([json.written, json['shown']], [1, { differences: [], skipped: [] }]);
});

test('a page that the application fails to show is told, and it is written all the same', async () => {
  const application = 'staging/current/application.rb';
  book.write({ '02-year.md': '# The year\n\nIt breaks the view.\n' });
  const file = book.read(application, book.folder);
  const broken = file.replace('def to_html = ', 'def to_html = raise("no\\e[2J view") || ');
  assert.is.not(broken, file);
  book.write({ [application]: broken }, book.folder);
  // booted anew, with that
  rmSync(`${book.folder}/staging/shared/storage/booted`);
  const { code, json, stderr } = await importing();
  assert.is(code, 0, stderr);
  assert.is(json.written, 1);
  assert.match(stderr, '02-year.md:1: Writebook cannot show this page: RuntimeError: no');
  assert.not.match(stderr, '\u001b[2J');
});
test.run();
