// The words of a rendering, without how they look: text, the numbers of lists and the boxes of tasks, not addresses and pictures.
import { isBlockTag, type ShownWord, type View } from '../visible.ts';

// Parsers of HTML leave them out or not, and nobody sees them.
// oxlint-disable-next-line no-control-regex
const controls = /[\x01-\x08\x0b\x0e-\x1f\x7f]/g;

export function createWords(): View {
  const seen: ShownWord[] = [];
  /** The number that the next item of each open list has; undefined: it has none. */
  const lists: (number | undefined)[] = [];
  let word: ShownWord | undefined;
  let isInHeading = false;
  // the application's link behind a heading to itself
  let isInSign = false;
  const apart = (tag: string) => {
    if (/^(?:br|img|note)$/.test(tag) || isBlockTag(tag)) word = undefined;
  };
  const add = (shown: string, at: number) => {
    seen.push({ shown, at });
    word = undefined;
  };
  const letters = (shown: string, at: () => number) => {
    if (word) word.shown += shown;
    else seen.push((word = { shown, at: at() }));
  };

  return {
    seen,
    open(tag, attributes, at) {
      apart(tag);
      if (/^h[1-6]$/.test(tag)) isInHeading = true;
      if (tag === 'footnote') letters('(footnote)', () => at);
      else if (tag === 'checkbox') add(attributes['checked'] === undefined ? '☐' : '☑', at);
      else if (tag === 'ul') lists.push(undefined);
      else if (tag === 'ol') lists.push(Number.parseInt(attributes['start'] ?? '1', 10) || 0);
      else if (tag === 'a' && isInHeading && attributes['class'] === 'heading__link') isInSign = true;
      else if (tag === 'li') {
        const number = lists.at(-1);
        if (number === undefined) return;
        add(`${number}.`, at);
        lists[lists.length - 1] = number + 1;
      }
    },
    close(tag) {
      apart(tag);
      if (/^h[1-6]$/.test(tag)) isInHeading = false;
      if (/^[ou]l$/.test(tag)) lists.pop();
      if (tag === 'a') isInSign = false;
    },
    text(value, place) {
      if (isInSign) return;
      for (const piece of value.replaceAll(controls, '').split(/(\s+)/)) {
        if (piece === '') continue;
        if (/^\s/.test(piece)) word = undefined;
        else letters(piece, () => place(piece));
      }
    },
  };
}
