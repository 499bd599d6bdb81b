// What is told of a chapter, cut to the lengths of each receiver: between words, between letters, with the link whole.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leadsTo } from '../../../lib/announce/chapters.ts';
import { blueskyText } from '../../../lib/announce/receivers/bluesky.ts';
import { countGraphemes, oneLine, postOf, postText, shortened, type Post } from '../../../lib/announce/text.ts';
import { chanceOf } from '../../support/markdown/texts.ts';

const post = (subject: string, excerpt = '', link = 'https://book.example/2/a/3/b'): Post => ({
  subject,
  excerpt,
  link,
  key: '3',
  changed: false,
});

test('what is too long is cut between words, and never inside of a letter that a person sees', () => {
  assert.is(shortened('one two three', 13), 'one two three');
  assert.is(shortened('one two three', 12), 'one two…');
  assert.is(shortened('onetwothree', 5), 'onet…');
  const family = '👨‍👩‍👧‍👦';
  assert.is(shortened(family.repeat(3), 2), `${family}…`);
  assert.is(shortened('e\u0301e\u0301e\u0301', 2), 'e\u0301…');
  assert.is(shortened('one', 0), '');
});

test('the title makes room for the link, and an excerpt is left out before the title is cut', () => {
  assert.is(postText(post('New', 'x'.repeat(50)), 'LINK', 500, 23), `New\n\n${'x'.repeat(50)}\n\nLINK`);
  assert.is(postText(post('New', 'word '.repeat(200).trim()), 'LINK', 60, 23), 'New\n\nLINK');
  const text = postText(post('title '.repeat(100).trim()), 'LINK', 60, 23);
  assert.match(text, /^(?:title )+title…\n\nLINK$/);
  assert.is(
    postText(post('by @ana, a@b and @', '@all'), 'L', 500, 1),
    'by @\u2060ana, a@\u2060b and @\n\n@\u2060all\n\nL',
  );
});

test('a post names the chapter and the book, without the heading that says the same again', () => {
  const chapter = {
    key: '3 x',
    page: 3,
    made: new Date(0),
    path: '',
    title: 'The {book}',
    url: 'https://b.example/2/a/3/b',
    sum: 'abcdef0123456789',
    text: 'The {book}\nFirst.\nSecond.',
  };
  const words = { text: '“{chapter}” in {book}', changedText: 'Changed: {chapter}', title: 'Guide $&' };
  const announcement = { chapter, changed: false, sum: chapter.sum, receiver: '', isUnclear: false };
  assert.equal(postOf(announcement, words), {
    subject: '“The {book}” in Guide $&',
    excerpt: 'First. Second.',
    link: chapter.url,
    key: '3 x',
    changed: false,
  });
  const { subject, link } = postOf({ ...announcement, changed: true }, words);
  assert.equal([subject, link], ['Changed: The {book}', `${chapter.url}#changed-abcdef01`]);
  assert.is(oneLine(' a\r\n\tb\u2028c\0 '), 'a b c');
});

test('on Bluesky, 300 letters and 3,000 bytes hold for any text, and the facet is exactly the link', () => {
  const letters = ['a', ' ', 'ß', '日', '👨‍👩‍👧‍👦', 'e\u0301', '\n', '@x ', 'क्षि', '🇩🇪'];
  for (let seed = 1; seed <= 200; seed++) {
    const chance = chanceOf(seed);
    const some = (most: number) => Array.from({ length: chance.below(most) }, () => chance.pick(letters)).join('');
    const given = post(
      oneLine(some(400)),
      oneLine(some(400)),
      `https://book.example/2/${'a'.repeat(chance.below(60))}/3/b`,
    );
    const { text, facets } = blueskyText(given);
    assert.ok(countGraphemes(text) <= 300, text);
    assert.ok(Buffer.byteLength(text) <= 3000, text);
    const { index, features } = facets[0] ?? { index: { byteStart: 0, byteEnd: 0 }, features: [] };
    const shown = Buffer.from(text).subarray(index.byteStart, index.byteEnd).toString();
    assert.ok(given.link.startsWith(`https://${shown.replace(/…$/, '')}`), shown);
    assert.equal([text.endsWith(`\n\n${shown}`), features[0]?.uri], [true, given.link]);
  }
});

test('a link leads to the same page whatever its slugs, and a change is another link', () => {
  const link = 'https://book.example/2/guide/12/dawn';
  for (const same of ['https://book.example/2/guide/12/dusk', 'https://book.example/2/-/12/-?x'])
    assert.ok(leadsTo(same, link), same);
  for (const other of [
    'https://book.example/2/guide/1/dawn',
    'https://book.example/3/guide/12/dawn',
    'https://else.example/2/guide/12/dawn',
    `${link}#changed-1`,
    'dawn',
  ])
    assert.not.ok(leadsTo(other, link), other);
});

test.run();
