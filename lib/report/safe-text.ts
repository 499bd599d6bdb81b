// Makes text safe for a terminal: what a server sent cannot move the cursor, hide or restyle anything.
import { stripVTControlCharacters } from 'node:util';

// C0 without tab and newline, DEL, C1, line separators, and the marks that reverse or hide text.
// oxlint-disable-next-line no-control-regex
const unseen = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** Drops colours and cursor movements, writes every other control character out as `\x07` or `\u202e`. */
export function visible(text: string): string {
  return stripVTControlCharacters(text).replace(/\r+\n/g, '\n').replace(/\r+$/, '').replace(unseen, written);
}

// oxlint-disable-next-line no-control-regex
const painted = /(\x1b\[[\d;]*m)/;

/** As `visible`, but keeps the colours that this program painted. */
export function visiblePainted(text: string): string {
  return text
    .split(painted)
    .map((part, at) => (at % 2 === 1 ? part : visible(part)))
    .join('');
}

function written(found: string): string {
  const code = found.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const wide =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}])/u;
/** Made when it is needed: it takes a tenth of the start of a task, which mostly writes ASCII. */
let segmenter: Intl.Segmenter | undefined;

/** In pieces of some letters: V8 copies the whole text for each grapheme, which takes all memory for a log line of a million. */
function* graphemes(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter();
  for (const [piece] of text.matchAll(/[^]{1,200}/gu))
    for (const { segment } of segmenter.segment(piece)) yield segment;
}

/** Columns that `text` takes on a terminal; colours take none. */
export function columns(text: string): number {
  const plain = stripVTControlCharacters(text);
  if (/^[ -~]*$/.test(plain)) return plain.length;
  let sum = 0;
  for (const grapheme of graphemes(plain)) sum += columnsOf(grapheme);
  return sum;
}

function columnsOf(grapheme: string): number {
  if (wide.test(grapheme)) return 2;
  return /^[\p{Mn}\p{Me}\p{Cf}]+$/u.test(grapheme) ? 0 : 1;
}

/** `text` in at most `width` columns, ending in … when something is missing. Text that is cut loses its colours. */
export function cut(text: string, width: number): string {
  if (columns(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const grapheme of graphemes(stripVTControlCharacters(text))) {
    used += columnsOf(grapheme);
    if (used > width - 1) break;
    kept += grapheme;
  }
  return width > 0 ? `${kept}…` : '';
}
