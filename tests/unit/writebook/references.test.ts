// Where a text leads: links and images, not what only looks like one.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { references } from '../../../lib/writebook/folder/references.ts';

const found = (text: string) => references(text).map(one => (one.isImage ? `!${one.destination}` : one.destination));

test('links, images, definitions and tags of HTML are found, each with its exact place', () => {
  const cases: [string, string[]][] = [
    ['![a](x.png)', ['!x.png']],
    ['[a](b.md#c "title") and [d](<e f.md>)', ['b.md#c', 'e f.md']],
    ['![](My Photo (1).JPG)', ['!My Photo (1).JPG']],
    ['[![alt](i.png)](next.md)', ['!i.png', 'next.md']],
    ['[a [b] c](d.md)', ['d.md']],
    ['[one]: two.md "three"\n[four]: <five six.png>', ['two.md', 'five six.png']],
    [`<img alt="x" src="i.png"> <a href='b.md'>b</a>`, ['!i.png', 'b.md']],
    ['> ![q](q.png)\n> - [l](l.md)', ['!q.png', 'l.md']],
    ['- a\n\n    ![in a list](i.png)', ['!i.png']],
    ['日本 ![é](ü/写真.png) [a](\n b.md)', ['!ü/写真.png', 'b.md']],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(found(text), wanted, text);
    for (const { start, end, destination } of references(text)) assert.is(text.slice(start, end), destination);
  }
});

test('what stands in code and comments is left alone', () => {
  const cases = [
    '```\n![a](x.png)\n```',
    '~~~~ md\n```\n[a](b.md)\n~~~\n~~~~',
    '- item\n  ```\n  [a](b.md)\n  ```',
    'text `![a](x.png)` text',
    'text ``a ` [b](c.md)`` text',
    '    ![a](x.png)\n\n    [b](c.md)',
    'text\n\n\t[b](c.md)',
    '<!-- ![a](x.png) -->',
    '\\[a](b.md)',
    '```\nnever closed\n\n[a](b.md)',
  ];
  for (const text of cases) assert.equal(found(text), [], text);
});

test('lines are counted, with the line ends of Windows too', () => {
  assert.equal(
    references('a\r\n\r\n![](x.png)\r\n`![](no.png)`\r\n[a](b.md)').map(one => one.line),
    [3, 5],
  );
});

test('a long text is read in linear time', () => {
  const began = performance.now();
  references('[a](b.md) ![c](d.png) `code` <b>x</b> [ ( \\ \n\n'.repeat(20_000));
  references('[`<'.repeat(100_000));
  assert.ok(performance.now() - began < 5000);
});
test.run();
