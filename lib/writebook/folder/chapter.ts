// One file of the folder as a page of a book: its title, its kind, and the places in its text that lead to other files.
import { posix } from 'node:path';
import { readChapter, type ChapterFields } from '../../markdown/front-matter.ts';
import { decodedPath } from '../../markdown/relative-links.ts';
import type { Kind } from '../content.ts';
import type { Image } from './image.ts';
import { references, type AnchorLink, type PathReference } from './references.ts';

/** A body is text and the places in it that mean something else in the application; `as` is what stands there in the file. */
export type Piece = string | { to: string; rest: string; as: string } | { image: string; rest: string; as: string };

export type BookChapter = {
  /** Below the folder, `03-part-two/01-dawn.md`; a folder without a `_section.md` is a section by its own name, `03-part-two/`. */
  path: string;
  kind: Kind;
  title: string;
  theme: string | null;
  caption: string | null;
  pieces: Piece[];
  /** The line of the file on which the text begins, from 1. */
  firstLine: number;
  /** A picture's own. */
  image: Image | undefined;
};

/** Those that stop were found before anything was written. `line` is undefined when it is about the whole file. */
export type FolderProblem = {
  path: string;
  line: number | undefined;
  says: string;
  /** 'written': only a page that is written, for what stands in the application already is as it is. */
  stops: boolean | 'written';
};

/** What stands behind `<<<<<<<` and `>>>>>>>` where two texts could not be joined. */
export const conflictMarks = { folder: 'in the folder', browser: 'in the browser' };

/** The first lines of a section's folder. */
export const sectionFile = '_section.md';

type ChapterReading = {
  paths: Set<string>;
  images: Map<string, Image>;
  imageAt: (path: string) => Promise<Image | string>;
  problems: FolderProblem[];
  anchors: AnchorLink[];
};

export async function chapterOf(path: string, text: string, reading: ChapterReading): Promise<BookChapter | undefined> {
  const { fields, body, kind, title, firstLine, problems } = chapterHead(path, text);
  for (const one of problems) reading.problems.push({ path, line: one.line, says: one.text, stops: true });
  const chapter = { path, kind, title, theme: null, caption: null, firstLine, image: undefined };
  const stop = (line: number | undefined, says: string): undefined =>
    void reading.problems.push({ path, line, says, stops: true });

  const marked = body.split('\n').findIndex(line => line.trimEnd() === `<<<<<<< ${conflictMarks.folder}`);
  if (marked >= 0 && body.includes(`>>>>>>> ${conflictMarks.browser}`))
    stop(firstLine + marked, 'two texts are to be joined here: remove one of them, and the lines with the markers');
  if (fields.theme !== undefined && kind !== 'Section') return stop(undefined, 'only a section has a theme');
  if (fields.caption !== undefined && kind !== 'Picture') return stop(undefined, 'only a picture has a caption');
  if (kind === 'Section')
    return { ...chapter, theme: fields.theme || null, pieces: [/^[\r\n]*$/.test(body) ? title : body] };
  const pieces: Piece[] = [];
  let at = 0;
  const found = references(body);
  for (const one of found) {
    const piece = await pieceOf(path, one, firstLine - 1, reading);
    const anchor = one.isImage
      ? undefined
      : /#(.+)$/s.exec(piece ? piece.rest : one.destination.replace(/^[^#].*/s, ''))?.[1];
    const to = piece && 'to' in piece ? piece.to : path;
    if (anchor) reading.anchors.push({ path, line: firstLine - 1 + one.line, to, id: decodedPath(anchor) });
    if (!piece) continue;
    pieces.push(body.slice(at, one.start), piece);
    at = one.end;
  }
  pieces.push(body.slice(at));
  if (kind === 'Page') return { ...chapter, pieces: pieces.filter(piece => piece !== '') };

  const pictures = pieces.flatMap(piece => (typeof piece === 'object' && 'image' in piece ? [piece.image] : []));
  const [key = ''] = pictures;
  const image = reading.images.get(key);
  if (!image || pictures.length > 1 || !/^\s*!\[[^\]]*\]\([^)]*(?:\([^)]*\)[^)]*)*\)\s*$/.test(body))
    return stop(firstLine, 'a picture has one image in its text, ![](images/name.jpg), and nothing else');
  return { ...chapter, caption: fields.caption ?? (found[0]?.alt || null), pieces: [], image };
}

