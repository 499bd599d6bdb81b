// Makes the Atom feed of a book: ids are fixed by the first feed and never change, dates change only with the text.
import { stat } from 'node:fs/promises';
import { Failure } from '../../errors.ts';
import type { AnnounceSettings } from '../../target/writebook-settings.ts';
import type { PublishedChapter } from '../chapters.ts';
import { beginningOf, oneLine } from '../text.ts';
import { readFeed, type Feed, type FeedEntry } from './read.ts';
import { readIfThere, replaceFile } from '../../text-file.ts';

/** So many entries, those that changed last. */
const most = 100;
const namespace = 'urn:x-bookops:announce';

type FeedItem = FeedEntry & { summary: string };

/** @param before the text of the feed that is there; undefined: none is @throws Failure 3 when that is no feed */
export function feedText(
  chapters: readonly PublishedChapter[],
  settings: AnnounceSettings,
  before: string | undefined,
  file: string,
  now: Date,
): string {
  const old = before === undefined ? undefined : readFeed(before, file);
  const { hostname } = new URL(settings.url);
  const base = old?.id || `tag:${hostname},${now.toISOString().slice(0, 10)}:book/${settings.book}`;
  const entries = chapters
    .map(chapter => entryOf(chapter, base, old, now))
    .toSorted((one, other) => other.updated.localeCompare(one.updated) || other.published.localeCompare(one.published))
    .slice(0, most);
  const text = written(settings, base, entries, old?.updated ?? stamp(now));
  checkFeed(text, entries, file);
  return text;
}

function entryOf(chapter: PublishedChapter, base: string, old: Feed | undefined, now: Date): FeedItem {
  const { page, made, title, url, sum } = chapter;
  const own = `/page/${page}/${chapter.key.replaceAll(/^\d+ |\D/g, '')}`;
  const was = old?.entries.find(entry => isOf(entry, own, url));
  const isSame = was && (was.sum ? was.sum === sum : was.title === oneLine(title));
  return {
    id: was?.id || `${base}${own}`,
    title: oneLine(title),
    link: url,
    published: was?.published || stamp(made),
    updated: isSame ? was.updated : stamp(old ? now : made),
    sum,
    summary: beginningOf(chapter, 500),
  };
}

/** The same page of the book, wherever the book is by now; a number that was given again is another page. */
function isOf({ id, link }: FeedEntry, own: string, url: string): boolean {
  if (/\/page\/\d+\/\d+$/.test(id)) return id.endsWith(own);
  if (!URL.canParse(link)) return false;
  const place = (address: string) => {
    const [, book, , page] = new URL(address).pathname.split('/');
    return `${book} ${page}`;
  };
  return place(link) === place(url);
}

function written(settings: AnnounceSettings, id: string, entries: readonly FeedItem[], updated: string): string {
  const { title, author, url, feedUrl } = settings;
  const newest = entries.map(entry => entry.updated).toSorted();
  const self =
    feedUrl === undefined ? [] : [`  <link rel="self" type="application/atom+xml" href="${escaped(feedUrl)}"/>`];
  return [
    '<?xml version="1.0" encoding="utf-8"?>',
    `<feed xmlns="http://www.w3.org/2005/Atom" xmlns:bookops="${namespace}">`,
    `  <id>${escaped(id)}</id>`,
    `  <title>${escaped(title)}</title>`,
    `  <updated>${newest.at(-1) ?? updated}</updated>`,
    `  <author><name>${escaped(author)}</name></author>`,
    `  <link href="${escaped(url)}"/>`,
    ...self,
    ...entries.flatMap(entry => [
      '  <entry>',
      `    <id>${escaped(entry.id)}</id>`,
      `    <title>${escaped(entry.title) || '–'}</title>`,
      `    <link href="${escaped(entry.link)}"/>`,
      `    <published>${entry.published}</published>`,
      `    <updated>${entry.updated}</updated>`,
      `    <summary>${escaped(entry.summary)}</summary>`,
      `    <bookops:sum>${entry.sum}</bookops:sum>`,
      '  </entry>',
    ]),
    '</feed>',
    '',
  ].join('\n');
}

/** Reads it again as anybody would. */
function checkFeed(text: string, entries: readonly FeedItem[], file: string): void {
  const read = readFeed(text, file);
  const ids = new Set(read.entries.map(entry => entry.id));
  if (ids.size !== entries.length || entries.some(entry => !ids.has(entry.id)))
    throw new Failure(3, `${file} would have two chapters with one id`, {
      advice: 'look for an id that is there twice in the feed, and remove one of the entries',
    });
}

/** For text and attributes; what XML 1.0 has no place for is left out. */
function escaped(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function stamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** undefined when there is none. */
export async function readFeedFile(file: string): Promise<string | undefined> {
  return readIfThere(file, `the feed ${file}`);
}

/** A new one can be read by everybody: a web server has to. */
export async function writeFeedFile(file: string, text: string): Promise<void> {
  const mode = await stat(file).then(
    found => found.mode & 0o777,
    () => 0o644,
  );
  await replaceFile(file, text, mode);
}
