// Folders that mean harm: links out of them, symbolic links, front matter without end, titles of many lines, texts for shells, Ruby and browsers.
// Each goes through the reader of folders, the payload of an import, the check and the preview: nothing escapes, nothing runs.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Nodes } from 'hast';
import { fromHtml } from 'hast-util-from-html';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkChapter } from '../../../lib/markdown/chapter-check.ts';
import { openBook } from '../../../lib/preview/book.ts';
import { pageAddress } from '../../../lib/preview/addresses.ts';
import { previewServer } from '../../../lib/preview/server.ts';
import { readFolder } from '../../../lib/writebook/folder/folder.ts';
import { noBook, planImport } from '../../../lib/writebook/import/plan.ts';
import { bundle, fileInBundle } from '../../../lib/writebook/program/bundle.ts';
import { below, hostile, pick, seeded } from '../../support/faults/hostile.ts';

const count = process.env['BOOKOPS_TORTURE'] ? 10_000 : 100;
const perFolder = 50;
const random = seeded(12);
const scratch = mkdtempSync(join(tmpdir(), 'bookops-hostile-book-'));
test.after(() => rmSync(scratch, { recursive: true }));
const canary = join(scratch, 'PWNED');
const secret = 'the text of a file outside';
writeFileSync(join(scratch, 'outside.md'), `# ${secret}\n`);
writeFileSync(join(scratch, 'outside.png'), Buffer.from(`\x89PNG\r\n\x1a\n${secret}`, 'latin1'));
const picture = Buffer.from('\x89PNG\r\n\x1a\npicture', 'latin1');

/** What a browser would run or load, if it were let. */
const scripts = [
  "<script>document.title = 'ran'</script>",
  '<img src="x" onerror="document.title=\'ran\'">',
  '<svg onload="document.title=\'ran\'"><script>document.title=1</script></svg>',
  '[a](javascript:document.title=1)',
  '[a](JaVaScRiPt&#58;document.title=1)',
  '<a href=" java\tscript:document.title=1">a</a>',
  '<iframe srcdoc="<script>1</script>" src="javascript:1"></iframe>',
  '<form action="/x"><button formaction="javascript:1">b</button></form>',
  '<base href="https://example.org/"><meta http-equiv="refresh" content="0;url=https://example.org/">',
  '<style>@import url(https://example.org/x.css); body { display: none }</style>',
  '<div style="background:url(javascript:1);position:fixed;behavior:url(x)" onclick="x()">d</div>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=1&gt;">',
  '<object data="x"></object><embed src="x"><link rel="stylesheet" href="x"><template><script>1</script></template>',
  '![" onerror="document.title=1" x="](images/ok.png)',
  '![a](images/ok.png "t\' onload=\'1")',
  '<noscript><p title="</noscript><img src=x onerror=1>">',
  '</article></main><script nonce="">1</script>',
  '<details ontoggle="1" open>x</details><video src="x" onerror="1" autoplay></video>',
  '# <a name="body" id="location" onmouseover="1">t</a>',
  '`<script>1</script>` ``#{exit}`` <%= exit %> {{ 1 }}',
];
const ways = (path: string) => [
  `![a](${path})`,
  `[a](${path})`,
  `[a]: ${path}\n\n![x][a]`,
  `<img src="${path}">`,
  `![a](<${path}>)`,
];
const paths = [
  '../outside.png',
  '../outside.md',
  '..%2foutside.png',
  '%2e%2e/outside.png',
  '..\\outside.png',
  '/etc/hostname',
  'file:///etc/hostname',
  'images/../../outside.png',
  'images/link.png',
  'way/outside.png',
  'images/./ok.png',
  'images//ok.png',
  'images/ok.png?x=../../outside.png#y',
  'images/ok.png%00.md',
  '__proto__',
  'constructor.png',
];
const fronts = (title: string) => [
  '',
  `---\ntitle: ${JSON.stringify(title)}\n---\n`,
  `---\ntitle: ${title}\n---\n`,
  `---\ntitle: |\n  one\n  ${title.replaceAll('\n', '\n  ')}\n---\n`,
  `---\ntitle: &a [x]\ncaption: *a\n---\n`,
  `---\ntitle: !!js/function "x"\n---\n`,
  `---\n__proto__: { title: x }\nconstructor: x\ntitle: "a\\nb\\n---\\nc"\n---\n`,
  `---\nclass: Picture\ncaption: ${JSON.stringify(title)}\n---\n\n![](images/ok.png)\n`,
  `---\nclass: Section\ntitle: ${JSON.stringify(title)}\n---\n`,
  `---\ntitle: ${JSON.stringify(title)}`,
];

