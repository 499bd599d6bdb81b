// Reads blocks in Redcarpet's order: headings, HTML, rules, fences, tables, quotes, code, lists, and paragraphs last.
import { escapeText } from './html.ts';
import { readHtmlBlock } from './html-blocks.ts';
import {
  bulletPrefix,
  codePrefix,
  fenceLine,
  isRule,
  numberedPrefix,
  quotePrefix,
  underline,
  type Fence,
} from './lines.ts';
import { readList } from './lists.ts';
import { deepest, emptyLine, isWhite, nextLine, nested, type Output, type Parsing } from './state.ts';
import { readTable } from './tables.ts';

export function blockReader(parsing: Parsing): Parsing['blocks'] {
  return function blocks(out, text, from, to) {
    if (parsing.depth > deepest) return;
    let at = from;
    while (at < to) at += readBlock(parsing, out, text, at, to);
  };
}

function readBlock(parsing: Parsing, out: Output, text: string, at: number, to: number): number {
  if (text[at] === '#') return readHeading(parsing, out, text, at, to);
  const html = text[at] === '<' ? readHtmlBlock(text, at, to) : 0;
  if (html) {
    const raw = text.slice(at, at + html).replace(/\n+$/, '');
    if (raw) write(out, `${raw}\n`);
    return html;
  }
  const empty = emptyLine(text, at, to);
  if (empty) return empty;
  if (isRule(text, at, to)) {
    write(out, '<hr>\n');
    let end = at;
    while (end < to && text[end] !== '\n') end++;
    return end + 1 - at;
  }
  return (
    readFenced(out, text, at, to) ||
    readTable(parsing, out, text, at, to) ||
    (quotePrefix(text, at, to) && readQuote(parsing, out, text, at, to)) ||
    (codePrefix(text, at, to) && readIndented(out, text, at, to)) ||
    (bulletPrefix(text, at, to) && readList(parsing, out, text, at, to, 'ul')) ||
    (numberedPrefix(text, at, to) && readList(parsing, out, text, at, to, 'ol')) ||
    readParagraph(parsing, out, text, at, to)
  );
}

function write(out: Output, html: string): void {
  out.text += out.text ? `\n${html}` : html;
}

function readHeading(parsing: Parsing, out: Output, text: string, from: number, to: number): number {
  let level = 0;
  while (from + level < to && level < 6 && text[from + level] === '#') level++;
  let at = from + level;
  while (at < to && text[at] === ' ') at++;
  let end = at;
  while (end < to && text[end] !== '\n') end++;
  const taken = end - from;
  while (end > from && text[end - 1] === '#') end--;
  while (end > from && text[end - 1] === ' ') end--;
  if (end > at) {
    const inner = nested(parsing, 1, inside => parsing.inline(inside, text, at, end));
    write(out, `${parsing.own.heading(level, inner)}\n`);
  }
  return taken;
}

function readFenced(out: Output, text: string, from: number, to: number): number {
  const fence: Fence = { mark: '' };
  const opening = fenceLine(text, from, to, fence);
  if (!opening.length) return 0;
  let at = from + opening.length;
  let code = '';
  while (at < to) {
    const closing = fenceLine(text, at, to, fence).length;
    if (closing) {
      at += closing;
      break;
    }
    const end = nextLine(text, at, to);
    code += emptyLine(text, at, end) ? '\n' : text.slice(at, end);
    at = end;
  }
  if (code && !code.endsWith('\n')) code += '\n';
  const names = opening.language.split(/[ \t-\r]+/).filter(Boolean);
  const language = names.map(name => escapeText(name.replace(/^\./, ''))).join(' ');
  write(out, `<pre><code${names.length ? ` class="${language}"` : ''}>${escapeText(code)}</code></pre>\n`);
  return at - from;
}

function readIndented(out: Output, text: string, from: number, to: number): number {
  let at = from;
  let code = '';
  while (at < to) {
    const end = nextLine(text, at, to);
    const prefix = codePrefix(text, at, end);
    if (prefix) at += prefix;
    else if (!emptyLine(text, at, end)) break;
    if (at < end) code += emptyLine(text, at, end) ? '\n' : text.slice(at, end);
    at = end;
  }
  write(out, `<pre><code>${escapeText(`${code.replace(/\n+$/, '')}\n`)}</code></pre>\n`);
  return at - from;
}

function readQuote(parsing: Parsing, out: Output, text: string, from: number, to: number): number {
  let at = from;
  let end = from;
  let quoted = '';
  while (at < to) {
    end = nextLine(text, at, to);
    const prefix = quotePrefix(text, at, end);
    if (prefix) at += prefix;
    else if (emptyLine(text, at, end) && (end >= to || (quotePrefix(text, end, to) === 0 && !emptyLine(text, end, to))))
      break;
    quoted += text.slice(at, end);
    at = end;
  }
  const inner = nested(parsing, 1, inside => parsing.blocks(inside, quoted, 0, quoted.length));
  write(out, `<blockquote>\n${inner}</blockquote>\n`);
  return end - from;
}

function readParagraph(parsing: Parsing, out: Output, text: string, from: number, to: number): number {
  let at = from;
  let end = from;
  let level: 0 | 1 | 2 = 0;
  while (at < to) {
    end = nextLine(text, at, to);
    if (emptyLine(text, at, to)) break;
    if (at > from) level = underline(text, at, to);
    if (level) break;
    if (text[at] === '#' || isRule(text, at, to) || quotePrefix(text, at, to) || endsParagraph(text, at, to)) {
      end = at;
      break;
    }
    at = end;
  }
  let until = at;
  while (until > from && text[until - 1] === '\n') until--;
  if (!level) {
    writeParagraph(parsing, out, text, from, until);
    return end - from;
  }
  // of several lines only the last is the heading
  const above = text.lastIndexOf('\n', until - 1);
  const begin = above > from ? above + 1 : from;
  if (begin > from) {
    let last = above;
    while (last > from && text[last - 1] === '\n') last--;
    writeParagraph(parsing, out, text, from, last);
  }
  const inner = nested(parsing, 1, inside => parsing.inline(inside, text, begin, until));
  write(out, `${parsing.own.heading(level, inner)}\n`);
  return end - from;
}

function writeParagraph(parsing: Parsing, out: Output, text: string, from: number, to: number): void {
  const inner = nested(parsing, 1, inside => parsing.inline(inside, text, from, to));
  let start = 0;
  while (start < inner.length && isWhite(inner[start])) start++;
  if (out.text) out.text += '\n';
  if (start < inner.length) out.text += `<p>${inner.slice(start)}</p>\n`;
}

/** Whether a block begins here although no empty line stands before it. */
function endsParagraph(text: string, at: number, to: number): boolean {
  if (/[A-Za-z]/.test(text[at] ?? '')) return false;
  return (
    numberedPrefix(text, at, to) > 0 ||
    bulletPrefix(text, at, to) > 0 ||
    (text[at] === '<' && readHtmlBlock(text, at, to) > 0) ||
    fenceLine(text, at, to).length > 0
  );
}
