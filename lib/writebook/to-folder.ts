// Turns a page of the book into a file of the folder: addresses of the application become paths, the rest stays byte for byte.
import { posix } from 'node:path';
import { readChapter, writeChapter, type ChapterFields } from '../markdown/front-matter.ts';
import { behindBlank, chapterTitle, type BookChapter } from './folder/chapter.ts';
import type { Leaf } from './content.ts';
import { references } from './folder/references.ts';

/** Where things lie in the folder: an image by its slug in `/u/…`, a chapter by its whole address. */
export type FolderPlaces = { images: ReadonlyMap<string, string>; chapters: ReadonlyMap<string, string> };

/** @param before the chapter as it was, whose way to write a path is kept */
export function localText(
  text: string,
  path: string,
  { images, chapters }: FolderPlaces,
  before?: BookChapter,
): string {
  const typed = new Map(
    before?.pieces.flatMap(piece =>
      typeof piece === 'string' ? [] : [['image' in piece ? piece.image : piece.to, piece] as const],
    ),
  );
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end, destination } of references(text)) {
    const [bare = ''] = /^[^?#]*/.exec(destination) ?? [];
    const to = bare.startsWith('/u/') ? images.get(bare.slice(3)) : chapters.get(bare);
    if (to === undefined) continue;
    const rest = destination.slice(bare.length);
    const known = typed.get(to);
    const relative = encoded(posix.relative(posix.dirname(path), to));
    pieces.push(text.slice(at, start), known && known.rest === rest ? known.as : relative + rest);
    at = end;
  }
  return pieces.join('') + text.slice(at);
}

/** A path that every reader of Markdown takes for one. */
function encoded(path: string): string {
  return path
    .split('/')
    .map(encodeURIComponent)
    .join('/')
    .replaceAll(/[()!*']/g, found => `%${found.charCodeAt(0).toString(16)}`);
}

/** A new file. `image`: where a picture's image lies. */
export function newFile(leaf: Leaf, path: string, places: FolderPlaces, image: string | undefined): string {
  const fields: ChapterFields = { title: leaf.title };
  if (leaf.kind !== 'Page') fields.class = leaf.kind;
  if (leaf.theme !== null) fields.theme = leaf.theme;
  if (leaf.kind !== 'Picture') {
    const body = leaf.kind === 'Page' ? localText(leaf.text ?? '', path, places) : (leaf.text ?? '');
    return headOf(fields) + body;
  }
  if (leaf.caption !== null) fields.caption = leaf.caption;
  const relative = image === undefined ? '' : encoded(posix.relative(posix.dirname(path), image));
  return `${headOf(fields)}![](${relative})\n`;
}

/** A file as a person wrote it, with what the browser changed in it. `image`: where a picture's image lies, when it is another. */
export function editedFile(
  file: string,
  chapter: BookChapter,
  leaf: Leaf,
  places: FolderPlaces,
  image?: string,
): string {
  const old = readChapter(file);
  const { body: was, lines } = behindBlank(old.head, old.body);
  const text = leaf.text ?? '';
  const body = {
    Page: () => localText(text, chapter.path, places, chapter),
    Section: () => text,
    Picture: () => (image === undefined ? was : withImage(was, chapter.path, image)),
  };
  const now = body[leaf.kind]();
  const fields: ChapterFields = { ...old.fields };
  if (chapterTitle(chapter.path, leaf.kind, fields, now) !== leaf.title) fields.title = leaf.title;
  if (leaf.theme !== chapter.theme) set(fields, 'theme', leaf.theme);
  if (leaf.caption !== chapter.caption) set(fields, 'caption', leaf.caption);
  const hasHead = old.head !== '' || Object.keys(fields).length > 0;
  const blank = hasHead && (lines > 0 || old.head === '' || /^\r?\n/.test(now)) ? '\n' : '';
  return writeChapter(
    { head: old.head, body: (lines > 0 ? old.body.slice(0, old.body.length - was.length) : blank) + now },
    fields,
  );
}

/** The text of a picture, which is one image. */
function withImage(text: string, path: string, image: string): string {
  const [only] = references(text);
  const to = encoded(posix.relative(posix.dirname(path), image));
  return only ? text.slice(0, only.start) + to + text.slice(only.end) : `![](${to})\n`;
}

function set(fields: ChapterFields, key: 'theme' | 'caption', value: string | null): void {
  if (value === null) delete fields[key];
  else fields[key] = value;
}

function headOf(fields: ChapterFields): string {
  return `${writeChapter({ head: '', body: '' }, fields)}\n`;
}
