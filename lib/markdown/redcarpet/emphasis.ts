// Reads emphasis: `*` and `_`, `~~` for what is struck out and `==` for what is marked.
import { isSpace, isWordCharacter, nested, type Output, type Parsing } from './state.ts';

export function readEmphasis(
  parsing: Parsing,
  out: Output,
  text: string,
  at: number,
  before: number,
  to: number,
): number {
  const mark = text[at] ?? '';
  const size = to - at;
  if (before > 0 && isWordCharacter(text[at - 1])) return 0;
  const same = (count: number) => text[at + count] === mark;
  const doubleOnly = mark === '~' || mark === '=';
  const reach = (count: number, read: typeof single) => {
    if (isSpace(text[at + count])) return 0;
    const taken = read(parsing, out, text, at + count, to, mark);
    return taken && taken + count;
  };
  if (size > 2 && !same(1)) return doubleOnly ? 0 : reach(1, single);
  if (size > 3 && same(1) && !same(2)) return reach(2, double);
  if (size > 4 && same(1) && same(2) && !same(3)) return doubleOnly ? 0 : reach(3, triple);
  return 0;
}

/** The distance of the next `mark`, looking over links; 0 when there is none. */
function nextMark(text: string, from: number, to: number, mark: string): number {
  let at = from + 1;
  while (at < to) {
    while (at < to && text[at] !== mark && text[at] !== '[') at++;
    if (at === to) return 0;
    if (text[at - 1] === '\\') {
      at++;
      continue;
    }
    if (text[at] === mark) return at - from;
    let inside = 0;
    const pass = (close: string) => {
      while (at < to && text[at] !== close) {
        if (!inside && text[at] === mark) inside = at - from;
        at++;
      }
    };
    at++;
    pass(']');
    at++;
    while (at < to && isSpace(text[at])) at++;
    if (at >= to) return inside;
    const close = text[at] === '[' ? ']' : text[at] === '(' ? ')' : '';
    if (!close) {
      if (inside) return inside;
      continue;
    }
    at++;
    pass(close);
    if (at >= to) return inside;
    at++;
  }
  return 0;
}

function single(parsing: Parsing, out: Output, text: string, from: number, to: number, mark: string): number {
  let at = to - from > 1 && text[from] === mark && text[from + 1] === mark ? from + 1 : from;
  while (at < to) {
    const far = nextMark(text, at, to, mark);
    if (!far) return 0;
    at += far;
    if (at >= to) return 0;
    if (text[at] !== mark || isSpace(text[at - 1])) continue;
    if (at + 1 < to && isWordCharacter(text[at + 1])) continue;
    const end = at;
    return wrap(parsing, out, ['<em>', '</em>'], text, from, end) && end + 1 - from;
  }
  return 0;
}

function double(parsing: Parsing, out: Output, text: string, from: number, to: number, mark: string): number {
  let at = from;
  const tag = mark === '~' ? 'del' : mark === '=' ? 'mark' : 'strong';
  while (at < to) {
    const far = nextMark(text, at, to, mark);
    if (!far) return 0;
    at += far;
    if (at + 1 < to && text[at] === mark && text[at + 1] === mark && !isSpace(text[at - 1])) {
      const end = at;
      return wrap(parsing, out, [`<${tag}>`, `</${tag}>`], text, from, end) && end + 2 - from;
    }
    at++;
  }
  return 0;
}

function triple(parsing: Parsing, out: Output, text: string, from: number, to: number, mark: string): number {
  let at = from;
  while (at < to) {
    const far = nextMark(text, at, to, mark);
    if (!far) return 0;
    at += far;
    if (text[at] !== mark || isSpace(text[at - 1])) continue;
    if (at + 2 < to && text[at + 1] === mark && text[at + 2] === mark) {
      const end = at;
      return wrap(parsing, out, ['<strong><em>', '</em></strong>'], text, from, end) && end + 3 - from;
    }
    // the marks are shared out anew: one of the three closed here, or two
    const back = at + 1 < to && text[at + 1] === mark ? 2 : 1;
    const taken = (back === 2 ? single : double)(parsing, out, text, from - back, to, mark);
    return taken && taken - back;
  }
  return 0;
}

/** 1 when there was something to wrap. */
function wrap(parsing: Parsing, out: Output, tags: [string, string], text: string, from: number, to: number): number {
  const inner = nested(parsing, 1, inside => parsing.inline(inside, text, from, to));
  if (!inner) return 0;
  out.text += `${tags[0]}${inner}${tags[1]}`;
  return 1;
}
