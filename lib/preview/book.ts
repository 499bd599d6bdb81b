// The folder as a book that is being written: its pages in order, read again when their files change, and what changed since when.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { chapterHead, sectionOf, type FolderProblem } from '../writebook/folder/chapter.ts';
import { chapterFiles, textOf } from '../writebook/folder/folder.ts';
import type { Kind } from '../writebook/content.ts';

/** `text` is the whole file; undefined for a folder that is a section by its own name. */
export type BookPage = { path: string; kind: Kind; title: string; text: string | undefined; body: string };

export type BookReading = { pages: BookPage[]; problems: FolderProblem[] };

/** `order`: pages came, went, moved or got another title; `images`: a file that may be an image. */
export type BookChange = { pages: string[]; order: boolean; images: string[] };

export type WrittenBook = {
  folder: string;
  /** As the folder is now. @throws Failure 3 when it cannot be read */
  read(): Promise<BookReading>;
  /** An image was written, or a folder came or went. */
  imagesChanged(paths: string[]): void;
  /** How many changes there were. */
  changes(): number;
  /** What changed after the first `seen` changes; undefined for more than is remembered. */
  since(seen: number): BookChange | undefined;
  onChange(listener: (change: BookChange) => void): () => void;
};

type KnownFile = { state: string; page: BookPage };

const remembered = 500;

export function openBook(folder: string): WrittenBook {
  let known = new Map<string, KnownFile>();
  let last: BookReading | undefined;
  let reading: Promise<BookReading> | undefined;
  let again = false;
  const log: BookChange[] = [];
  let count = 0;
  const listeners = new Set<(change: BookChange) => void>();

  const tell = (change: BookChange) => {
    count++;
    log.push(change);
    if (log.length > remembered) log.shift();
    for (const listener of listeners) listener(change);
  };

  const readNow = async (): Promise<BookReading> => {
    const problems: FolderProblem[] = [];
    const next = new Map<string, KnownFile>();
    const fresh = new Set<string>();
    const found = await chapterFiles(folder, problems, async (_folder, path, told) => {
      const state = stateOf(join(folder, path));
      const old = known.get(path);
      if (old && state && old.state === state) next.set(path, old);
      else {
        const text = await textOf(folder, path, told);
        if (text === undefined) return undefined;
        if (old?.page.text === text) next.set(path, { ...old, state: state ?? '' });
        else {
          next.set(path, { state: state ?? '', page: pageOf(path, text) });
          fresh.add(path);
        }
      }
      return '';
    });
    const pages = found.flatMap(({ path, text }) => {
      if (text !== undefined) return next.get(path)?.page ?? [];
      const { kind, title } = sectionOf(path);
      return { path, kind, title, text, body: '' };
    });
    const now = { pages, problems };
    const before = last;
    known = next;
    last = now;
    if (before) {
      const order = orderOf(before) !== orderOf(now);
      const isIn = new Set(pages.map(page => page.path));
      const gone = before.pages.map(page => page.path).filter(path => !isIn.has(path));
      if (order || fresh.size) tell({ pages: [...fresh, ...gone], order, images: [] });
    }
    return now;
  };

  return {
    folder,
    // Whoever asks while it is being read gets what it is afterwards.
    read() {
      if (reading) {
        again = true;
        return reading;
      }
      const whole = async () => {
        let result: BookReading;
        do {
          again = false;
          result = await readNow();
        } while (again);
        return result;
      };
      reading = whole().finally(() => (reading = undefined));
      return reading;
    },
    imagesChanged: images => tell({ pages: [], order: false, images }),
    changes: () => count,
    since(seen) {
      if (seen < count - log.length || seen > count) return undefined;
      const changes = log.slice(log.length - (count - seen));
      return {
        pages: changes.flatMap(one => one.pages),
        order: changes.some(one => one.order),
        images: changes.flatMap(one => one.images),
      };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function pageOf(path: string, text: string): BookPage {
  const { kind, title, body } = chapterHead(path, text);
  return { path, kind, title, text, body };
}

function orderOf({ pages, problems }: BookReading): string {
  return JSON.stringify([pages.map(({ path, kind, title }) => [path, kind, title]), problems]);
}

/** Another text has another one, also when the file was replaced by a rename. */
function stateOf(file: string): string | undefined {
  const found = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return found?.isFile() ? [found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ') : undefined;
}
