// Finds where a block of HTML ends: at its own closing tag with nothing after it, never at an inner one of the same name.
import { emptyLine } from './state.ts';

const names = new Set(
  (
    'abbr address article aside audio blockquote canvas center dd del details div dl fieldset figcaption figure ' +
    'footer form h1 h2 h3 h4 h5 h6 header hgroup hr iframe ins math nav noscript ol output p pre script section ' +
    'style summary table tfoot ul video'
  ).split(' '),
);

/** The length of the block of HTML that begins here; 0 when none does. */
export function readHtmlBlock(text: string, from: number, to: number): number {
  if (to - from < 2 || text[from] !== '<') return 0;
  let at = from + 1;
  while (at < to && text[at] !== '>' && text[at] !== ' ') at++;
  const name = at < to ? text.slice(from + 1, at).toLowerCase() : '';
  if (!names.has(name)) return readComment(text, from, to) || readRuleTag(text, from, to);
  const end = blockEnd(text, from, to, name, true);
  if (end || name === 'ins' || name === 'del') return end;
  return blockEnd(text, from, to, name, false);
}

function readComment(text: string, from: number, to: number): number {
  if (to - from <= 5 || !text.startsWith('!--', from + 1)) return 0;
  let at = from + 5;
  while (at < to && !(text[at - 2] === '-' && text[at - 1] === '-' && text[at] === '>')) at++;
  at++;
  const empty = at < to ? emptyLine(text, at, to) : 0;
  return empty && at + empty - from;
}

function readRuleTag(text: string, from: number, to: number): number {
  if (to - from <= 4 || !/^hr/i.test(text.slice(from + 1, from + 3))) return 0;
  let at = from + 3;
  while (at < to && text[at] !== '>') at++;
  if (at + 1 >= to) return 0;
  at++;
  const empty = emptyLine(text, at, to);
  return empty && at + empty - from;
}

/** `startOfLine`: after the first line, only a closing tag that is not indented counts. */
function blockEnd(text: string, from: number, to: number, name: string, startOfLine: boolean): number {
  let at = from + 1;
  let lines = 0;
  while (at < to) {
    at++;
    while (at < to && !(text[at - 1] === '<' && text[at] === '/')) {
      if (text[at] === '\n') lines++;
      at++;
    }
    if (startOfLine && lines > 0 && text[at - 2] !== '\n') continue;
    if (at + 2 + name.length >= to) break;
    const end = closingTag(text, at - 1, to, name);
    if (end) return at + end - 1 - from;
  }
  return 0;
}

/** The length of the closing tag with the empty rest of its line and one empty line more. */
function closingTag(text: string, from: number, to: number, name: string): number {
  const after = from + name.length + 2;
  if (name.length + 3 >= to - from || text.slice(from + 2, after).toLowerCase() !== name || text[after] !== '>')
    return 0;
  let at = after + 1;
  if (at < to) {
    const rest = emptyLine(text, at, to);
    if (!rest) return 0;
    at += rest;
  }
  return at + (at < to ? emptyLine(text, at, to) : 0) - from;
}
