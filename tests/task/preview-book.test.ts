// tasks/preview-book.ts as an author runs it: what the browser gets, when it loads again, and what stays out of its reach.
import { once } from 'node:events';
import { renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { emptyFolder, preview, startPreview, until, writeInto } from '../support/preview/preview.ts';
import { png } from '../support/writebook/writebook.ts';

const image = png('view');
const book = await preview(
  {
    '01-arrival.md':
      '---\ntitle: "Arrival <b>#{1}</b> `x`\\nsecond line"\n---\n\n# Arrival & *more*\n\n==Late==, and it was\n1984. *It **ended**.*\n\n' +
      '![a view](<images/a view (1).png>) [on](02-the-island/01-the-house.md#a-map) [not](none.md) ![no](images/no.png)\n\n' +
      '<script>document.title = \'ran\'</script><img src="/u/x.png" onerror="document.title=\'ran\'">\n',
    '02-the-island/_section.md': '---\ntheme: dark\n---\n\nThe Island\nand its houses\n',
    '02-the-island/01-the-house.md': '# The House\n\n## A map\n',
    '10-last.md': 'Last words.\n',
    '3-view.md': '---\nclass: Picture\ncaption: "A <i>view</i>"\n---\n\n![](<images/a view (1).png>)\n',
    '4-bad.md': '---\ntitle: "never ends\nclass: Pgae\n---\n# Bad\n',
    'images/a view (1).png': image,
    'images/vector.png': '<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=1"/>',
    'images/page.png': '<!doctype html><script>1</script>',
    'README.md': '# not a chapter\n',
  },
  ['--book', 'Field & Guide'],
);
const outside = join(book.folder, 'outside.md');
writeFileSync(outside, '# outside, a canary\n');
writeFileSync(join(book.folder, 'outside.png'), image);
const address = {
  arrival: '/page/01-arrival.md',
  house: '/page/02-the-island/01-the-house.md',
  image: '/image/images/a%20view%20%281%29.png',
};

test('the contents have the pages in the order of the import, with their titles as text', async () => {
  const { status, text } = await book.get('/');
  assert.is(status, 200);
  assert.match(text, '<h1>Field &amp; Guide</h1>');
  const titles = [...text.matchAll(/<li class="(\w+)"><a href="([^"]+)">([^<]*)</g)].map(found => found.slice(1, 4));
  assert.equal(titles, [
    ['page', address.arrival, 'Arrival &lt;b&gt;#{1}&lt;/b&gt; `x`\nsecond line'],
    ['section', '/page/02-the-island/%5Fsection.md', 'the island'],
    ['page', address.house, 'The House'],
    ['picture', '/page/3-view.md', 'view'],
    ['page', '/page/4-bad.md', 'Bad'],
    ['page', '/page/10-last.md', 'last'],
  ]);
  assert.match(text, '<small>2 words</small>');
});

test('a page is what Writebook shows, with the ways to other pages and to images of the folder', async () => {
  const { status, text } = await book.get(address.arrival);
  assert.is(status, 200);
  assert.match(text, '<h1 id="arrival-amp-em-more-em">');
  assert.match(text, '<mark>Late</mark>');
  // the year is lost there, and so it is here
  assert.match(text, /it was<\/p>\s*<ol>\s*<li>/);
  assert.match(text, `<img src="${address.image}" alt="a view">`);
  assert.match(text, `<a href="${address.house}#a-map">on</a>`);
  assert.match(text, `<a rel="next" title="Next page (→)" href="/page/02-the-island/%5Fsection.md">`);
  assert.match((await book.get(address.house)).text, '<h2 id="a-map">');
  const { status: found, headers, body } = await book.get(address.image);
  assert.equal([found, headers['content-type'], headers['x-content-type-options']], [200, 'image/png', 'nosniff']);
  assert.equal(body, image);
});

test('what the check finds stands beside the text, by line and column, with the correction; what the import refuses too', async () => {
  const { text } = await book.get(address.arrival);
  assert.match(
    text,
    /<b>8:1<\/b> <code>number-at-start<\/code> Writebook takes a number .*? <em>--fix<\/em><pre><mark>1<\/mark>984\./,
  );
  assert.match(
    text,
    /<del>-1984\. \*It \*\*ended\*\*\.\*<\/del>\n<ins>[^]*<ins>\+1984\\\. _It \*\*ended\*\*\._<\/ins>/,
  );
  assert.match(text, '<b>01-arrival.md:10</b> the image &quot;images/no.png&quot; is missing');
  assert.match(text, '&quot;none.md&quot; is no chapter of this folder');
  const bad = await book.get('/page/4-bad.md');
  assert.is(bad.status, 200);
  assert.match(bad.text, /<b>4-bad\.md:\d<\/b> [^<]+/);
  assert.match(bad.text, '<h1 id="bad">');
});

test('sections and pictures are shown as such', async () => {
  const section = await book.get('/page/02-the-island/%5Fsection.md');
  assert.match(
    section.text,
    /<div class="section section-dark"><h1><p>The Island\s*<br>and its houses\s*<\/p><\/h1><\/div>/,
  );
  const picture = await book.get('/page/3-view.md');
  assert.match(
    picture.text,
    /<figure><a href="\/image\/images\/a%20view%20%281%29\.png"><img [^>]*><\/a><figcaption><p>A <i>view<\/i><\/p>/,
  );
});

test('no script but the preview’s own can run: by what is written, and by what the browser is told', async () => {
  for (const path of ['/', address.arrival, '/page/none.md', '/2/field-guide/1/x']) {
    const { text, headers } = await book.get(path);
    const policy = String(headers['content-security-policy']);
    const nonce = /script-src 'nonce-([\w-]{22})'; style-src 'nonce-\1'/.exec(policy)?.[1];
    assert.ok(nonce, policy);
    for (const rule of ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"])
      assert.match(policy, rule);
    assert.equal(text.match(/<script/g)?.length, 1);
    assert.match(text, `<script src="/-/preview.js" nonce="${nonce}"`);
    assert.not.match(text.replace(/<aside[^]*<\/aside>/, ''), /onerror|<iframe|javascript:/);
    assert.is(headers['cache-control'], 'no-store');
    assert.is(headers['cross-origin-resource-policy'], 'same-origin');
  }
  const first = await book.get('/');
  assert.is.not(
    String((await book.get('/')).headers['content-security-policy']),
    String(first.headers['content-security-policy']),
  );
});

test('a name that somebody else may own is not answered, and nothing but reading is', async () => {
  const { port } = book;
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, 'LOCALHOST', 'localhost:8080'])
    assert.is((await book.get('/', { host })).status, 200, host);
  for (const host of [
    `book.example:${port}`,
    `localhost.example:${port}`,
    `192.168.0.7:${port}`,
    `127.0.0.1.example`,
    'x@localhost',
    `localhost:${port}:1`,
  ])
    assert.is((await book.get('/', { host })).status, 421, host);
  const nameless = connect(port, '127.0.0.1');
  nameless.end('GET / HTTP/1.0\r\n\r\n');
  const [answer] = await once(nameless, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 421 /);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])
    assert.is((await book.get('/', {}, method)).status, 405, method);
  assert.is((await book.get(address.image, {}, 'HEAD')).body.length, 0);
});

