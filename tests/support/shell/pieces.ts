// The shell text that the product has: what its source gives to sh and script, and its files.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { splice } from './swallowed.ts';

/** `text` has a word of its own for each ${…}. */
export type Piece = { file: string; line: number; text: string };

/** Every sh`…` and script(`…`) of a source, also those inside the ${…} of another. */
export function piecesOf(file: string, source: string): Piece[] {
  const found: Piece[] = [];
  scan(source, 0, source.length);
  return found.sort((a, b) => a.line - b.line);

  function scan(text: string, from: number, to: number): void {
    for (let at = from; at < to;) {
      const two = text.slice(at, at + 2);
      if (two === '//') at = until(text, at, '\n');
      else if (two === '/*') at = until(text, at + 2, '*/') + 2;
      else if (text[at] === "'" || text[at] === '"') {
        const end = quoted(text, at);
        if (isGiven(text, at))
          keep(
            text,
            at,
            text
              .slice(at + 1, end - 1)
              .replaceAll('`', '\\`')
              .replaceAll('${', '\\${'),
          );
        at = end;
      } else if (text[at] === '`') at = template(text, at);
      else if (text[at] === '/' && /[(,=:[!&|?{};+\n]\s*$/.test(text.slice(Math.max(0, at - 20), at)))
        at = pattern(text, at);
      else at++;
    }
  }

  function template(text: string, start: number): number {
    let raw = '';
    let count = 0;
    let at = start + 1;
    for (; text[at] !== '`';) {
      if (text[at] === '\\') {
        raw += text.slice(at, at + 2);
        at += 2;
      } else if (text.startsWith('${', at)) {
        const end = braces(text, at + 2);
        scan(text, at + 2, end);
        raw += splice(count++);
        at = end + 1;
      } else raw += text[at++];
    }
    if (/\bsh$/.test(text.slice(Math.max(0, start - 3), start)) || isGiven(text, start)) keep(text, start, raw);
    return at + 1;
  }

  function isGiven(text: string, at: number): boolean {
    return /\bscript\(\s*$/.test(text.slice(Math.max(0, at - 20), at));
  }

  function keep(text: string, at: number, raw: string): void {
    const line = text.slice(0, at).split('\n').length;
    found.push({ file, line, text: cooked(raw) });
  }
}

/** What the letters after a backslash stand for. */
function cooked(raw: string): string {
  const letters: Record<string, string> = { n: '\n', t: '\t', r: '\r', '0': '\0', '\n': '' };
  return raw.replace(/\\(.)/gs, (_, letter: string) => letters[letter] ?? letter);
}

function until(text: string, at: number, end: string): number {
  const found = text.indexOf(end, at);
  return found < 0 ? text.length : found;
}

function quoted(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== text[start]) at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function pattern(text: string, start: number): number {
  let set = false;
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '[') set = true;
    else if (text[at] === ']') set = false;
    else if (text[at] === '/' && !set) return at + 1;
  }
  return start + 1;
}

/** The end of what ${ has begun. */
function braces(text: string, from: number): number {
  for (let at = from, deep = 0; at < text.length;) {
    if (text[at] === '}' && deep-- === 0) return at;
    if (text[at] === '{') deep++;
    if (text[at] === "'" || text[at] === '"') at = quoted(text, at);
    else if (text[at] === '`') {
      at++;
      while (text[at] !== '`') {
        if (text[at] === '\\') at += 2;
        else if (text.startsWith('${', at)) at = braces(text, at + 2) + 1;
        else at++;
      }
      at++;
    } else if (text[at] === '/' && /[(,=:[!&|?{};+\n]\s*$/.test(text.slice(Math.max(0, at - 20), at)))
      at = pattern(text, at);
    else at++;
  }
  throw new Error('a ${ that does not end');
}

export function sources(root: string): string[] {
  return ['lib', 'tasks', 'examples'].flatMap(room =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${room}/${name}`),
  );
}

export function allPieces(root: string): Piece[] {
  return sources(root).flatMap(file => piecesOf(file, readFileSync(join(root, file), 'utf8')));
}

/** The files of the product that are shell. */
export function scripts(root: string): string[] {
  return readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.sh'))
    .map(name => `lib/${name}`);
}
