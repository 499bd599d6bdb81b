// The words that are compared after an import: what only looks otherwise is no difference, what reads otherwise is one.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { viewOnGithub } from '../../../lib/markdown/github-view.ts';
import { differentWords } from '../../../lib/markdown/words/compare.ts';
import { pageHtml } from '../../../lib/markdown/writebook-html.ts';
import { viewInWritebook } from '../../../lib/markdown/writebook-view.ts';
import { chanceOf, chapter } from '../../support/markdown/texts.ts';

const compared = (text: string, shown = text) => differentWords(text, pageHtml(shown));

test('what stands elsewhere, is linked elsewhere or only looks otherwise is no difference', () => {
  const same = `# The *old* map

Setext
------

A [link](02-next.md#part "Title"), ![a picture](images/a.png), <https://example.org/a_b>, **bo**ld &amp; &copy; \`co  de\`,
a hard break  \nand [a reference][1]. Caf\u00e9&nbsp;x

1. three
2. four
   - inner

   more

> quoted
> text

| a | b |
|---|:-:|
| 1 | *2* |

\`\`\`ruby
puts "<b>"   # x

  y
\`\`\`

<div>raw <b>words</b></div>

[1]: 02-next.md
`;
  const rewritten = same.replaceAll('02-next.md', '/1/book/7/next').replace('images/a.png', '/u/a-x1y2z3.png');
  assert.is(compared(same, rewritten), undefined);
});

test('what reads otherwise is told with its line and what each shows', () => {
  const told = (text: string) => {
    const found = compared(text);
    return found && [found.line, found.github, found.writebook];
  };
  assert.equal(told('It was the year\n1984. was it\n'), [2, '1984.', '1.']);
  assert.equal(told('One\n\n7. seven\n'), [3, '7.', '1.']);
  assert.equal(told('Same words, and now\n- [ ] open\n- [x] shut\n'), [2, '☐', '[ ]']);
  assert.equal(told('A note[^1].\n\n[^1]: Said.\n'), [1, 'note(footnote). Said.', 'note^1.']);
  assert.equal(told('~~~ruby numbers\nx = 1\n~~~\n'), [1, '', '~~~ruby numbers']);
  const long = `${'same '.repeat(3000)}\n\nIt was\n1984. was it\n\n${'same '.repeat(3000)}`;
  assert.equal(told(long), [4, '1984.', '1.']);
});

test('a page that shows nothing, or more than the file, is told', () => {
  assert.equal(differentWords('Some words.\n', ''), { line: 1, github: 'Some words.', writebook: '' });
  assert.equal(differentWords('', '<p>More</p>'), { line: 1, github: '', writebook: 'More' });
  assert.is(differentWords('', ''), undefined);
});

test('where both views of a text are equal, so are its words', () => {
  let equal = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const text = chapter(chanceOf(seed));
    const [github, writebook] = [viewOnGithub(text), viewInWritebook(text)];
    const isSame = (at: number) => github[at]?.shown === writebook[at]?.shown;
    if (!(github.length === writebook.length && github.every((_, at) => isSame(at)))) continue;
    equal++;
    assert.is(compared(text), undefined, text);
  }
  assert.ok(equal > 5, `${equal} texts are shown alike`);
});
test.run();
