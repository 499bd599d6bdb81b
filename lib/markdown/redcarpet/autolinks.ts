// Reads addresses that stand in the text, and tells tags from addresses in angle brackets.
import { escapeAddress, escapeText } from './html.ts';
import { isSpace, isWhite, isWordCharacter, type Output } from './state.ts';

/** Of what begins with `<`; 0 when it is neither a tag nor an address. */
export function tagLength(
  text: string,
  from: number,
  to: number,
): { length: number; kind: 'tag' | 'mail' | 'address' } {
  const none = { length: 0, kind: 'tag' } as const;
  if (to - from < 3) return none;
  let at = from + (text[from + 1] === '/' ? 2 : 1);
  if (!isWordCharacter(text[at])) return none;
  while (at < to && /[A-Za-z0-9.+-]/.test(text[at] ?? '')) at++;
  if (at > from + 1 && text[at] === '@') {
    const mail = /^[A-Za-z0-9@._-]*>/.exec(text.slice(at, to))?.[0];
    if (mail && mail.split('@').length === 2) return { length: at - from + mail.length, kind: 'mail' };
  }
  let address = false;
  if (at > from + 2 && text[at] === ':') {
    address = true;
    at++;
  }
  if (address && at < to) {
    const begin = at;
    while (at < to) {
      if (text[at] === '\\') at += 2;
      else if (/[>'" \n]/.test(text[at] ?? '')) break;
      else at++;
    }
    if (at >= to) return none;
    if (at > begin && text[at] === '>') return { length: at + 1 - from, kind: 'address' };
  }
  while (at < to && text[at] !== '>') at++;
  return at >= to ? none : { length: at + 1 - from, kind: 'tag' };
}

/** Where an address of `length` really ends: without the punctuation of its sentence, or the bracket around it. */
function trimmed(text: string, from: number, length: number): number {
  const angle = text.slice(from, from + length).indexOf('<');
  let end = angle < 0 ? length : angle;
  const character = (index: number) => text[from + index] ?? '';
  while (end > 0) {
    if ('?!.,'.includes(character(end - 1))) end--;
    else if (character(end - 1) === ';') {
      let start = end - 2;
      while (start > 0 && /[A-Za-z]/.test(character(start))) start--;
      end = start < end - 2 && character(start) === '&' ? start : end - 1;
    } else break;
  }
  if (end <= 0) return 0;
  const closes = character(end - 1);
  const opens = { '"': '"', "'": "'", ')': '(', ']': '[', '}': '{' }[closes];
  if (!opens) return end;
  const link = text.slice(from, from + end);
  const opening = link.split(opens).length - 1;
  // where both are one character, Redcarpet counts it as opening only
  const closing = opens === closes ? 0 : link.split(closes).length - 1;
  return opening === closing ? end : end - 1;
}

/** How much of this is a domain. */
function domainLength(text: string, from: number, to: number, short: boolean): number {
  if (!isWordCharacter(text[from])) return 0;
  let at = from + 1;
  let dots = 0;
  for (; at < to - 1; at++) {
    const character = text[at] ?? '';
    if ('.:'.includes(character)) dots++;
    else if (!isWordCharacter(character) && character !== '-') break;
  }
  return short || dots ? at - from : 0;
}

export function autolinkAddress(out: Output, text: string, at: number, before: number, to: number): number {
  if (to - at < 4 || text[at + 1] !== '/' || text[at + 2] !== '/') return 0;
  let back = 0;
  while (back < before && /[A-Za-z]/.test(text[at - back - 1] ?? '')) back++;
  if (!/^(?:#|\/|https?:\/\/|ftp:\/\/|mailto:)[A-Za-z0-9]/i.test(text.slice(at - back, Math.min(to, at + 8)))) return 0;
  const domain = domainLength(text, at + 3, to, true);
  if (!domain) return 0;
  let length = trimmed(text, at, untilWhite(text, at + 3 + domain, to) - at);
  if (!length) return 0;
  if (text[at + length - 1] === '.') length--;
  linkBack(out, text.slice(at - back, at + length), back, '');
  return length;
}

export function autolinkMail(out: Output, text: string, at: number, before: number, to: number): number {
  let back = 0;
  while (back < before && /[A-Za-z0-9.+_-]/.test(text[at - back - 1] ?? '')) back++;
  if (!back) return 0;
  let signs = 0;
  let dots = 0;
  let end = at;
  for (; end < to; end++) {
    const character = text[end] ?? '';
    if (isWordCharacter(character)) continue;
    if (character === '@') signs++;
    else if (character === '.' && end < to - 1) dots++;
    else if (character !== '-' && character !== '_') break;
  }
  if (end - at < 2 || signs !== 1 || !dots) return 0;
  const length = trimmed(text, at, end - at);
  if (length) linkBack(out, text.slice(at - back, at + length), back, 'mailto:');
  return length;
}

export function autolinkWww(out: Output, text: string, at: number, before: number, to: number): number {
  const last = text[at - 1] ?? '';
  if (before > 0 && !/[!-/:-@[-`{-~]/.test(last) && !isWhite(last)) return 0;
  if (to - at < 4 || !text.startsWith('www.', at)) return 0;
  const domain = domainLength(text, at, to, false);
  if (!domain) return 0;
  const length = trimmed(text, at, untilWhite(text, at + domain, to) - at);
  const link = text.slice(at, at + length);
  if (length) out.text += `<a href="http://${escapeAddress(link)}">${escapeText(link)}</a>`;
  return length;
}

function untilWhite(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && !isWhite(text[at]) && !isSpace(text[at])) at++;
  return at;
}

/** Writes the link over the `back` characters that were written before its sign was met. */
function linkBack(out: Output, link: string, back: number, scheme: string): void {
  const shown = escapeText(link.replace(/^mailto:/, ''));
  out.text = `${back ? out.text.slice(0, -back) : out.text}<a href="${scheme}${escapeAddress(link)}">${shown}</a>`;
}
