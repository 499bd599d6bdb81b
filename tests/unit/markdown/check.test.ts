// What the check tells of each kind of difference, and how it is corrected.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkMarkdown } from '../../../lib/markdown/check.ts';

/** A text, the codes told, and the text as it is corrected; none when it cannot be. */
const known: [text: string, codes: string, fixed?: string][] = [
  ['plain *text* with **bold**, `code`, [a link](https://example.org/) and ![a](x.png)\n', ''],
  ['# One\n\n- a\n- b\n\n    ```ruby\n    x\n    ```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n', ''],
  ['```ruby title\nx\n```\n\nmore\n', 'fence-info', '```ruby\nx\n```\n\nmore\n'],
  ['~~~ js {1,3}\nx\n~~~\n', 'fence-info', '~~~js\nx\n~~~\n'],
  ['one <!-- two --> three\n', 'comment-in-text', 'one  three\n\n<!-- two -->\n'],
  ['<!-- two -->\nthree\n', ''],
  ['1984. A good year.\n', 'number-at-start', '1984\\. A good year.\n'],
  ['It was the year\n1984. Nobody knew.\n', 'number-at-start', 'It was the year\n1984\\. Nobody knew.\n'],
  ['3. three\n4. four\n', 'list-start'],
  ['1) one\n2) two\n', 'list-bracket', '1. one\n2. two\n'],
  ['*a **b**.*\n', 'emphasis', '_a **b**._\n'],
  ['- a\n  - b\n    - c\n', 'list-indent', '- a\n    - b\n        - c\n'],
  ['1. one\n\n   ```\n   x\n   ```\n\n2. two\n', 'list-indent', '1. one\n\n    ```\n    x\n    ```\n\n2. two\n'],
  ['| a | b |\n|---|---|\n| x \\| y | z |\n', 'table-pipe', '| a | b |\n|---|---|\n| x &#124; y | z |\n'],
  [
    '| a | b |\n|---|---|\n| `x \\| y` | z |\n',
    'table-pipe',
    '| a | b |\n|---|---|\n| <code>x &#124; y</code> | z |\n',
  ],
  ['x\n| a \\| b | c |\n|---|---|\n', 'table-pipe', 'x\n\n| a &#124; b | c |\n|---|---|\n'],
  ['[a](mine:x)\n', 'link-lost'],
  ['- a\n- b\n---\n', 'rule-after-text', '- a\n- b\n\n---\n'],
  ['one\ntwo\n---\n', 'heading-lines', 'one two\n---\n'],
  ['A note[^1].\n\n[^1]: Ibid.\n', 'footnote footnote'],
  ['![a](x.png =100x200)\n', 'image-size', '<img src="x.png" alt="a" width="100" height="200">\n'],
  ['one\\\ntwo\n', 'backslash-break', 'one  \ntwo\n'],
  [' ## Head\n', 'heading-indent', '## Head\n'],
  ['#tag\n', 'hash-at-start', '\\#tag\n'],
  ['# C#\n', 'heading-hash', '# C&#35;\n'],
  ['[text] (https://example.org/)\n', 'link-space', '[text](https://example.org/)\n'],
  ['He said [sic] (twice).\n', 'link-space', 'He said \\[sic] (twice).\n'],
  ['a ==b== c\n', 'mark', 'a <mark>b</mark> c\n'],
  ['x ==1 and y== 2\n', 'mark', 'x \\==1 and y== 2\n'],
  ['- [ ] open\n- [x] done\n', 'task-list task-list', '- ☐ open\n- ☑ done\n'],
  ['foo__bar__baz\n', 'sign', 'foo_\\_bar__baz\n'],
  ['**Note:**text\n', 'strong', '<strong>Note:</strong>text\n'],
  ['> a\n\n> b\n', 'joined', '> a\n\n<!-- -->\n\n> b\n'],
  ['say \\"so\\"\n', 'backslash backslash', 'say "so"\n'],
  ['<p>a</p>\n*b*\n', 'html-block', '<p>a</p>\n\n*b*\n'],
  ['<div>\n\n*a*\n\n</div>\n', 'html-block', '<div>\n\n<em>a</em>\n\n</div>\n'],
  ['<u>a</u>\n', 'html-dropped'],
  ['> [!NOTE]\n> a\n', 'alert'],
  ['[a][r]\n\n[r]: x.md\n[r]: y.md\n', 'definition-twice', '[a][r]\n\n[r]: x.md\n'],
  ['```\r\nx\r\n```\r\n\r\n[a][r]\r\n\r\n[r]: x.md\r\n', 'line-ends', '```\nx\n```\n\n[a][r]\n\n[r]: x.md\n'],
];

for (const [text, codes, fixed = text] of known)
  test(`check: ${JSON.stringify(text)}`, () => {
    const { findings, fixed: found } = checkMarkdown(text);
    assert.is(findings.map(({ code }) => code).join(' '), codes, JSON.stringify(findings));
    assert.is(found, fixed);
    if (fixed !== text) assert.equal(checkMarkdown(fixed).findings, []);
  });

test('a finding has the line and the column where it begins', () => {
  const [one] = checkMarkdown('# Ä\n\nüber *a **b**.*\n').findings;
  assert.equal([one?.line, one?.column], [3, 6]);
});

test.run();