function chapterOfHarm(): string {
  const text = () => hostile(random, canary);
  const parts = Array.from({ length: 1 + below(random, 6) }, () =>
    pick(random, [
      text,
      () => pick(random, scripts),
      () => pick(random, ways(pick(random, paths))),
      () => `# ${text()}`,
    ]),
  );
  return pick(random, fronts(text())) + parts.map(one => one()).join(pick(random, ['\n\n', '\n', ' ', '\r\n']));
}

/** As no file system would refuse it, and no slash in it. */
function nameOfHarm(at: number): string {
  const name = hostile(random, 'x', { oneLine: random() < 0.7 })
    .replaceAll('/', '∕')
    .replace(/\p{Cs}/gu, '');
  return `${at}-${Array.from(name).slice(0, 40).join('')}.md`;
}

function makeFolder(folder: string, chapters: string[]): void {
  mkdirSync(join(folder, 'images'), { recursive: true });
  writeFileSync(join(folder, 'images/ok.png'), picture);
  for (const [at, text] of chapters.entries()) {
    const file = join(folder, at % 5 ? nameOfHarm(at) : join(`${at}-part`, nameOfHarm(at)));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function addLinks(folder: string): void {
  symlinkSync(join(scratch, 'outside.png'), join(folder, 'images/link.png'));
  symlinkSync(scratch, join(folder, 'way'));
  symlinkSync(join(scratch, 'outside.md'), join(folder, '7-link.md'));
}

type Got = { status: number; text: string; policy: string };

async function serve(folder: string): Promise<{ get(path: string): Promise<Got>; close(): void }> {
  const server = previewServer(openBook(folder), { title: 'Book', host: '127.0.0.1', renew: () => {} });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    get: path =>
      new Promise((done, fail) => {
        request({ host: '127.0.0.1', port, path }, response => {
          let text = '';
          response.on('data', piece => (text += String(piece)));
          response.on('end', () =>
            done({
              status: response.statusCode ?? 0,
              text,
              policy: String(response.headers['content-security-policy']),
            }),
          );
        })
          .on('error', fail)
          .end();
      }),
    close: () => server.closeAllConnections() ?? void server.close(),
  };
}

const harmless = /^(?:https?:|mailto:|tel:|data:image\/(?:png|gif|jpeg)|data:,$|[^:]*$|[^:]*[/?#])/i;

/** What is in a page that could run or load, beside the preview's own script and style. */
function harmIn(html: string, nonce: string): string[] {
  const found: string[] = [];
  const read = (node: Nodes): void => {
    if (node.type === 'element') {
      const { tagName, properties } = node;
      const own =
        /^(?:script|link)$/.test(tagName) && (properties['nonce'] === nonce || properties['href'] === 'data:,');
      const isHead =
        tagName === 'meta' && (properties['charSet'] || /^(?:viewport|color-scheme)$/.test(String(properties['name'])));
      if (
        /^(?:script|style|iframe|object|embed|form|button|input|base|link|meta|template|svg|math|frame|applet|noscript)$/.test(
          tagName,
        ) &&
        !own &&
        !isHead
      )
        found.push(`<${tagName}>`);
      for (const [name, value] of Object.entries(properties)) {
        if (/^on[a-z]/i.test(name) || /^(?:srcDoc|formAction|autoPlay)$/i.test(name)) found.push(`${tagName} ${name}`);
        if (
          /^(?:href|src|poster|cite|action)$/.test(name) &&
          !harmless.test(String(value).replaceAll(/[\0-\x20]/g, ''))
        )
          found.push(`${tagName} ${name}=${String(value)}`);
        if (name === 'style' && /url|expression|behavior|position|@/i.test(String(value))) found.push(String(value));
        if (name === 'name' && !/^(?:a|meta)$/.test(tagName)) found.push(`${tagName} name`);
      }
    }
    if ('children' in node) node.children.forEach(read);
  };
  read(fromHtml(html));
  return found;
}

function unharmed(): void {
  assert.not(existsSync(canary), 'a text was run');
  assert.equal(
    readdirSync(scratch).filter(name => !/^(?:outside\.(?:md|png)|book-\d+)$/.test(name)),
    [],
    'something was written outside',
  );
}

for (let from = 0; from < count; from += perFolder)
  test(`hostile chapters ${from + 1} to ${from + perFolder} stay in their folder, and run nothing`, async () => {
    const folder = join(scratch, `book-${from}`);
    makeFolder(folder, Array.from({ length: perFolder }, chapterOfHarm));

    const whole = await readFolder(folder);
    assert.ok(whole.chapters.length > 0);
    const plan = planImport(whole, noBook, { serial: 0, files: {} }, { trash: true, take: 'ours' });
    for (const image of whole.images.values()) assert.ok(image.file.startsWith(`${folder}/`), image.file);
    for (const { path } of plan.decisions) assert.not.match(`/${path}/`, /\/\.\.?\//);
    const images = [...whole.images.values()];
    const pieces: Buffer[] = [];
    for await (const piece of bundle('book.rb', { decisions: plan.decisions }, images)) pieces.push(piece);
    const archive = Buffer.concat(pieces);
    assert.not(archive.includes(secret));
    const names = namesIn(archive);
    assert.equal(names, ['program.rb', ...images.map((_, at) => fileInBundle(at)), 'request.json']);

    addLinks(folder);
    const linked = await readFolder(folder);
    assert.ok(linked.problems.some(({ path, stops }) => path === '7-link.md' && stops === true));
    assert.is(linked.chapters.length, whole.chapters.length);
    const { get, close } = await serve(folder);
    try {
      const addresses = ['/', ...linked.chapters.map(({ path }) => pageAddress(path))];
      for (const address of addresses) {
        const { status, text, policy } = await get(address);
        assert.is(status, 200, address);
        assert.not(text.includes(secret), address);
        const nonce = /script-src 'nonce-([\w-]+)'/.exec(policy)?.[1] ?? '';
        assert.equal(harmIn(text, nonce), [], address);
        for (const [, way = ''] of text.matchAll(/(?:src|href)="(\/[^"]*)"/g))
          if (way.startsWith('/image/') || way.startsWith('/page/')) {
            const target = await get(way.replaceAll('&amp;', '&').replaceAll('&#x26;', '&'));
            assert.not(target.text.includes(secret), way);
          }
      }
      for (const path of [
        '/image/images/link.png',
        '/image/way/outside.png',
        '/image/..%2foutside.png',
        '/page/7-link.md',
      ])
        assert.is((await get(path)).status, 404, path);
    } finally {
      close();
    }
    unharmed();
    rmSync(folder, { recursive: true });
  });

/** The names in an archive of tar. */
function namesIn(archive: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + 512 <= archive.length && archive[at];) {
    const text = (from: number, length: number) =>
      archive.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
    names.push(text(0, 100));
    at += 512 + Math.ceil(Number.parseInt(text(124, 12), 8) / 512) * 512;
  }
  return names;
}

test('front matter that grows when it is read is refused by its line, in no time', () => {
  const lines = Array.from(
    { length: 20 },
    (_, at) =>
      `a${at}: &a${at} [${
        at
          ? Array(9)
              .fill(`*a${at - 1}`)
              .join(', ')
          : 'x'
      }]`,
  );
  const bomb = `---\ntitle: x\n${lines.join('\n')}\n---\ntext\n`;
  const long = `---\ntitle: ${'x'.repeat(5_000_000)}\n---\ntext\n`;
  const deep = `---\ntitle: x\ncaption: ${'['.repeat(3000)}\n---\ntext\n`;
  const keys = `---\ntitle: x\n${Array.from({ length: 1500 }, (_, at) => `k${at}: &k${at} *k${at}\n`).join('')}---\ntext\n`;
  for (const text of [bomb, long, deep, keys]) {
    const began = performance.now();
    const { findings } = checkChapter(text.length > 1_000_000 ? text.slice(0, 200_000) : text, () => false);
    assert.ok(
      findings.some(({ code }) => code === 'front-matter'),
      text.slice(0, 40),
    );
    assert.ok(performance.now() - began < 10_000);
  }
});

test.run();
