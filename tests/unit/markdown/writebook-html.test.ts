// A page's HTML beside the real one: Redcarpet with the application's headings and images, and Rails' sanitizer, of Debian's packages.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Nodes } from 'hast';
import { fromHtml } from 'hast-util-from-html';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parameterize } from '../../../lib/markdown/heading-ids.ts';
import { pageHtml, shortTextHtml } from '../../../lib/markdown/writebook-html.ts';
import { chanceOf, chapter, quietChapter } from '../../support/markdown/texts.ts';

type Real = { page: string; short: string; id: string };

function really(texts: readonly string[]): Real[] {
  const { stdout, stderr, status } = spawnSync(
    'ruby',
    ['-EUTF-8', join(import.meta.dirname, '../../support/markdown/application.rb')],
    { input: JSON.stringify(texts), encoding: 'utf8', maxBuffer: 1 << 30, env: { ...process.env, LANG: 'C.UTF-8' } },
  );
  if (status !== 0) throw new Error(`the application failed: ${stderr}`);
  return JSON.parse(stdout);
}

/** Elements with their attributes, and the text between them without what white space does not show. */
function elements(html: string): string {
  const seen: string[] = [];
  const read = (node: Nodes): void => {
    if (node.type === 'text') seen.push(...node.value.split(/\s+/).filter(Boolean));
    if (node.type === 'element') {
      // libxml2 writes spaces and quotes of addresses as %20 and %22, which is the same address
      const named = Object.entries(node.properties).map(
        ([name, value]) => `${name}=${String(value).trim().replaceAll(' ', '%20').replaceAll('"', '%22')}`,
      );
      seen.push(`<${[node.tagName, ...named.filter(one => !one.endsWith('=')).toSorted()].join(' ')}>`);
    }
    if ('children' in node) node.children.forEach(read);
    if (node.type === 'element') seen.push(`</${node.tagName}>`);
  };
  read(fromHtml(html, { fragment: true }));
  return seen.join('\n');
}

const count = process.env['BOOKOPS_TORTURE'] ? 2000 : 100;
const texts = Array.from({ length: count }, (_, at) => (at % 2 ? chapter : quietChapter)(chanceOf(at + 1)));
const special = [
  '# Head & *er*\n\n# Head & *er*\n\n## Über — “so” `a_b`\n\n### 日本\n\nTitle\n=====\n',
  '[![a](x.png "T")](y.md) ![q "uote" <b>](z.png)',
  '<div class="a b" id="i" data-x="1" onclick="x" style="color:red;position:fixed;margin-left:2px">d</div>',
  '<img src="a.png" onerror="x" width="10"><kbd>K</kbd><sub>2</sub><u>u</u>',
  '<details open><summary>s</summary>t</details>',
  '[a](javascript:x) [b](DATA:text/html,x) [c](http://e.org) [d](tel:1) <a href="jAvascript&#58;x">d</a> <a href=" java\tscript:x">e</a>',
  '<script>document.title = 1</script>\n\n<style>p { color: red }</style>\n',
  '<video src="a.mp4" controls poster="p.png"></video> <a href="x" target="_blank" rel="me" name="n">a</a>',
];
const all = [...texts, ...special];
const real = really(all);

test('a page is what the application makes of it, element by element', () => {
  const wrong = all.filter((text, at) => elements(pageHtml(text)) !== elements(real[at]?.page ?? ''));
  assert.equal(
    [wrong.length, wrong[0] && [wrong[0], elements(pageHtml(wrong[0])), elements(really([wrong[0]])[0]?.page ?? '')]],
    [0, undefined],
  );
});

test('a section’s text and a caption are what simple_format makes of them', () => {
  const short = [
    'one',
    'a\nb\n\n\nc\r\nd',
    '<b onclick="x">b</b> & <script>s</script><table><tr><td>t</td></tr></table>',
    ' \n x\n\n',
    'a < b > c "q"',
  ];
  const made = really(short);
  for (const [at, text] of short.entries())
    assert.is(elements(shortTextHtml(text)), elements(made[at]?.short ?? ''), text);
});

test('an id of a heading is that of parameterize, for all Latin letters and for others', () => {
  const letters = Array.from({ length: 0x260 - 0xa0 }, (_, at) => `a${String.fromCodePoint(at + 0xa0)}b`);
  const words = [
    ...letters,
    'e\u0301 — x',
    '__a--b__',
    '-a-',
    'A&amp;<em>b</em>',
    '\u212b',
    '日本語',
    'ﬁ ǅ ß',
    'a\nb',
    '',
  ];
  assert.equal(
    words.map(parameterize),
    really(words).map(({ id }) => id),
  );
});

test('a frame is a link to where it leads, and HTML nested without end is an error that can be told', () => {
  const html = pageHtml('<iframe src="https://example.org/v" srcdoc="<p>x"></iframe>\n');
  assert.match(
    html,
    '<a href="https://example.org/v" class="preview-frame">a frame, shown in Writebook only: https://example.org/v</a>',
  );
  assert.not.match(html, /iframe|srcdoc/);
  assert.match(pageHtml('[a](HTTPS://Example.org/A)\n'), '<a href="https://Example.org/A">');
  assert.not.match(pageHtml('<iframe src="javascript:x"></iframe>\n'), 'javascript');
  assert.throws(
    () => pageHtml('<div>'.repeat(50_000)),
    (error: unknown) => error instanceof RangeError,
  );
});

test.run();
