// Chapters cut to so many words: between two blocks of the real Redcarpet, with the links that the kept text needs, and never too long.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cutTeaser } from '../../../lib/writebook/teaser/cut.ts';
import { defaultTeaserWords, teaserTail, teaserTitle } from '../../../lib/writebook/teaser/tail.ts';
import { showReally } from '../../support/markdown/oracle.ts';
import { chanceOf, chapter, quietChapter } from '../../support/markdown/texts.ts';

const tail = teaserTail(defaultTeaserWords, { chapter: 'A', book: 'The Book' }, '/2/the-book');
const cut = (text: string, words: number) => {
  const { text: teaser, ...rest } = cutTeaser(text, words, tail);
  return { ...rest, kept: teaser?.slice(0, -tail.length - 3) };
};

/** A chapter, the limit, and what is kept of it. */
const cases: [string, string, number, string | undefined][] = [
  ['paragraphs', 'one two\n\nthree four\n\nfive six\n', 5, 'one two\n\nthree four'],
  ['exactly so many', 'one two\n\nthree four\n', 4, 'one two\n\nthree four'],
  ['a heading goes with what follows it', 'one two\n\n## Three\n\nfour five\n', 4, 'one two'],
  ['no list is halved', 'one\n\n- two\n- three\n- four\n\nfive\n', 3, 'one'],
  [
    'nor a quote, a table or code',
    'a\n\n> b\n>\n> c\n\n| d | e |\n|---|---|\n| f | g |\n\n```\nh\n\ni\n```\n',
    6,
    'a\n\n> b\n>\n> c',
  ],
  ['HTML stays whole', 'a\n\n<div>\n\nb\n\nc\n\n</div>\n\nd\n', 2, 'a'],
  ['a tag without its end in the same block', 'a\n\n<section>\nb\n\n*c*\n\n</section>\n\nd\n', 2, 'a'],
  [
    'definitions that are needed stay',
    'a [b][x] c\n\nd [e][y]\n\n[x]: /one "T"\n[y]: /two\n',
    3,
    'a [b][x] c\n\n[x]: /one "T"',
  ],
  ['also an address in the next line', 'a [x]\n\nb\n\n[X]:\n  /one\n', 2, 'a [x]\n\n[X]:\n  /one'],
  ['a note of one word is a link there', 'a[^1]\n\nb c\n\n[^1]: Ibid.\n', 1, 'a[^1]\n\n[^1]: Ibid.'],
  ['one of more is text, and goes', 'a[^1]\n\nb c\n\n[^1]: See there.\n', 1, 'a[^1]'],
  ['Windows lines', 'a b\r\n\r\nc d\r\n\r\ne\r\n', 4, 'a b\r\n\r\nc d'],
  ['a mark of the byte order', '\uFEFFa b\n\nc\n', 2, 'a b'],
  ['words of scripts without spaces', '日本語は楽しいです。\n\n猫がいる。\n', 6, '日本語は楽しいです。'],
  ['marks alone are no words', 'a – b — c …\n\n* * *\n\nd\n', 3, 'a – b — c …'],
  ['a fence that nothing closes', 'a\n\n```\nb\n', 9, 'a'],
  ['a comment that nothing closes', 'a\n\n<!-- b\n\nc\n', 9, 'a'],
  ['the first block is too long', 'one two three\n\nfour\n', 2, undefined],
  ['only a heading fits', '# One\n\ntwo three four\n', 2, undefined],
  ['no text', '![](/u/a.png)\n\n* * *\n', 9, undefined],
];
for (const [name, text, words, kept] of cases)
  test(`cut: ${name}`, () => {
    assert.is(cut(text, words).kept, kept);
  });

test('it says how long a teaser has to be when nothing fits, and whether it is the whole chapter', () => {
  assert.equal(cut('one two three\n\nfour\n', 2), { of: 4, least: 3, kept: undefined });
  assert.equal(cut('# One\n\ntwo three four\n\nfive\n', 2), { of: 5, least: 4, kept: undefined });
  assert.equal(cut('one two\n', 500), { words: 2, of: 2, kept: 'one two' });
});

