// The Atom feed beside RFC 4287 and an independent reader: what each must have, ids that stay, dates that change only with the text.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PublishedChapter } from '../../../lib/announce/chapters.ts';
import { feedText } from '../../../lib/announce/feed/feed.ts';
import { readFeed } from '../../../lib/announce/feed/read.ts';
import type { AnnounceSettings } from '../../../lib/target/writebook-settings.ts';
import { sha256 } from '../../../lib/host/checksum.ts';

const settings: AnnounceSettings = {
  url: 'https://Book.example/2/guide',
  book: 2,
  title: 'Guide <b> & "Co."',
  author: 'Ana\u0007 & Ben',
  feed: 'feed.xml',
  feedUrl: 'https://book.example/feed.xml?a=1&b=2',
  text: '',
  changedText: '',
  receivers: [],
};
const chapter = (
  page: number,
  title: string,
  text = 'Text.',
  more: Partial<PublishedChapter> = {},
): PublishedChapter => ({
  key: `${page} 2026-11-0${page}T10:00:00.000001Z`,
  page,
  made: new Date(`2026-11-0${page}T10:00:00Z`),
  path: `${page}.md`,
  title,
  url: `${settings.url}/${page}/x`,
  sum: sha256(`${title} ${text}`).slice(0, 16),
  text,
  ...more,
});
const day = new Date('2026-11-20T12:00:00Z');
const later = new Date('2026-11-21T12:00:00Z');
const make = (chapters: PublishedChapter[], before?: string, now = day, more: Partial<AnnounceSettings> = {}) =>
  feedText(chapters, { ...settings, ...more }, before, 'feed.xml', now);

/** xmllint reads it; it has nothing to do with our own reader. */
function found(xml: string, path: string): string[] {
  const { stdout, stderr, status } = spawnSync(
    'xmllint',
    ['--nonet', '--xpath', path.replaceAll(/(?<=\/)(?!text\()(\w+)/g, "*[local-name()='$1']"), '-'],
    { input: xml, encoding: 'utf8' },
  );
  if (status !== 0 && !/XPath set is empty/.test(stderr)) throw new Error(stderr);
  return stdout.trim().split('\n').filter(Boolean);
}

test('another reader finds in it what RFC 4287 wants, and text as it was typed', () => {
  const hostile = '</title>]]> &amp; "q"\u0000\u0007 \uFFFEe\u0301\uD800 🇩🇪';
  const xml = make([chapter(1, hostile, '<script>alert(1)</script>\nzwei'), chapter(2, 'B')]);
  assert.equal(found(xml, '/feed/id/text()'), ['tag:book.example,2026-11-20:book/2']);
  assert.equal(found(xml, '/feed/updated/text()'), ['2026-11-02T10:00:00Z']);
  assert.equal(found(xml, '/feed/author/name/text()'), ['Ana &amp; Ben']);
  assert.equal(found(xml, 'string(/feed/title)'), ['Guide <b> & "Co."']);
  assert.equal(found(xml, 'count(/feed/entry[*])'), ['2']);
  for (const wanted of ['id', 'title', 'updated', 'link', 'summary', 'published'])
    assert.equal(found(xml, `count(/feed/entry/${wanted})`), ['2'], wanted);
  assert.equal(found(xml, "string(/feed/link[@rel='self']/@href)"), ['https://book.example/feed.xml?a=1&b=2']);
  const [, first] = readFeed(xml, '').entries;
  assert.is(first?.title, '</title>]]> &amp; "q" e\u0301 🇩🇪');
  assert.equal(found(xml, 'count(//script)'), ['0']);
});

test('the same chapters make the same feed, byte for byte, on any day', () => {
  const chapters = [chapter(1, 'A'), chapter(2, 'B')];
  const first = make(chapters);
  assert.is(make(chapters, first, later), first);
});

test('ids stay through new titles, another host, another slug and another day; dates change with the text alone', () => {
  const first = make([chapter(1, 'A'), chapter(2, 'B')]);
  const moved = { url: 'https://new.example/2/other' };
  const again = make(
    [
      chapter(1, 'A', 'Text.', { url: `${moved.url}/1/y` }),
      chapter(2, 'New B', 'Text.', { url: `${moved.url}/2/y` }),
      chapter(3, 'C'),
    ],
    first,
    later,
    moved,
  );
  const base = 'tag:book.example,2026-11-20:book/2';
  assert.equal(
    readFeed(again, '').entries.map(one => [one.id, one.title, one.updated]),
    [
      [`${base}/page/3/20261103100000000001`, 'C', '2026-11-21T12:00:00Z'],
      [`${base}/page/2/20261102100000000001`, 'New B', '2026-11-21T12:00:00Z'],
      [`${base}/page/1/20261101100000000001`, 'A', '2026-11-01T10:00:00Z'],
    ],
  );
  assert.is(readFeed(again, '').id, base);
});

test('a number that was given again after a restore is another chapter', () => {
  const first = make([chapter(1, 'A')]);
  const other = make([chapter(1, 'A', 'Text.', { key: '1 2026-12-01T00:00:00.000000Z' })], first, later);
  assert.is.not(readFeed(other, '').entries[0]?.id, readFeed(first, '').entries[0]?.id);
});

test('the ids of another program’s feed stay as they are, too', () => {
  const foreign = `<?xml version="1.0"?><a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:id>urn:uuid:7</a:id><a:title>x</a:title>
<a:updated>2020-01-01T00:00:00Z</a:updated><a:entry><a:id>https://old.example/first</a:id><a:title>A</a:title>
<a:link rel="enclosure" href="x"/><a:link href="https://old.example/2/old/1/a"/><a:updated>2020-01-02T03:04:05+02:00</a:updated></a:entry></a:feed>`;
  const { id, entries } = readFeed(make([chapter(1, 'A'), chapter(2, 'B')], foreign), '');
  assert.is(id, 'urn:uuid:7');
  const first = entries.find(one => one.title === 'A');
  assert.equal([first?.id, first?.updated], ['https://old.example/first', '2020-01-02T03:04:05+02:00']);
});

test('what is no feed, or has one id twice, stops before anything is overwritten', () => {
  for (const text of ['', '<rss/>', '<feed>', '<!DOCTYPE x [<!ENTITY a "b">]><feed>&a;</feed>'])
    assert.throws(() => make([chapter(1, 'A')], text), /no Atom feed/, text);
  const twice = make([chapter(1, 'A'), chapter(2, 'B')]).replaceAll(/page\/\d\/\d+</g, 'same<');
  assert.throws(() => make([chapter(1, 'A'), chapter(2, 'B')], twice), /two chapters with one id/);
});

test('of many chapters, the hundred that changed last are in it', () => {
  const many = Array.from({ length: 150 }, (_, at) =>
    chapter(1, `${at}`, 'x', {
      page: at + 1,
      key: `${at + 1} x1`,
      url: `${settings.url}/${at + 1}/x`,
      made: new Date(at * 86_400_000),
    }),
  );
  const { entries } = readFeed(make(many), '');
  assert.equal([entries.length, entries[0]?.title, entries.at(-1)?.title], [100, '149', '50']);
});

test.run();
