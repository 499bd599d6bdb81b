// Finds where a Markdown text leads: destinations of links and images, outside of code and comments, each with its exact place.

export type PathReference = {
  /** As an image: `![…](…)` or `<img src>`. */
  isImage: boolean;
  /** Offsets of the destination in the text: what stands between them is replaced when it is rewritten. */
  start: number;
  end: number;
  /** Counted from 1. */
  line: number;
  /** Without the brackets of `<…>`. */
  destination: string;
  /** The text of an image. */
  alt: string;
};

/** A link in `path` to the heading `id` of `to`, which may be the same chapter. `line` counts from 1. */
export type AnchorLink = { path: string; line: number; to: string; id: string };

/** In the order of the text. */
export function references(text: string): PathReference[] {
  // most pages lead nowhere
  if (!/\]\(|\]:|<(?:img|a)\b/i.test(text)) return [];
  const found: PathReference[] = [];
  let [line, counted] = [1, 0];
  const add = (one: Omit<PathReference, 'line' | 'destination'>) => {
    for (; counted < one.start; counted++) if (text.charCodeAt(counted) === 10) line++;
    found.push({ ...one, line, destination: text.slice(one.start, one.end) });
  };
  for (const [start, end] of proseOf(text)) inProse(text, start, end, add);
  return found;
}

type Add = (one: Omit<PathReference, 'line' | 'destination'>) => void;

/** Runs of lines that are no code: from its first character to behind its last. A blank line ends one. */
function* proseOf(text: string): Generator<[number, number]> {
  let fence: string | undefined;
  let from: number | undefined;
  let wasBlank = true;
  let isList = false;
  let isCode = false;
  for (let start = 0; start < text.length;) {
    const next = text.indexOf('\n', start) + 1 || text.length;
    const said = text.slice(start, next).trimEnd();
    const mark = /^[\s>]*(?:(?:[-*+]|\d+[.)])\s+)*(`{3,}|~{3,})(.*)$/.exec(said);
    const isBlank = said.trim() === '';
    let isProse = false;
    if (fence !== undefined) {
      if (mark?.[1]?.startsWith(fence) && !mark[2]?.trim()) fence = undefined;
    } else if (mark?.[1] && !(mark[1].startsWith('`') && mark[2]?.includes('`'))) {
      fence = mark[1];
    } else if (!isBlank) {
      const isIndented = /^(?: {4}| {0,3}\t)/.test(said);
      if (/^\s*(?:[-*+]|\d+[.)])\s/.test(said) && !(isIndented && !isList)) isList = true;
      else if (!isIndented && wasBlank && !/^\s/.test(said)) isList = false;
      isCode = isIndented && !isList && (wasBlank || isCode);
      isProse = !isCode;
    }
    if (isProse) from ??= start;
    else if (from !== undefined) {
      yield [from, start];
      from = undefined;
    }
    if (!isBlank) wasBlank = false;
    else wasBlank = true;
    start = next;
  }
  if (from !== undefined) yield [from, text.length];
}

function inProse(text: string, start: number, end: number, add: Add): void {
  const open: { at: number; isImage: boolean }[] = [];
  for (let at = start; at < end; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '`') at = behindCode(text, at, end) - 1;
    else if (character === '<') at = inTag(text, at, end, add) - 1;
    else if (character === '[') open.push({ at, isImage: text[at - 1] === '!' && text[at - 2] !== '\\' });
    else if (character === ']') {
      const bracket = open.pop();
      if (!bracket) continue;
      const alt = text.slice(bracket.at + 1, at);
      if (text[at + 1] === '(') {
        const inside = destinationIn(text, at + 2, end);
        if (!inside) continue;
        add({ isImage: bracket.isImage, start: inside.start, end: inside.end, alt });
        at = inside.behind - 1;
      } else if (
        text[at + 1] === ':' &&
        /(^|\n) {0,3}$/.test(text.slice(Math.max(start, bracket.at - 5), bracket.at))
      ) {
        const target = /^[ \t]*(?:<([^<>\n]+)>|([^\s<]\S*))/d.exec(text.slice(at + 2, end));
        const place = target?.indices?.[1] ?? target?.indices?.[2];
        if (!place) continue;
        add({ isImage: false, start: at + 2 + place[0], end: at + 2 + place[1], alt });
        at += 1 + place[1];
      }
    }
  }
}

/** Behind a code span, or behind the backticks when nothing closes them. */
function behindCode(text: string, at: number, end: number): number {
  const ticks = /^`+/.exec(text.slice(at, end))?.[0] ?? '`';
  let from = at + ticks.length;
  for (;;) {
    const close = text.indexOf(ticks, from);
    if (close < 0 || close >= end) return at + ticks.length;
    const run = /^`+/.exec(text.slice(close, end))?.[0].length ?? 1;
    if (run === ticks.length) return close + run;
    from = close + run;
  }
}

/** Behind a comment or a tag of HTML; behind the `<` when it is neither. */
function inTag(text: string, at: number, end: number, add: Add): number {
  if (text.startsWith('<!--', at)) {
    const close = text.indexOf('-->', at);
    return close < 0 ? end : Math.max(close + 3, at + 1);
  }
  const tag = /^<(\/?[a-z][\w-]*)((?:[^<>"']|"[^"]*"|'[^']*')*)>/i.exec(text.slice(at, end));
  if (!tag) return at + 1;
  const [whole, name = '', attributes = ''] = tag;
  const wanted = { img: 'src', a: 'href' }[name.toLowerCase()];
  const given = wanted && new RegExp(`\\s${wanted}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'di').exec(attributes);
  const place = given && (given.indices?.[1] ?? given.indices?.[2]);
  const from = at + 1 + name.length;
  if (place) add({ isImage: wanted === 'src', start: from + place[0], end: from + place[1], alt: '' });
  return at + whole.length;
}

/** What stands in `(…)` before a title; spaces in it count, as Writebook's Markdown has it. */
function destinationIn(
  text: string,
  from: number,
  end: number,
): { start: number; end: number; behind: number } | undefined {
  const lead = /^[ \t]*\n?[ \t]*/.exec(text.slice(from, end))?.[0].length ?? 0;
  const first = from + lead;
  if (text[first] === '<') {
    const close = text.slice(first, end).search(/[>\n]/) + first;
    if (text[close] !== '>') return undefined;
    const behind = text.indexOf(')', close);
    return behind < 0 || behind >= end ? undefined : { start: first + 1, end: close, behind: behind + 1 };
  }
  let depth = 1;
  let at = first;
  for (; at < end && depth > 0; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '(') depth++;
    else if (text[at] === ')') depth--;
  }
  if (depth > 0) return undefined;
  const inside = text.slice(first, at - 1);
  const bare = inside.replace(/\s+(?:"[^]*"|'[^]*')\s*$/, '').trimEnd();
  return bare === '' || bare.includes('\n') ? undefined : { start: first, end: first + bare.length, behind: at };
}
