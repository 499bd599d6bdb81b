// Reads what stands within a block: emphasis, code, line breaks, tags, escapes, entities; links have files of their own.
import { autolinkAddress, autolinkMail, autolinkWww, tagLength } from './autolinks.ts';
import { readEmphasis } from './emphasis.ts';
import { escapeAddress, escapeText, withoutBackslashes } from './html.ts';
import { readLink } from './links.ts';
import { deepest, type Output, type Parsing } from './state.ts';

/** Reads from `at`, whose character is its own; `before` characters in front of it may be looked at. Returns how many it took. */
type Reader = (out: Output, text: string, at: number, before: number, to: number) => number;

export function inlineReader(parsing: Parsing): Parsing['inline'] {
  const link: Reader = (out, text, at, before, to) => readLink(parsing, out, text, at, before, to);
  const emphasis: Reader = (out, text, at, before, to) => readEmphasis(parsing, out, text, at, before, to);
  const readers: Record<string, Reader> = {
    '*': emphasis,
    _: emphasis,
    '~': emphasis,
    '=': emphasis,
    '`': readCode,
    '\n': readLineBreak,
    '[': link,
    '<': readTag,
    '\\': readEscape,
    '&': readEntity,
    ':': (out, text, at, before, to) => (parsing.inLink ? 0 : autolinkAddress(out, text, at, before, to)),
    '@': (out, text, at, before, to) => (parsing.inLink ? 0 : autolinkMail(out, text, at, before, to)),
    w: (out, text, at, before, to) => (parsing.inLink ? 0 : autolinkWww(out, text, at, before, to)),
  };
  const active = /[*_~=`\n[<\\&:@w]/g;

  return function inline(out, text, from, to) {
    if (parsing.depth > deepest) return;
    let at = from;
    let end = from;
    let consumed = from;
    while (at < to) {
      active.lastIndex = end;
      end = Math.min(active.exec(text)?.index ?? to, to);
      out.text += escapeText(text.slice(at, end));
      if (end >= to) return;
      at = end;
      const taken = readers[text[at] ?? '']?.(out, text, at, at - consumed, to) ?? 0;
      if (taken) consumed = end = at += taken;
      else end = at + 1;
    }
  };
}

function readCode(out: Output, text: string, at: number, _before: number, to: number): number {
  let ticks = 0;
  while (at + ticks < to && text[at + ticks] === '`') ticks++;
  let end = at + ticks;
  let run = 0;
  for (; end < to && run < ticks; end++) run = text[end] === '`' ? run + 1 : 0;
  if (run < ticks && end >= to) return 0;
  let from = at + ticks;
  while (from < end && text[from] === ' ') from++;
  let until = end - ticks;
  while (until > at + ticks && text[until - 1] === ' ') until--;
  out.text += `<code>${from < until ? escapeText(text.slice(from, until)) : ''}</code>`;
  return end - at;
}

function readLineBreak(out: Output, text: string, at: number, before: number): number {
  if (before < 2 || text[at - 1] !== ' ' || text[at - 2] !== ' ') return 0;
  out.text = `${out.text.replace(/ +$/, '')}<br>\n`;
  return 1;
}

function readTag(out: Output, text: string, at: number, _before: number, to: number): number {
  const { length, kind } = tagLength(text, at, to);
  if (length <= 2) return 0;
  if (kind === 'tag') {
    out.text += text.slice(at, at + length);
    return length;
  }
  const link = withoutBackslashes(text.slice(at + 1, at + length - 1));
  if (!link) return 0;
  out.text += addressLink(link, kind === 'mail' ? 'mailto:' : '');
  return length;
}

/** As Redcarpet writes an address that is its own text. */
function addressLink(link: string, scheme: string): string {
  return `<a href="${scheme}${escapeAddress(link)}">${escapeText(link.replace(/^mailto:/, ''))}</a>`;
}

function readEscape(out: Output, text: string, at: number, _before: number, to: number): number {
  const next = text[at + 1] ?? '';
  if (at + 1 >= to) out.text += '\\';
  else if (!'\0\\`*_{}[]()#+-.!:|&<>^~='.includes(next)) return 0;
  else out.text += escapeText(next);
  return 2;
}

function readEntity(out: Output, text: string, at: number, _before: number, to: number): number {
  const entity = /^&#?[A-Za-z0-9]*;/.exec(text.slice(at, Math.min(to, at + 80)))?.[0];
  out.text += entity ?? '';
  return entity?.length ?? 0;
}
