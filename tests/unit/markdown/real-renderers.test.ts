// The check beside the real renderers: Redcarpet with Writebook's options, and cmark-gfm, on chapters made by chance.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMarkdown } from '../../../lib/markdown/check.ts';
import { renderForWritebook } from '../../../lib/markdown/redcarpet/render.ts';
import { showReally } from '../../support/markdown/oracle.ts';
import { chanceOf, chapter, quietChapter } from '../../support/markdown/texts.ts';

const count = process.env['BOOKOPS_TORTURE'] ? 2000 : 200;
const texts = Array.from({ length: count }, (_, at) => (at % 2 ? chapter : quietChapter)(chanceOf(at + 1)));
const real = showReally(texts);
const checks = texts.map(text => checkMarkdown(text));
const afterwards = showReally(checks.map(({ fixed }) => fixed));

const differs = (list: typeof real, at: number) => {
  const [writebook = [], github = []] = list[at]?.seen ?? [];
  return writebook.join('\n') !== github.join('\n');
};
const those = (wanted: (at: number) => boolean) => texts.filter((_, at) => wanted(at));
const told = (at: number) => (checks[at]?.findings.length ?? 0) > 0;
const isCorrected = (at: number) => told(at) && checks[at]?.findings.every(({ fixable }) => fixable) === true;

test('what Writebook renders is what the real Redcarpet renders, byte for byte', () => {
  const wrong = texts.filter((text, at) => renderForWritebook(text) !== real[at]?.writebook);
  assert.equal([wrong.length, wrong[0]], [0, undefined]);
});

test('no difference is untold, and less than one text in fifty is told without need', () => {
  const untold = those(at => differs(real, at) && !told(at));
  const needless = those(at => !differs(real, at) && told(at));
  const different = those(at => differs(real, at));
  const found = `${different.length} shown differently, ${untold.length} untold, ${needless.length} told without need`;
  console.log(`\nseries: ${count} chapters, ${found}`);
  assert.ok(different.length > count / 3 && different.length < count * 0.9);
  assert.equal([untold.length, untold[0]], [0, undefined]);
  assert.ok(needless.length < count / 50, needless[0] ?? '');
});

test('where all findings can be corrected, the real renderers agree afterwards', () => {
  const corrected = those(isCorrected);
  const wrong = those(at => isCorrected(at) && differs(afterwards, at));
  console.log(`\nseries: ${corrected.length} wholly corrected, ${wrong.length} of them still different`);
  assert.ok(corrected.length > count / 5);
  assert.ok(wrong.length <= count / 200, wrong[0] ?? '');
});

test.run();
