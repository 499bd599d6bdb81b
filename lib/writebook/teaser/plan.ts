// Decides what becomes of each teaser, from the chapters, the book of teasers and the record of what was last written; it changes nothing.
import { differing, type BookState, type Entry, type Leaf, type PageContent } from '../content.ts';
import { cutTeaser, type NoTeaser, type TeaserText } from './cut.ts';
import { bookPath, teaserTail, teaserTitle, type TeaserWords } from './tail.ts';
import { sha256 } from '../../host/checksum.ts';

/** `link`: where the tail leads; undefined: to the book. `overwrite`: also what was changed in the browser. */
export type TeaserWishes = TeaserWords & { most: number; link: string | undefined; overwrite: boolean };

/** 'edited' and 'trashed': in the browser, so it stays. 'refused': nothing can be kept of it. 'left': its chapter is gone. */
export type TeaserDecision = {
  does: 'create' | 'update' | 'untouched' | 'edited' | 'trashed' | 'refused' | 'left';
  /** Of the chapter; 0 when that is gone. */
  chapter: number;
  /** Of the chapter, or of the teaser whose chapter is gone. */
  title: string;
  /** What identifies the teaser in the record. */
  key: string;
  leaf: Leaf | undefined;
  wanted: { title: string; text: string } | undefined;
  cut: TeaserText | NoTeaser | undefined;
};

/** `files`: what is known before the plan is carried out, for the record; `adopts`: that has not got all of it. */
export type TeaserPlan = { decisions: TeaserDecision[]; files: Record<string, Entry>; adopts: boolean };

/** @param chapters those to make teasers of, with their texts @param all whether teasers of other chapters are looked at, too */
export function planTeasers(
  from: BookState,
  into: BookState,
  chapters: readonly Leaf[],
  wishes: TeaserWishes,
  all: boolean,
): TeaserPlan {
  const decisions: TeaserDecision[] = [];
  const files: Record<string, Entry> = { ...into.record.files };
  const claimed = new Set(Object.values(files).map(entry => entry.leaf));
  for (const chapter of chapters) {
    const names = { chapter: chapter.title, book: from.book.title };
    const title = teaserTitle(wishes, names);
    const cut = cutTeaser(
      chapter.text ?? '',
      wishes.most,
      teaserTail(wishes, names, wishes.link ?? bookPath(from.book)),
    );
    const wanted = cut.text === undefined ? undefined : { title, text: cut.text };
    const key = keyOf(chapter);
    const entry = files[key];
    const leaf = entry ? leafOf(into, entry) : byTitle(into, title, claimed);
    const decision = { chapter: chapter.id, title: chapter.title, key, leaf, wanted, cut };
    const does = wanted ? decide(wanted, leaf, entry, wishes.overwrite) : 'refused';
    if (does === 'untouched' && leaf) files[key] = entryOf(leaf);
    else if (entry && !leaf) delete files[key];
    decisions.push({ does, ...decision });
  }
  const adopts = Object.keys(files).some(key => !into.record.files[key]);
  if (!all) return { decisions, files, adopts };
  const known = new Set(from.leaves.filter(leaf => leaf.active).map(keyOf));
  for (const [key, entry] of Object.entries(files)) {
    const leaf = leafOf(into, entry);
    if (known.has(key) || !leaf?.active) continue;
    decisions.push({ does: 'left', chapter: 0, title: leaf.title, key, leaf, wanted: undefined, cut: undefined });
  }
  return { decisions, files, adopts };
}

/** Of the chapter: its number, and when it was made, for a number can be given again after a restore. */
function keyOf({ id, made }: Leaf): string {
  return `${id} ${made}`;
}

function leafOf({ leaves }: BookState, entry: Entry): Leaf | undefined {
  return leaves.find(leaf => leaf.id === entry.leaf && leaf.made === entry.made);
}

/** When no record knows of it: the one page that is called so. */
function byTitle({ leaves }: BookState, title: string, claimed: ReadonlySet<number>): Leaf | undefined {
  const found = leaves.filter(leaf => leaf.active && leaf.title === title && !claimed.has(leaf.id));
  return found.length === 1 && found[0]?.kind === 'Page' ? found[0] : undefined;
}

function decide(
  wanted: { title: string; text: string },
  leaf: Leaf | undefined,
  entry: Entry | undefined,
  overwrite: boolean,
): TeaserDecision['does'] {
  if (!leaf) return 'create';
  if (!leaf.active) return overwrite ? 'update' : 'trashed';
  if (leaf.title === wanted.title && leaf.body === sha256(wanted.text)) return 'untouched';
  const inBrowser = !entry || differing(leaf, entry).length > 0;
  return inBrowser && !overwrite ? 'edited' : 'update';
}

function entryOf(leaf: Leaf): Entry {
  return { ...contentOf(leaf), leaf: leaf.id, made: leaf.made };
}

/** For the program in the application: what a leaf is expected to be still. */
export function contentOf({ kind, title, body, theme, caption, image }: Leaf): PageContent {
  return { kind, title, body, theme, caption, image };
}
