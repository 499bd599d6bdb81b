// Cuts the beginning of a chapter between two blocks, as Writebook's renderer and CommonMark both see them, at most so many words long.
import type { Root } from 'mdast';
import { parseMarkdown } from '../../markdown/github-view.ts';
import { countWords, visibleText, textOfHtml } from '../../markdown/visible-text.ts';
import { renderForWritebook } from '../../markdown/redcarpet/render.ts';
import { endOf, lineStart, startOf } from '../../markdown/rules/candidate.ts';
import { neededDefinitions } from './definitions.ts';
import { openTags } from './open-tags.ts';

/** `text` is the whole teaser; `words` are those of the chapter in it, `of` those of the whole chapter. */
export type TeaserText = { text: string; words: number; of: number };

/** Nothing can be kept; with `least` words something could, undefined: with no limit at all. */
export type NoTeaser = { text: undefined; of: number; least: number | undefined };

/** A place between two blocks. `children`: how many blocks are before it, by CommonMark. */
type Place = { at: number; children: number };

/** @param most words, at least 1 @param tail Markdown that follows what is kept, as a block of its own */
export function cutTeaser(chapter: string, most: number, tail: string): TeaserText | NoTeaser {
  const source = chapter.replace(/^\uFEFF/, '');
  const root = parseMarkdown(source);
  const whole = renderForWritebook(source);
  const of = countWords(textOfHtml(whole));
  const judge = judgeOf({ source, root, whole, tail });
  const places = placesIn(source, root);
  // a block may have another number of words by itself than in its place
  const near = within(source, places, most + 10 + most / 4);
  for (const place of near.toReversed()) {
    const found = judge(place);
    if (found && found.words <= most) return { ...found, of };
  }
  for (const place of places.slice(0, near.length + 50)) {
    const found = judge(place);
    if (found) return { text: undefined, of, least: found.words };
  }
  return { text: undefined, of, least: undefined };
}

/** Behind each block, but not behind a heading or a rule: those belong to what follows. */
function placesIn(source: string, { children }: Root): Place[] {
  const places: Place[] = [];
  let isLead = true;
  for (const [index, node] of children.entries()) {
    // micromark 4 takes a list that begins behind indented code for a paragraph, and the rest of an item for what follows it
    const isItem = node.type === 'paragraph' && /^\d{1,9}[.)]\s/.test(source.slice(startOf(node), startOf(node) + 11));
    if (isItem) isLead = true;
    else if (node.type !== 'definition') isLead = node.type === 'heading' || node.type === 'thematicBreak';
    const next = children[index + 1];
    if (!next) places.push({ at: source.length, children: index + 1 });
    else if (!isLead) places.push({ at: lineStart(source, startOf(next)), children: index + 1 });
  }
  return places;
}

/** The first places, up to about so many words; at least one. */
function within(source: string, places: readonly Place[], most: number): Place[] {
  let [from, words] = [0, 0];
  const found: Place[] = [];
  for (const place of places) {
    words += countWords(visibleText(source.slice(from, place.at)));
    from = place.at;
    if (words > most && found.length) break;
    found.push(place);
  }
  return found;
}

type Cutting = { source: string; root: Root; whole: string; tail: string };

/** Makes the teaser up to a place, and proves by rendering it that nothing before the cut looks otherwise; undefined: it would. */
function judgeOf({ source, root, whole, tail }: Cutting): (place: Place) => Omit<TeaserText, 'of'> | undefined {
  const tailHtml = renderForWritebook(tail);
  const openAtEnd = new Set(openTags(whole).map(one => one.at));
  return ({ at, children }) => {
    const kept = source.slice(0, at).replace(/[\r\n]+$/, '');
    const definitions = neededDefinitions(source, at, kept);
    const text = [kept, ...(definitions.length ? [definitions.join('\n')] : []), `${tail}\n`].join('\n\n');
    const html = renderForWritebook(text);
    const shown = html.slice(0, -tailHtml.length - 1);
    if (html !== `${shown}\n${tailHtml}` || !whole.startsWith(shown)) return undefined;
    // a tag that is closed later would be open for all that follows
    const open = openTags(shown);
    if (open.some(one => !openAtEnd.has(one.at) || one.name === 'details')) return undefined;
    if (!textOfHtml(html).endsWith(`\n${textOfHtml(tailHtml)}`)) return undefined;
    const words = countWords(textOfHtml(shown));
    if (!words || !isSameTree(root, parseMarkdown(text), children, kept.length)) return undefined;
    return { text, words };
  };
}

function isSameTree(root: Root, teaser: Root, children: number, length: number): boolean {
  const blocks = root.children.slice(0, children);
  const next = teaser.children[children];
  return (
    next !== undefined &&
    startOf(next) > length &&
    blocks.every((node, index) => {
      const other = teaser.children[index];
      return other?.type === node.type && startOf(other) === startOf(node) && endOf(other) <= length;
    })
  );
}
