// The text that a reader of Writebook sees of a page, without marks and addresses, and how many words it has.
import { readHtml } from './html-view.ts';
import { renderForWritebook } from './redcarpet/render.ts';
import { isBlockTag, type View } from './visible.ts';

/** Paragraphs, items and lines of code are lines of it; pictures are not in it. */
export function visibleText(markdown: string): string {
  return textOfHtml(renderForWritebook(markdown));
}

/** The same of HTML that the renderer made. */
export function textOfHtml(html: string): string {
  const pieces: string[] = [];
  let inCode = false;
  const apart = (tag: string) => {
    if (isBlockTag(tag) || tag === 'br') pieces.push('\n');
  };
  const view: View = {
    seen: [],
    open(tag) {
      if (tag === 'pre') inCode = true;
      apart(tag);
    },
    close(tag) {
      if (tag === 'pre') inCode = false;
      apart(tag);
    },
    text: value => void pieces.push(inCode ? value : value.replace(/\s+/g, ' ')),
  };
  readHtml(html, view);
  const lines = pieces.join('').split('\n');
  return lines
    .map(line => line.replace(/[ \t]+$/, ''))
    .filter(line => line.trim() !== '')
    .join('\n');
}

/** Scripts that put no space between words. */
const unspaced = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
let segmenter: Intl.Segmenter | undefined;

/**
 * What stands between spaces counts as one word when it has a letter or a digit in it: `well-known`, `3.14` and `don’t`
 * are one each, `–` is none. Where a script has no spaces, words are those of Unicode’s dictionaries.
 */
export function countWords(text: string): number {
  let count = 0;
  for (const piece of text.split(/\s+/u)) {
    if (!/[\p{L}\p{N}]/u.test(piece)) continue;
    if (!unspaced.test(piece)) count++;
    else {
      segmenter ??= new Intl.Segmenter('und', { granularity: 'word' });
      for (const { isWordLike } of segmenter.segment(piece)) if (isWordLike) count++;
    }
  }
  return count;
}
