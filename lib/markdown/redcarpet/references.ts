// Takes the definitions of links out of a document, and tabs and foreign line ends with them, before anything else is read.
import { fenceLine, type Fence } from './lines.ts';
import { referenceHash, type Reference } from './state.ts';

/** The document as the readers of blocks get it. */
export function withoutReferences(document: string, references: Map<number, Reference>): string {
  const size = document.length;
  const fence: Fence = { mark: '' };
  let inFence = false;
  let text = '';
  let at = document.startsWith('\xef\xbb\xbf') ? 3 : 0;
  while (at < size) {
    if (fenceLine(document, at, size, fence).length) inFence = !inFence;
    const end = inFence ? 0 : readReference(document, at, references);
    if (end) {
      at = end;
      continue;
    }
    let until = at;
    while (until < size && !isLineEnd(document[until])) until++;
    text += expandTabs(document.slice(at, until));
    while (until < size && isLineEnd(document[until])) {
      if (document[until] === '\n' || (until + 1 < size && document[until + 1] !== '\n')) text += '\n';
      until++;
    }
    at = until;
  }
  return text && !text.endsWith('\n') ? `${text}\n` : text;
}

const isLineEnd = (character: string | undefined) => character === '\n' || character === '\r';

function expandTabs(line: string): string {
  let text = '';
  for (const character of line) text += character === '\t' ? ' '.repeat(4 - (text.length % 4)) : character;
  return text;
}

/** Where the definition that begins here ends; 0 when none does. A second one of the same name replaces the first. */
function readReference(document: string, from: number, references: Map<number, Reference>): number {
  const size = document.length;
  if (from + 3 >= size) return 0;
  let at = from;
  while (at < from + 4 && document[at] === ' ') at++;
  if (at - from > 3 || document[at] !== '[') return 0;
  const nameFrom = ++at;
  while (at < size && !isLineEnd(document[at]) && document[at] !== ']') at++;
  if (at >= size || document[at] !== ']' || document[at + 1] !== ':') return 0;
  const name = document.slice(nameFrom, at);
  at += 2;
  const blanks = () => {
    while (at < size && (document[at] === ' ' || document[at] === '\t')) at++;
  };
  blanks();
  if (at < size && isLineEnd(document[at])) {
    at++;
    if (at < size && document[at] === '\r' && document[at - 1] === '\n') at++;
  }
  blanks();
  if (at >= size) return 0;

  if (document[at] === '<') at++;
  const linkFrom = at;
  while (at < size && document[at] !== ' ' && !isLineEnd(document[at])) at++;
  const linkTo = document[at - 1] === '>' ? at - 1 : at;
  blanks();
  if (at < size && !/[\n\r'"(]/.test(document[at] ?? '')) return 0;
  let lineEnd = 0;
  if (at >= size || isLineEnd(document[at])) lineEnd = at;
  if (at + 1 < size && document[at] === '\n' && document[at + 1] === '\r') lineEnd = at + 1;
  if (lineEnd) {
    at = lineEnd + 1;
    blanks();
  }

  let title = '';
  if (at + 1 < size && /['"(]/.test(document[at] ?? '')) {
    const titleFrom = ++at;
    while (at < size && !isLineEnd(document[at])) at++;
    const end = at + 1 < size && document[at] === '\n' && document[at + 1] === '\r' ? at + 1 : at;
    // without a closing quote the line is no part of the definition, and its title all the same
    title = document.slice(titleFrom, end);
    at--;
    while (at > titleFrom && document[at] === ' ') at--;
    if (at > titleFrom && /['")]/.test(document[at] ?? '')) {
      lineEnd = end;
      title = document.slice(titleFrom, at);
    }
  }
  if (!lineEnd || linkTo === linkFrom) return 0;
  references.set(referenceHash(name), { link: document.slice(linkFrom, linkTo), title });
  return lineEnd;
}