test('nothing outside of the folder, nothing behind a symbolic link and no file that is no image is served', async () => {
  const content = join(book.folder, 'content');
  symlinkSync(outside, join(content, '5-link.md'));
  symlinkSync(join(book.folder, 'outside.png'), join(content, 'images/link.png'));
  symlinkSync(book.folder, join(content, 'way'));
  const bad = [
    '/image/../outside.png',
    '/image/%2e%2e/outside.png',
    '/image/images/..%2f..%2foutside.png',
    '/image/%2e%2e%2foutside.png',
    '/image//etc/hostname',
    '/image/%2fetc%2fhostname',
    '/image/images/link.png',
    '/image/way/outside.png',
    '/image/images/vector.png',
    '/image/images/page.png',
    '/image/01-arrival.md',
    '/image/images',
    '/image/images/',
    '/image/',
    '/image/%00',
    '/image/%ff',
    '/image/..%5coutside.png',
    '/page/../outside.md',
    '/page/%2e%2e%2foutside.md',
    '/page/5-link.md',
    '/page/way/outside.md',
    '/page/__proto__',
    '/-/../server.ts',
    '/-/%2e%2e/server.ts',
    '/constructor',
    '//book.example/x',
    '/u/x.png',
  ];
  for (const path of bad) {
    const { status, text } = await book.get(path);
    assert.is(status, 404, path);
    assert.not.match(text, 'canary');
  }
  const { text } = await book.get('/');
  assert.match(text, '<b>5-link.md</b> is a symbolic link, and those are not followed');
  for (const name of ['5-link.md', 'images/link.png', 'way']) unlinkSync(join(content, name));
});

test('a page is loaded again when it was saved, also by a rename, and not when another page was', async () => {
  await book.get('/');
  await pause(600);
  const [arrival, house, contents] = await Promise.all(
    ['01-arrival.md', '02-the-island/01-the-house.md', ''].map(page => book.follow(page)),
  );
  assert.ok(arrival && house && contents);
  assert.equal(
    [arrival, house, contents].map(one => one.reloads()),
    [0, 0, 0],
  );
  writeInto(book.folder, { '02-the-island/01-the-house.md': '# The House\n\nNew words.\n' }, true);
  await house.until(1);
  await contents.until(1);
  writeInto(book.folder, { '02-the-island/01-the-house.md': '# The House\n\nNewer words.\n' });
  await house.until(2);
  assert.is(arrival.reloads(), 0);
  assert.match((await book.get(address.house)).text, 'Newer words.');
  writeInto(book.folder, { 'images/new.png': png('new') });
  await arrival.until(1);
  assert.match(book.said.stderr, '02-the-island/01-the-house.md');
  for (const one of [arrival, house, contents]) one.end();
});

