// Reads a folder of Markdown as a book: its chapters in order, where they lead, and the images they show; nothing outside is touched.
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, messageOf } from '../../errors.ts';
import { strayAnchors } from './anchors.ts';
import { chapterOf, sectionFile, sectionOf, type BookChapter, type FolderProblem } from './chapter.ts';
import { readImage, type Image } from './image.ts';
import type { AnchorLink } from './references.ts';

export type Folder = { chapters: BookChapter[]; images: Map<string, Image>; problems: FolderProblem[] };

/** `text` is undefined for a folder that is a section by its own name. */
export type FoundChapter = { path: string; text: string | undefined };

/** undefined when there is no such file, or with a problem. */
export type ReadChapterFile = (
  folder: string,
  path: string,
  problems: FolderProblem[],
) => Promise<string | undefined> | string | undefined;

/** @throws Failure 3 when there is no such folder. */
export async function readFolder(folder: string): Promise<Folder> {
  const problems: FolderProblem[] = [];
  const files = await chapterFiles(folder, problems);
  const paths = new Set(files.map(file => file.path));
  const images = new Map<string, Image>();
  const seen = new Map<string, Promise<Image | string>>();
  const imageAt = (path: string) => {
    const known = seen.get(path) ?? imageBelow(folder, path);
    seen.set(path, known);
    return known;
  };
  const read = await severalAtOnce(files, async ({ path, text }) => {
    const own: FolderProblem[] = [];
    const anchors: AnchorLink[] = [];
    if (text === undefined) return { chapter: sectionOf(path), own, anchors };
    return { chapter: await chapterOf(path, text, { paths, images, imageAt, problems: own, anchors }), own, anchors };
  });
  const chapters = read.flatMap(({ chapter }) => (chapter ? [chapter] : []));
  const stray = strayAnchors(
    read.flatMap(({ anchors }) => anchors),
    chapters,
  );
  return { chapters, images, problems: [...problems, ...read.flatMap(({ own }) => own), ...stray] };
}

// a disk answers several questions at once, and a process may have a thousand files open
const atOnce = 32;

/** In the order of what is given. */
async function severalAtOnce<T, U>(all: readonly T[], ask: (one: T) => Promise<U>): Promise<U[]> {
  const found: U[] = [];
  for (let at = 0; at < all.length; at += atOnce)
    found.push(...(await Promise.all(all.slice(at, at + atOnce).map(one => ask(one)))));
  return found;
}

/** Numbers first, by their value; then names. */
export function inOrder(one: string, other: string): number {
  const number = (name: string) => Number(/^(\d+)(?=[-_. ]|$)/.exec(name)?.[1] ?? Infinity);
  const [first, second] = [number(one), number(other)];
  if (first !== second) return first - second;
  const natural = one.localeCompare(other, 'en', { numeric: true });
  return natural || (one < other ? -1 : Number(one > other));
}

/** In the order of the book. @throws Failure 3 when there is no such folder. */
export function chapterFiles(
  folder: string,
  problems: FolderProblem[],
  read: ReadChapterFile = textOf,
): Promise<FoundChapter[]> {
  return filesBelow(folder, '', problems, read);
}

async function filesBelow(
  folder: string,
  below: string,
  problems: FolderProblem[],
  read: ReadChapterFile,
): Promise<FoundChapter[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true }).catch((error: unknown) => {
    throw new Failure(3, `the folder ${join(folder, below)} cannot be read: ${messageOf(error)}`);
  });
  const several = await severalAtOnce(
    entries.toSorted((one, other) => inOrder(one.name, other.name)),
    async (entry): Promise<{ found: FoundChapter[]; own: FolderProblem[] }> => {
      const { name } = entry;
      const path = below + name;
      const own: FolderProblem[] = [];
      if (name.startsWith('.') || name.startsWith('_') || /^(?:readme\.md|images)$/i.test(name))
        return { found: [], own };
      if (entry.isSymbolicLink())
        own.push({ path, line: undefined, says: 'is a symbolic link, and those are not followed', stops: true });
      else if (entry.isDirectory()) {
        const inside = await filesBelow(folder, `${path}/`, own, read);
        const head = await read(folder, `${path}/${sectionFile}`, own);
        if (head !== undefined) inside.unshift({ path: `${path}/${sectionFile}`, text: head });
        else if (inside.length) inside.unshift({ path: `${path}/`, text: undefined });
        return { found: inside, own };
      } else if (/\.md$/i.test(name)) {
        const text = await read(folder, path, own);
        if (text !== undefined) return { found: [{ path, text }], own };
      }
      return { found: [], own };
    },
  );
  problems.push(...several.flatMap(({ own }) => own));
  return several.flatMap(({ found }) => found);
}

export async function textOf(folder: string, path: string, problems: FolderProblem[]): Promise<string | undefined> {
  const state = await lstat(join(folder, path)).catch(() => undefined);
  if (!state) return undefined;
  const stop = (says: string) => void problems.push({ path, line: undefined, says, stops: true });
  if (!state.isFile()) return stop('is no plain file');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(join(folder, path)));
    return text;
  } catch (error) {
    return stop(error instanceof TypeError ? 'is not UTF-8 text' : `cannot be read: ${messageOf(error)}`);
  }
}

/** Of the folder; a text when it is none that the application may get: no link is followed. */
export async function imageBelow(folder: string, path: string): Promise<Image | string> {
  let place = folder;
  for (const name of path.split('/')) {
    place = join(place, name);
    const state = await lstat(place).catch(() => undefined);
    if (!state) return 'is missing';
    if (state.isSymbolicLink()) return 'is reached by a symbolic link, and those are not followed';
  }
  if (!(await lstat(place)).isFile()) return 'is no plain file';
  return readImage(path, place).catch((error: unknown) => `cannot be read: ${messageOf(error)}`);
}
