// Tells what a line begins: a rule, a fence, a heading's underline, a quote, an item of a list.
import { isSpace } from './state.ts';

/** The mark of the fence that is open; empty when none is. */
export type Fence = { mark: string };

/** Where the text begins after at most `most` spaces. */
export function afterSpaces(text: string, from: number, to: number, most = 3): number {
  let at = from;
  while (at < to && at - from < most && text[at] === ' ') at++;
  return at;
}

export function isRule(text: string, from: number, to: number): boolean {
  if (to - from < 3) return false;
  let at = afterSpaces(text, from, to);
  const mark = text[at] ?? '';
  if (at + 2 >= to || !'*-_'.includes(mark)) return false;
  let count = 0;
  for (; at < to && text[at] !== '\n'; at++) {
    if (text[at] === mark) count++;
    else if (text[at] !== ' ') return false;
  }
  return count >= 3;
}

/**
 * The length of the line when it is a fence, otherwise 0. Given a `fence`, only what closes it counts while one is
 * open, and it is kept up to date. What follows the mark must be one word, or anything in braces.
 */
export function fenceLine(text: string, from: number, to: number, fence?: Fence): { length: number; language: string } {
  const none = { length: 0, language: '' };
  if (to - from < 3) return none;
  let at = afterSpaces(text, from, to);
  if (at + 2 >= to || (text[at] !== '~' && text[at] !== '`')) return none;
  const open = fence?.mark ?? '';
  const character = open[0] ?? text[at] ?? '';
  const start = at;
  while (at < to && text[at] === character) at++;
  if (at - start < (open.length || 3)) return none;
  const mark = text.slice(start, at);

  while (at < to && text[at] === ' ') at++;
  let language = '';
  if (at < to && text[at] === '{') {
    const begin = ++at;
    while (at < to && text[at] !== '}' && text[at] !== '\n') at++;
    if (at === to || text[at] !== '}') return none;
    language = text.slice(begin, at).replace(/^[ \n]+|[ \n]+$/g, '');
    at++;
  } else {
    const begin = at;
    while (at < to && !isSpace(text[at])) at++;
    language = text.slice(begin, at);
  }
  if (open && language) return none;
  for (; at < to && text[at] !== '\n'; at++) if (!isSpace(text[at])) return none;
  if (fence) fence.mark = open ? '' : mark;
  return { length: at + 1 - from, language };
}

/** The level of the heading that this line underlines; 0 when it underlines none. */
export function underline(text: string, from: number, to: number): 0 | 1 | 2 {
  const mark = text[from];
  if (mark !== '=' && mark !== '-') return 0;
  let at = from + 1;
  while (at < to && text[at] === mark) at++;
  while (at < to && text[at] === ' ') at++;
  if (at < to && text[at] !== '\n') return 0;
  return mark === '=' ? 1 : 2;
}

function isUnderlinedNext(text: string, from: number, to: number): boolean {
  let at = from;
  while (at < to && text[at] !== '\n') at++;
  return ++at < to && underline(text, at, to) > 0;
}

/** The length of what makes it a line of a quote; 0 when it is none. */
export function quotePrefix(text: string, from: number, to: number): number {
  const at = afterSpaces(text, from, to);
  if (at >= to || text[at] !== '>') return 0;
  return (at + 1 < to && text[at + 1] === ' ' ? at + 2 : at + 1) - from;
}

export function codePrefix(text: string, from: number, to: number): number {
  return to - from > 3 && text.startsWith('    ', from) ? 4 : 0;
}

export function numberedPrefix(text: string, from: number, to: number): number {
  let at = afterSpaces(text, from, to);
  const first = at;
  while (at < to && /[0-9]/.test(text[at] ?? '')) at++;
  if (at === first || at + 1 >= to || text[at] !== '.' || text[at + 1] !== ' ') return 0;
  return isUnderlinedNext(text, at, to) ? 0 : at + 2 - from;
}

export function bulletPrefix(text: string, from: number, to: number): number {
  const at = afterSpaces(text, from, to);
  if (at + 1 >= to || !'*+-'.includes(text[at] ?? '') || text[at + 1] !== ' ') return 0;
  return isUnderlinedNext(text, at, to) ? 0 : at + 2 - from;
}
