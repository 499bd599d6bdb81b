// Reads links and images: `[text](address "title")`, `[text][name]`, `[name]`, with any white space before the bracket.
import { escapeAddress, escapeText, withoutBackslashes } from './html.ts';
import { isSpace, nested, referenceHash, type Output, type Parsing, type Reference } from './state.ts';

/** `buffers`: how many Redcarpet holds meanwhile, which counts towards how deep it goes. */
type LinkTarget = { end: number; link: string | undefined; title: string; buffers: number };

export function readLink(
  parsing: Parsing,
  out: Output,
  text: string,
  from: number,
  before: number,
  to: number,
): number {
  const image = before > 0 && text[from - 1] === '!';
  const close = closingBracket(text, from, to);
  if (close >= to) return 0;
  const target = targetOf(parsing, text, from, close, to);
  if (!target) return 0;

  const content = text.slice(from + 1, close);
  const link = target.link === undefined ? '' : withoutBackslashes(target.link);
  if (image) {
    if (out.text.endsWith('!')) out.text = out.text.slice(0, -1);
    out.text += parsing.own.image(link, target.title, content);
    return target.end - from;
  }
  let shown = '';
  if (content)
    shown = nested(parsing, target.buffers + 1, inside => {
      parsing.inLink = true;
      parsing.inline(inside, text, from + 1, close);
      parsing.inLink = false;
    });
  const title = target.title && `" title="${escapeText(target.title)}`;
  out.text += `<a href="${escapeAddress(link)}${title}">${shown}</a>`;
  return target.end - from;
}

function closingBracket(text: string, from: number, to: number): number {
  let level = 1;
  let at = from + 1;
  for (; at < to; at++) {
    if (text[at] === '\n' || text[at - 1] === '\\') continue;
    if (text[at] === '[') level++;
    else if (text[at] === ']' && --level <= 0) break;
  }
  return at;
}

function targetOf(parsing: Parsing, text: string, from: number, close: number, to: number): LinkTarget | undefined {
  let at = close + 1;
  while (at < to && isSpace(text[at])) at++;
  if (at < to && text[at] === '(') return inParentheses(text, at + 1, to);

  const own = text.slice(from + 1, close);
  // a line break in the name counts as a space
  const joined = () => own.replaceAll(' \n', ' ').replaceAll('\n', ' ');
  const named = (name: string) => parsing.references.get(referenceHash(name));
  const result = (found: Reference | undefined, end: number, buffers: number): LinkTarget | undefined =>
    found && { end, link: found.link, title: found.title, buffers };
  if (at < to && text[at] === '[') {
    const end = text.indexOf(']', at + 1);
    if (end < 0 || end >= to) return undefined;
    const name = text.slice(at + 1, end);
    return result(named(name || joined()), end + 1, !name && own.includes('\n') ? 1 : 0);
  }
  return result(named(joined()), close + 1, own.includes('\n') ? 1 : 0);
}

function inParentheses(text: string, start: number, to: number): LinkTarget | undefined {
  let at = start;
  while (at < to && isSpace(text[at])) at++;
  let linkFrom = at;
  let open = 0;
  while (at < to) {
    const character = text[at];
    if (character === '\\') at += 2;
    else if (character === ')' && open === 0) break;
    else if ((character === "'" || character === '"') && isSpace(text[at - 1])) break;
    else {
      if (character === '(') open++;
      if (character === ')') open--;
      at++;
    }
  }
  if (at >= to) return undefined;
  let linkTo = at;
  let titleFrom = 0;
  let titleTo = 0;
  const quote = text[at];
  if (quote === "'" || quote === '"') {
    let inside = true;
    at++;
    titleFrom = at;
    while (at < to) {
      if (text[at] === '\\') at += 2;
      else if (text[at] === quote) {
        inside = false;
        at++;
      } else if (text[at] === ')' && !inside) break;
      else at++;
    }
    if (at >= to) return undefined;
    titleTo = at - 1;
    while (titleTo > titleFrom && isSpace(text[titleTo])) titleTo--;
    if (text[titleTo] !== "'" && text[titleTo] !== '"') {
      titleFrom = titleTo = 0;
      linkTo = at;
    }
  }
  while (linkTo > linkFrom && isSpace(text[linkTo - 1])) linkTo--;
  if (text[linkFrom] === '<') linkFrom++;
  if (text[linkTo - 1] === '>') linkTo--;
  const link = linkTo > linkFrom ? text.slice(linkFrom, linkTo) : undefined;
  const title = titleTo > titleFrom ? text.slice(titleFrom, titleTo) : '';
  return { end: at + 1, link, title, buffers: (link === undefined ? 0 : 1) + (title ? 1 : 0) };
}
