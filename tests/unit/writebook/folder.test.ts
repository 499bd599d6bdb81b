// A folder of Markdown as a book: order, titles, kinds; and what is refused before anything else happens.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inOrder, readFolder } from '../../../lib/writebook/folder/folder.ts';
import { png } from '../../support/writebook/writebook.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bookops-folder-'));
test.after(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;

function folderOf(files: Record<string, string | Buffer>): string {
  const folder = join(scratch, String(count++));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test('numbers give the order by their value, then names do', () => {
  const names = ['b.md', '10-x.md', '2-x.md', '02-a.md', 'a.md', '1-z', '100.md'];
  assert.equal(names.toSorted(inOrder), ['1-z', '02-a.md', '2-x.md', '10-x.md', '100.md', 'a.md', 'b.md']);
});

test('titles come from the front matter, the first heading or the name; folders become sections', async () => {
  const folder = folderOf({
    '01-intro.md': '---\ntitle: "Intro: `#{1}`"\n---\n\n# Heading\n',
    '02-part-two/_section.md': '---\ntitle: ContentPart Two\ntheme: dark\n---\n',
    '02-part-two/1-dawn.md': '```\n# no\n```\n# The *Dawn* #\n',
    '02-part-two/10-dusk.md': 'text',
    '03-bare-part/x.md': '1984\n',
    '04-picture.md': '---\nclass: Picture\n---\n\n![A view](images/a%20b.png)\n',
    'images/a b.png': png('1'),
    'README.md': 'about this folder',
    '_draft.md': 'not yet',
  });
  const { chapters, problems } = await readFolder(folder);
  assert.equal(problems, []);
  assert.equal(
    chapters.map(({ path, kind, title, theme, caption }) => [path, kind, title, theme ?? caption]),
    [
      ['01-intro.md', 'Page', 'Intro: `#{1}`', null],
      ['02-part-two/_section.md', 'Section', 'ContentPart Two', 'dark'],
      ['02-part-two/1-dawn.md', 'Page', 'The Dawn', null],
      ['02-part-two/10-dusk.md', 'Page', 'dusk', null],
      ['03-bare-part/', 'Section', 'bare part', null],
      ['03-bare-part/x.md', 'Page', 'x', null],
      ['04-picture.md', 'Picture', 'picture', 'A view'],
    ],
  );
  assert.equal(chapters[0]?.pieces, ['# Heading\n']);
  assert.is(chapters[6]?.image?.name, 'a b.png');
});

test('links and images are places in the text, and everything else stays byte for byte', async () => {
  const folder = folderOf({
    '1.md': 'a\r\n![x](images/p.png?y) [n](2.md#part) [w](https://w.test/2.md) `[c](2.md)`\r\n[gone](9.md)',
    '2.md': '# Part',
    'images/p.png': png('1'),
  });
  const { chapters, problems } = await readFolder(folder);
  assert.equal(chapters[0]?.pieces, [
    'a\r\n![x](',
    { image: 'images/p.png', rest: '?y', as: 'images/p.png?y' },
    ') [n](',
    { to: '2.md', rest: '#part', as: '2.md#part' },
    ') [w](https://w.test/2.md) `[c](2.md)`\r\n[gone](9.md)',
  ]);
  assert.equal(
    problems.map(one => [one.line, one.stops]),
    [[3, false]],
  );
});

test('what could take the book down or leads out of the folder stops, with file and line', async () => {
  const folder = folderOf({
    '1.md': '\n![s](images/s.png)\n![p](images/p.jpg)\n![h](images/h.gif)\n![e](images/e.webp)',
    '2.md': '![o](../../outside.png)\n![m](images/missing.png)\n![l](images/link.png)\n![d](images)',
    '3.md': Buffer.from([0x61, 0xff]),
    '4.md': '---\nclass: Picture\n---\n\nno image',
    'images/s.png': '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    'images/p.jpg': '%PDF-1.7',
    'images/h.gif': 'hello',
    'images/e.webp': '',
  });
  writeFileSync(join(scratch, 'outside.png'), png('secret'));
  symlinkSync(join(scratch, 'outside.png'), join(folder, 'images/link.png'));
  symlinkSync(join(scratch, 'outside.png'), join(folder, '5-link.md'));
  symlinkSync('/etc', join(folder, '6-folder'));
  const { problems, images } = await readFolder(folder);
  assert.equal([...images.keys()], []);
  assert.equal(
    problems
      .filter(one => one.stops)
      .map(({ path, line, says }) => `${path}:${line ?? ''} ${says}`)
      .toSorted(),
    [
      '1.md:2 images/s.png is a SVG file, and Writebook shows PNG, JPEG, WebP and GIF only',
      '1.md:3 images/p.jpg is a PDF file, and Writebook shows PNG, JPEG, WebP and GIF only',
      '1.md:4 images/h.gif is no image, and Writebook shows PNG, JPEG, WebP and GIF only',
      '1.md:5 images/e.webp is empty',
      '2.md:1 "../../outside.png" leads out of the folder',
      '2.md:2 the image "images/missing.png" is missing',
      '2.md:3 images/link.png is reached by a symbolic link, and those are not followed',
      '2.md:4 images is no plain file',
      '3.md: is not UTF-8 text',
      '4.md:5 a picture has one image in its text, ![](images/name.jpg), and nothing else',
      '5-link.md: is a symbolic link, and those are not followed',
      '6-folder: is a symbolic link, and those are not followed',
    ],
  );
});

test('a link to a heading that is not there is told, with the nearest id that Writebook makes', async () => {
  const folder = folderOf({
    '1.md':
      '---\ntitle: One\n---\n\n# The *old* Map\n\n[a](2.md#the-mpa) [b](2.md#the-map) [c](#the-em-old-em-map) [d](#the-old-map)\n',
    '2.md': '# Two\n\n## The map\n\n[e](1.md#x) [f](part/#y) [g](https://a.test/#z) `[h](#no)`\n',
    'part/_section.md': 'Part\n',
  });
  const { problems } = await readFolder(folder);
  assert.equal(
    problems.filter(one => /has the id/.test(one.says)).map(one => `${one.path}:${one.line} ${one.says} ${one.stops}`),
    [
      '1.md:7 no heading of 2.md has the id #the-mpa in Writebook: did you mean #the-map? false',
      '1.md:7 no heading of this chapter has the id #the-old-map in Writebook: did you mean #the-em-old-em-map? false',
      '2.md:5 no heading of 1.md has the id #x in Writebook false',
    ],
  );
});
test.run();
