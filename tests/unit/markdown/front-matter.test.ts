// Front matter as text: twenty shapes of a chapter's beginning, what is refused, and writing it back.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readChapter, writeChapter, type ChapterFields } from '../../../lib/markdown/front-matter.ts';

/** A chapter, its fields, and its body; the problems are told in words that the third part must contain. */
const shapes: [what: string, text: string, fields: ChapterFields, body: string, problem?: RegExp][] = [
  ['a title', '---\ntitle: One\n---\n# One\n', { title: 'One' }, '# One\n'],
  ['all keys', '---\ntitle: A\nclass: Section\ntheme: dark\ncaption: C\n---\n', { title: 'A', class: 'Section', theme: 'dark', caption: 'C' }, ''], // prettier-ignore
  ['CRLF', '---\r\ntitle: One\r\n---\r\ntext\r\n', { title: 'One' }, 'text\r\n'],
  ['a byte order mark', '\ufeff---\ntitle: One\n---\ntext', { title: 'One' }, 'text'],
  ['a mark and no front matter', '\ufefftext\n', {}, 'text\n'],
  ['none', 'text\n', {}, 'text\n'],
  ['an empty file', '', {}, ''],
  ['a rule first', '---\n\nIt was dark.\n\n---\n\nMore.\n', {}, '---\n\nIt was dark.\n\n---\n\nMore.\n'],
  ['two rules', '---\n---\ntext\n', {}, '---\n---\ntext\n'],
  ['a scene with a colon', '---\nShe said: no.\n---\ntext\n', {}, '---\nShe said: no.\n---\ntext\n'],
  ['a blank line first', '\n---\ntitle: One\n---\n', {}, '\n---\ntitle: One\n---\n'],
  ['a longer line at the end', '---\ntitle: One\n-----\n', {}, '---\ntitle: One\n-----\n', /no line --- ends it/],
  ['dots at the end', '---\ntitle: One\n...\n', {}, '---\ntitle: One\n...\n', /no line --- ends it/],
  ['a space after the dashes', '--- \ntitle: One\n---\n', {}, '--- \ntitle: One\n---\n'],
  ['a date', '---\ntitle: 2026-11-29\n---\n', { title: '2026-11-29' }, ''],
  ['a number with a zero', '---\ntitle: 1.10\n---\n', { title: '1.10' }, ''],
  ['yes', '---\ntitle: yes\n---\n', { title: 'yes' }, ''],
  ['null', '---\ntitle: null\ncaption: ~\n---\n', { title: 'null', caption: '~' }, ''],
  ['nothing', '---\ntitle:\n---\n', { title: '' }, ''],
  ['quotes', `---\ntitle: "a: \\"b\\" #1"\ncaption: 'it''s'\n---\n`, { title: 'a: "b" #1', caption: "it's" }, ''],
  ['right to left', '---\ntitle: שלום עולם\n---\nטקסט\n', { title: 'שלום עולם' }, 'טקסט\n'],
  ['a comment line', '---\n# mine\ntitle: A\n---\n', { title: 'A' }, ''],
  ['an unknown key', '---\ntitle: A\ntags: [x]\n---\n', { title: 'A' }, '', /^3:1: the key "tags" is not known$/],
  ['a key mistyped', '---\ntitle: A\nclas: Page\n---\n', { title: 'A' }, '', /^3:1: .*did you mean class\?$/],
  ['only unknown keys', '---\nlayout: post\n---\nx', {}, '---\nlayout: post\n---\nx', /^2:1: this has none of title, /],
  ['an unknown class', '---\ntitle: A\nclass: page\n---\n', { title: 'A' }, '', /^3:8: class is one of Page, Section/],
  ['a colon in a title', '---\ntitle: Part 1: War\n---\nx', {}, 'x', /^2:\d+: a colon followed by a space .* quotes$/],
  ['a title with a hash', '---\ntitle: No #1\n---\n', {}, '', /^2:\d+: # begins a comment here/],
  ['a list as title', '---\ntitle: [a, b]\n---\n', {}, '', /^2:1: title must be text on one line/],
  ['the same key twice', '---\ntitle: A\ntitle: B\n---\n', {}, '', /^3:1: this key was there before/],
  ['an anchor', '---\ntitle: &a A\ncaption: *a\n---\n', { title: 'A' }, '', /anchors and aliases are not possible/],
  ['a tag', '---\ntitle: !!binary aGk=\n---\n', {}, '', /tag/],
  [
    'a mapping that grows',
    `---\ntitle: A\na: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n`,
    { title: 'A' },
    '',
    /anchors/,
  ],
  ['brackets without end', `---\ntitle: A\nx: ${'['.repeat(20_000)}\n---\n`, {}, '', /./],
];

for (const [what, text, fields, body, problem] of shapes)
  test(`front matter: ${what}`, () => {
    const chapter = readChapter(text);
    const told = chapter.problems.map(({ line, column, text: says }) => `${line}:${column}: ${says}`);
    if (problem)
      assert.ok(
        told.some(line => problem.test(line)),
        told.join('\n'),
      );
    else assert.equal(told, []);
    if (what !== 'a tag') assert.equal(chapter.fields, fields);
    assert.is(chapter.body, body);
    assert.is(chapter.head + chapter.body, text);
    assert.is(chapter.bodyLine, chapter.head.split('\n').length);
    if (!problem) assert.is(writeChapter(chapter, chapter.fields), text);
  });

test('fields keep the order of the file', () => {
  assert.equal(Object.keys(readChapter('---\ncaption: C\ntitle: A\n---\n').fields), ['caption', 'title']);
});

test('only the line of what changed is written anew', () => {
  const text = "---\r\n# mine\r\ntitle:   'A'   \r\ncaption: 1.10\r\n---\r\nbody";
  const chapter = readChapter(text);
  assert.is(writeChapter(chapter, chapter.fields), text);
  const changed = writeChapter(chapter, { ...chapter.fields, caption: 'yes: #2' });
  assert.is(changed, text.replace('1.10', '"yes: #2"'));
  assert.equal(readChapter(changed).fields, { title: 'A', caption: 'yes: #2' });
  assert.is(writeChapter(chapter, { title: 'A', class: 'Page', caption: '1.10' }), text.replace('1.10', '1.10\r\nclass: Page')); // prettier-ignore
  assert.is(writeChapter(chapter, {}), '---\r\n# mine\r\n---\r\nbody');
});

test('every title comes back as it was, whatever is in it', () => {
  for (const title of [
    '',
    ' ',
    '1984',
    'yes',
    'a: b',
    '- a',
    '#1',
    '"',
    "it's",
    '\\',
    'a\nb',
    '---',
    '{',
    '*x',
    '&y',
    '!z',
    '@',
    '`',
    '%',
    '日本語',
    'ا',
    '\u2028',
    '\u0007',
    'No. 1',
    '~',
    'Ünï',
    'x #y',
    'a\\nb',
    '\ufeff',
    '<b>&amp;',
  ]) {
    const text = writeChapter({ head: '', body: 'body\n' }, { title });
    const read = readChapter(text);
    assert.equal([read.fields, read.body, read.problems], [{ title }, 'body\n', []], JSON.stringify(title));
  }
});

test('a body that looks like front matter stays a body', () => {
  const body = '---\ntitle: not mine\n---\n';
  const read = readChapter(writeChapter({ head: '', body }, { title: 'A' }));
  assert.equal([read.fields, read.body], [{ title: 'A' }, body]);
});

test('a long chapter that begins with a rule and has no other is read at once', () => {
  const text = `---\n${'a: b\n'.repeat(1_000_000)}`;
  const began = performance.now();
  assert.is(readChapter(text).body, text);
  assert.ok(performance.now() - began < 200);
});

test.run();
