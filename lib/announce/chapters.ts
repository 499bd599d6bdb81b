// The chapters of a folder that stand in the book, with their public addresses and the beginning of their text.
import { visibleText } from '../markdown/visible-text.ts';
import type { AnnounceSettings } from '../target/writebook-settings.ts';
import { type ImportRecord } from '../writebook/content.ts';
import type { Folder } from '../writebook/folder/folder.ts';
import { withAddresses } from '../writebook/folder/chapter.ts';
import { sha256 } from '../host/checksum.ts';

export type PublishedChapter = {
  /** What it is known by: the number of its page, and when that was made. */
  key: string;
  page: number;
  made: Date;
  path: string;
  title: string;
  /** In the book, for everybody. */
  url: string;
  /** Changes with its title and its text. */
  sum: string;
  /** What a reader sees of it, a line for each paragraph. */
  text: string;
};

/** Pages only, in the folder's order. What no import has written yet is not there. */
export function publishedChapters(
  { chapters }: Folder,
  { files }: ImportRecord,
  { url }: AnnounceSettings,
): PublishedChapter[] {
  return chapters.flatMap(({ path, kind, title, pieces }) => {
    const entry = files[path];
    if (!entry || kind !== 'Page') return [];
    // not of the addresses in it: those change with other chapters' titles
    const text = visibleText(withAddresses(pieces, () => undefined).text);
    return [
      {
        key: `${entry.leaf} ${entry.made}`,
        page: entry.leaf,
        made: new Date(entry.made),
        path,
        title,
        url: `${url}/${entry.leaf}/${slugOf(title)}`,
        sum: sha256(`${title}\n${text}`).slice(0, 16),
        text,
      },
    ];
  });
}

/** As the application makes it, more or less: it reads the number only. */
function slugOf(title: string): string {
  const plain = title.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
  return (
    plain
      .replaceAll(/[^a-z\d_-]+/g, '-')
      .replaceAll(/-{2,}/g, '-')
      .replaceAll(/^-|-$/g, '')
      .slice(0, 80) || '-'
  );
}

/** Whether a link leads to the same page and says the same of it (its #…), whatever the slugs are by now. */
export function leadsTo(link: string, wanted: string): boolean {
  if (!URL.canParse(link)) return false;
  const [one, other] = [new URL(link), new URL(wanted)];
  const place = ({ host, pathname, hash }: URL) => {
    const [, book, , page] = pathname.split('/');
    return [host, book, page, hash].join(' ');
  };
  return place(one) === place(other);
}
