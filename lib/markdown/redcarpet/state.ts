// What the parts of the renderer share while they read one document. The rules are those of Redcarpet 3.6, learnt from its source (LICENSE).
// Text here is UTF-8 as bytes, one character per byte, because Redcarpet counts bytes.

export type Output = { text: string };

/** Of a link definition. */
export type Reference = { link: string; title: string };

export type Parsing = {
  /** By the hash of their name: two names with the same hash are one there too. */
  references: Map<number, Reference>;
  /** Buffers in use; what is nested deeper than `deepest` disappears. */
  depth: number;
  inLink: boolean;
  inline(out: Output, text: string, from: number, to: number): void;
  blocks(out: Output, text: string, from: number, to: number): void;
  /** What headings and images become; texts are bytes here too. */
  own: OwnHtml;
};

export type OwnHtml = {
  heading(level: number, inner: string): string;
  image(address: string, title: string, alt: string): string;
};

export const deepest = 16;

/** What `read` writes with so many more buffers in use. */
export function nested(parsing: Parsing, buffers: number, read: (out: Output) => void): string {
  const out = { text: '' };
  parsing.depth += buffers;
  read(out);
  parsing.depth -= buffers;
  return out.text;
}

export const isSpace = (character: string | undefined): boolean => character === ' ' || character === '\n';
export const isWhite = (character: string | undefined): boolean =>
  character !== undefined && /[ \t-\r]/.test(character);
export const isWordCharacter = (character: string | undefined): boolean =>
  character !== undefined && /^[A-Za-z0-9]/.test(character);

/** The length of the line when it is empty, with its end even where none is; otherwise 0. */
export function emptyLine(text: string, from: number, to: number): number {
  let at = from;
  while (at < to && text[at] !== '\n') {
    if (text[at] !== ' ') return 0;
    at++;
  }
  return at - from + 1;
}

/** The start of the next line, at most `to`. */
export function nextLine(text: string, from: number, to: number): number {
  const found = text.indexOf('\n', from);
  return found < 0 || found + 1 > to ? to : found + 1;
}

export function referenceHash(name: string): number {
  let hash = 0;
  for (const character of name.replace(/[A-Z]/g, letter => letter.toLowerCase()))
    hash = (character.charCodeAt(0) + (hash << 6) + (hash << 16) - hash) >>> 0;
  return hash;
}