const count = process.env['BOOKOPS_TORTURE'] ? 1000 : 100;
const made = Array.from({ length: count }, (_, at) => {
  const chance = chanceOf(at + 1);
  const text = Array.from({ length: 1 + chance.below(3) }, () => (at % 3 ? chapter : quietChapter)(chance)).join('\n');
  const words = 1 + chance.below(120);
  return { text, words, found: cutTeaser(text, words, tail) };
});

/** Counted without our code: tags that stand apart end a word, others do not. */
function wordsOf(html: string): number {
  const text = html
    .replaceAll(/<!--[^]*?-->/g, '')
    .replaceAll(/<\/?(?:p|h\d|li|ul|ol|t[a-z]+|pre|div|blockquote|hr|br|details|summary)\b[^>]*>/g, ' ')
    .replaceAll(/<\/?[a-z][^>]*>/gi, '')
    .replaceAll(/&(?:amp|lt|gt|quot|copy|#39);/g, '-');
  return text.split(/\s+/).filter(word => /[\p{L}\p{N}]/u.test(word) && !/\p{sc=Han}/u.test(word)).length;
}

test('chapters made by chance, cut at limits made by chance, are whole blocks of the real renderers', () => {
  const teasers = made.flatMap(one =>
    one.found.text === undefined ? [] : [{ ...one, teaser: one.found.text, kept: one.found.words }],
  );
  const whole = showReally(teasers.map(one => one.text));
  const shown = showReally(teasers.map(one => one.teaser));
  const [end] = showReally([tail]);
  let shortened = 0;
  const wrong: string[] = [];
  for (const [at, { text, words, teaser, kept, found }] of teasers.entries()) {
    const real = shown[at]?.writebook ?? '';
    const own = real.slice(0, -(end?.writebook.length ?? 0) - 1);
    // the same text in front, whole lines of it
    const front = teaser.slice(0, -tail.length - 3).replace(/(?:\n{1,2} {0,3}\[[^\]]+\]: .*)+$/, '');
    const github = (shown[at]?.github ?? '').slice(0, -(end?.github.length ?? 0));
    const checks = {
      'the link stands alone': real === `${own}\n${end?.writebook}`,
      'it begins as the chapter does in Writebook': whole[at]?.writebook.startsWith(own),
      'so many words at most': wordsOf(own) <= words && kept <= words,
      'whole lines of the chapter': text.startsWith(front) && /^(?:[\r\n]|$)/.test(text.slice(front.length)),
      // notes are numbered by what follows
      'it begins as the chapter does on GitHub': /\[\^/.test(text) || whole[at]?.github.startsWith(github),
    };
    for (const [check, holds] of Object.entries(checks))
      if (!holds) wrong.push(`${check}: ${JSON.stringify({ words, text, teaser })}`);
    if (kept < found.of) shortened++;
  }
  assert.equal([wrong.length, wrong.slice(0, 3)], [0, []]);
  const none = made.filter(one => one.found.text === undefined);
  console.log(`\nseries: ${count} chapters, ${teasers.length} teasers, ${shortened} shorter than the chapter`);
  assert.ok(shortened > count / 4 && none.length < count / 2);
  for (const { found, words, text } of none)
    if ('least' in found && found.least !== undefined) assert.ok(found.least > words, text);
});

test('titles are shown as they are, whatever is in them, and the link leads to one place', () => {
  const hostile = [
    'a](x) *b* <b>c</b> `d` & &amp; "e" \n\n# f',
    '==a== ~~b~~ __c__ \\ ![i](j) www.example.org',
    '[x]: y',
    '—',
  ];
  const tails = hostile.map(book => teaserTail(defaultTeaserWords, { chapter: '', book }, '/2/field guide(1)?a="<b>'));
  for (const [at, { writebook, github }] of showReally(tails).entries()) {
    const text = (hostile[at] ?? '').replaceAll(/\s+/g, ' ').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'); // prettier-ignore
    const link = `<p>… <a href="/2/field%20guide%281%29?a=%22%3Cb%3E">Read on in “${text}”</a></p>\n`;
    assert.is(writebook.replaceAll('&quot;', '"'), link);
    assert.is(github.replaceAll('&quot;', '"'), link);
  }
  const names = { chapter: '{book} $& $1', book: 'B' };
  assert.is(teaserTitle(defaultTeaserWords, names), '(Preview) {book} $& $1');
});

test.run();
