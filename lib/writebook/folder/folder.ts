// Reads a folder of Markdown as a book: its chapters in order, where they lead, and the images they show; nothing outside is touched.
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, messageOf } from '../../errors.ts';
import { chapterOf, sectionFile, sectionOf, type BookChapter, type FolderProblem } from './chapter.ts';
import { readImage, type Image } from './image.ts';

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
  const chapters: BookChapter[] = [];
  for (const { path, text } of files) {
    if (text === undefined) chapters.push(sectionOf(path));
    else {
      const chapter = await chapterOf(path, text, { paths, images, imageAt, problems });
      if (chapter) chapters.push(chapter);
    }
  }
  return { chapters, images, problems };
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
  const found: FoundChapter[] = [];
  for (const entry of entries.toSorted((one, other) => inOrder(one.name, other.name))) {
    const { name } = entry;
    const path = below + name;
    if (name.startsWith('.') || name.startsWith('_') || /^(?:readme\.md|images)$/i.test(name)) continue;
    if (entry.isSymbolicLink())
      problems.push({ path, line: undefined, says: 'is a symbolic link, and those are not followed', stops: true });
    else if (entry.isDirectory()) {
      const inside = await filesBelow(folder, `${path}/`, problems, read);
      const own = await read(folder, `${path}/${sectionFile}`, problems);
      if (own !== undefined) found.push({ path: `${path}/${sectionFile}`, text: own });
      else if (inside.length) found.push({ path: `${path}/`, text: undefined });
      found.push(...inside);
    } else if (/\.md$/i.test(name)) {
      const text = await read(folder, path, problems);
      if (text !== undefined) found.push({ path, text });
    }
  }
  return found;
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
