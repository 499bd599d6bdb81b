// The text of an announcement, as long as its receiver allows: titles and excerpts are cut between words, never inside a letter.
import type { AnnounceSettings } from '../target/writebook-settings.ts';
import type { Announcement } from './plan.ts';

const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

export function countGraphemes(text: string): number {
  let count = 0;
  for (const _ of graphemes.segment(text)) count++;
  return count;
}

/** At most so many letters as a person counts them, with … where something is left out. */
export function shortened(text: string, most: number): string {
  const letters = [...graphemes.segment(text)].map(one => one.segment);
  if (letters.length <= most) return text;
  if (most < 1) return '';
  const kept = letters.slice(0, most - 1).join('');
  const space = kept.search(/\s+\S*$/u);
  return `${(space > kept.length / 2 ? kept.slice(0, space) : kept).trimEnd()}…`;
}

/** What is told of a chapter. `link` says of a changed chapter which change, so that it can be told from the first one. */
export type Post = { subject: string; excerpt: string; link: string; key: string; changed: boolean };

export function postOf(
  { chapter, changed, sum }: Announcement,
  { text, changedText, title }: Pick<AnnounceSettings, 'text' | 'changedText' | 'title'>,
): Post {
  const line = (changed ? changedText : text).replaceAll(/\{(chapter|book)\}/g, (_, name) =>
    name === 'book' ? title : chapter.title,
  );
  return {
    subject: oneLine(line),
    excerpt: beginningOf(chapter, 300),
    link: changed ? `${chapter.url}#changed-${sum.slice(0, 8)}` : chapter.url,
    key: `${chapter.key}${changed ? ` ${sum}` : ''}`,
    changed,
  };
}

/**
 * Subject, excerpt and link as one post. The link stays whole; the excerpt goes first, then the end of the subject.
 * @param most graphemes @param linkLength how much of them the link takes
 */
export function postText({ subject, excerpt }: Post, link: string, most: number, linkLength: number): string {
  // @ somebody in a title must not call them
  const quiet = (text: string) => text.replaceAll(/@(?=[\p{L}\p{N}_])/gu, '@\u2060');
  const left = most - linkLength - 2;
  const head = shortened(quiet(subject), left);
  const room = left - countGraphemes(head) - 2;
  const more = room < 40 || !excerpt ? '' : `${shortened(quiet(excerpt), room)}\n\n`;
  return `${head}\n\n${more}${link}`;
}

/** The first of its text on one line; a heading that says the title once more is no news. */
export function beginningOf({ title, text }: { title: string; text: string }, most: number): string {
  const lines = text.split('\n').map(oneLine).filter(Boolean);
  return shortened((lines[0] === oneLine(title) ? lines.slice(1) : lines).join(' '), most);
}

export function oneLine(text: string): string {
  return text.replaceAll(/[\s\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}