test('new, renamed and removed chapters and folders change the contents; a page that is gone says so and comes back', async () => {
  const contents = await book.follow('');
  writeInto(book.folder, { '06-new/deep/01-a.md': '# A new one\n' });
  await contents.until(1);
  const deep = await book.follow('06-new/deep/01-a.md');
  assert.match((await book.get('/')).text, 'A new one');
  await pause(500);
  const before = deep.reloads();
  writeInto(book.folder, { '06-new/deep/01-a.md': '# A newer one\n' }, true);
  await deep.until(before + 1);
  const content = join(book.folder, 'content');
  renameSync(join(content, '06-new'), join(content, '07-old'));
  await until(() => true);
  assert.is((await book.get('/page/06-new/deep/01-a.md')).status, 404);
  assert.is((await book.get('/page/07-old/deep/01-a.md')).status, 200);
  await pause(500);
  const moved = await book.follow('07-old/deep/01-a.md');
  writeInto(book.folder, { '07-old/deep/01-a.md': '# The newest\n' });
  await moved.until(1);
  rmSync(join(content, '07-old'), { recursive: true });
  await moved.until(2);
  assert.not.match((await book.get('/')).text, 'The newest');
  for (const one of [contents, deep, moved]) one.end();
});

test('what was missed while nobody looked is told at once, and a thousand files in few words', async () => {
  const seen = /data-seen="([^"]+)"/.exec((await book.get('/page/10-last.md')).text)?.[1] ?? '';
  writeInto(book.folder, { '10-last.md': 'Very last words.\n' });
  await until(() => book.said.stderr.includes('10-last.md'));
  const late = await book.follow('10-last.md', seen);
  await late.until(1);
  const other = await book.follow('01-arrival.md', seen);
  assert.is(other.reloads(), 0);
  const foreign = await book.follow('10-last.md', 'another.0');
  await foreign.until(1);
  const contents = await book.follow('');
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`20-part/${at}.md`, `# ${at}\n`]));
  writeInto(book.folder, many);
  await until(() => contents.reloads() > 0);
  await pause(1000);
  assert.match((await book.get('/')).text, '/page/20-part/999.md');
  assert.ok(contents.reloads() < 40, `${contents.reloads()} reloads`);
  for (const one of [late, other, foreign, contents]) one.end();
});

test('a folder that goes away is told, and shown again when it is back', async () => {
  const content = join(book.folder, 'content');
  renameSync(content, `${content}-away`);
  const gone = await book.get('/');
  assert.is(gone.status, 500);
  assert.match(gone.text, 'cannot be read');
  renameSync(`${content}-away`, content);
  assert.is((await book.get('/')).status, 200);
  await pause(300);
  const last = await book.follow('10-last.md');
  writeInto(book.folder, { '10-last.md': 'The end.\n' });
  await last.until(1);
  last.end();
});

test('Ctrl-C ends it at once with 0, with pages still open', async () => {
  const open = await book.follow('');
  const began = performance.now();
  assert.is(await book.end(), 0);
  assert.ok(performance.now() - began < 3000);
  open.end();
});

test('with --json each line is an object: where it listens, what changed, that it ended', async () => {
  const json = await preview({ '01-a.md': 'one\n' }, ['--json']);
  await json.get('/');
  writeInto(json.folder, { '01-a.md': 'two\n' });
  await until(() => json.said.stdout.includes('changed'));
  assert.is(await json.end(), 0);
  const [first, second, last] = json.said.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  assert.equal(first, { event: 'listening', url: `http://127.0.0.1:${json.port}/` });
  assert.equal(second, { event: 'changed', pages: ['01-a.md'], order: false, images: [] });
  assert.is(last.event, 'ended');
});

test('another machine is let in only when that is said, by address and not by any name', async () => {
  const open = await preview({ '01-a.md': 'one\n' }, ['--host', '0.0.0.0']);
  assert.match(open.said.stderr, 'whoever reaches 0.0.0.0 can read');
  for (const host of ['192.168.0.7:4400', '[fe80::1]:4400', 'localhost'])
    assert.is((await open.get('/', { host })).status, 200, host);
  assert.is((await open.get('/', { host: 'book.example' })).status, 421);
  await open.end();
});

test('no folder, no port and a port that is taken are refused in words', async () => {
  const folder = emptyFolder();
  const ended = async (...words: string[]) => {
    const { child, said } = startPreview(folder, words);
    await once(child, 'close');
    return { code: child.exitCode, ...said };
  };
  const none = await ended('nowhere');
  assert.is(none.code, 3);
  assert.match(none.stderr, 'there is no folder nowhere here');
  assert.is((await ended('content', '--port', '99999')).code, 2);
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const taken = await ended('content', '--port', String(typeof address === 'object' ? address?.port : ''));
  assert.is(taken.code, 1);
  assert.match(taken.stderr, /port \d+ of 127\.0\.0\.1 cannot be opened/);
  other.close();
  rmSync(folder, { recursive: true });
});

test.run();