/** What a file is, by itself: without a look at where its text leads. `firstLine`: on which the body begins, from 1. */
export function chapterHead(path: string, text: string) {
  const { fields, body: rest, bodyLine, problems } = readChapter(text);
  const { body, lines } = behindBlank(text === rest ? '' : text, rest);
  const kind: Kind = fields.class ?? (isSectionFile(path) ? 'Section' : 'Page');
  return { fields, body, kind, title: chapterTitle(path, kind, fields, body), firstLine: bodyLine + lines, problems };
}

/** Of the front matter, else the first heading, else the name of the file, or of the folder that a `_section.md` is about. */
export function chapterTitle(path: string, kind: Kind, fields: ChapterFields, body: string): string {
  const name = isSectionFile(path) ? posix.basename(posix.dirname(path)) : posix.basename(path);
  return fields.title ?? (kind === 'Picture' ? undefined : headingOf(body)) ?? titleFromName(name);
}

function isSectionFile(path: string): boolean {
  return path.endsWith(`/${sectionFile}`);
}

/** One blank line behind the front matter belongs to neither. */
export function behindBlank(head: string, body: string): { body: string; lines: number } {
  const blank = head === '' ? '' : (/^\r?\n/.exec(body)?.[0] ?? '');
  return { body: body.slice(blank.length), lines: blank ? 1 : 0 };
}

/** undefined: it stays as it is written. */
async function pieceOf(
  path: string,
  { isImage, destination, line, alt }: PathReference,
  above: number,
  { paths, images, imageAt, problems }: ChapterReading,
): Promise<Exclude<Piece, string> | undefined> {
  if (/^(?:[a-z][a-z\d+.-]*:|\/|#|$)/i.test(destination)) return undefined;
  const say = (says: string, stops: FolderProblem['stops']) =>
    void problems.push({ path, line: above + line, says, stops });
  const [bare = ''] = /^[^?#]*/.exec(destination) ?? [];
  const rest = destination.slice(bare.length);
  const plain = bare.replaceAll(/\\([!-/:-@[-`{-~])/g, '$1');
  const isPicture = isImage || /\.(?:png|jpe?g|gif|webp)$/i.test(plain);
  for (const name of new Set([plain, decodedPath(plain)])) {
    const to = posix.normalize(posix.join(posix.dirname(path), name));
    if (to === '..' || to.startsWith('../') || name.includes('\0'))
      return say(`${JSON.stringify(destination)} leads out of the folder`, 'written');
    if (paths.has(to)) return { to, rest, as: destination };
    if (!isPicture) continue;
    const image = await imageAt(to);
    if (image === 'is missing') continue;
    if (typeof image === 'string') return say(`${to} ${image}`, true);
    if (isImage && /["<]/.test(alt)) say('a quote or < in the text of an image breaks the page in Writebook', false);
    images.set(image.path, image);
    return { image: image.path, rest, as: destination };
  }
  if (isPicture) return say(`the image ${JSON.stringify(destination)} is missing`, 'written');
  return say(`${JSON.stringify(destination)} is no chapter of this folder, so the link stays as it is`, false);
}

/** `03-part-two.md` → `part two` */
function titleFromName(name: string): string {
  const bare = name.replace(/\.md$/i, '').replace(/^\d+[-_. ]+/, '');
  return bare.replaceAll(/[-_]+/g, ' ').trim() || name;
}

export function sectionOf(path: string): BookChapter {
  const title = titleFromName(posix.basename(path));
  return { path, kind: 'Section', title, theme: null, caption: null, pieces: [title], firstLine: 1, image: undefined };
}

/** The first heading of a text, outside of code. */
function headingOf(body: string): string | undefined {
  let fence = '';
  for (const line of body.split(/\r?\n/, 2000)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark && !fence) fence = mark;
    else if (mark?.startsWith(fence)) fence = '';
    else if (!fence) {
      const heading = /^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$/.exec(line)?.[1];
      if (heading) return heading.replaceAll(/[*_`]+/g, '').trim() || undefined;
    }
  }
  return undefined;
}

/** The text with the application's addresses in it; `address` is undefined for what it does not know yet. */
export function withAddresses(
  pieces: readonly Piece[],
  address: (piece: Exclude<Piece, string>) => string | undefined,
): { text: string; complete: boolean } {
  let complete = true;
  const text = pieces.map(piece => {
    if (typeof piece === 'string') return piece;
    const found = address(piece);
    if (found === undefined) complete = false;
    return found === undefined ? piece.as : found + piece.rest;
  });
  return { text: text.join(''), complete };
}
