// Compares what readers get of each page that an import wrote with what GitHub shows of its file, while the import goes on.
import { messageOf } from '../../errors.ts';
import { differentWords } from '../../markdown/words/compare.ts';
import { withAddresses, type BookChapter } from '../folder/chapter.ts';
import type { ShownPage } from '../program/answers.ts';

/** `line` counts from 1, in the file. */
export type ShownDifference = { path: string; line: number; says: string };

/** `skipped`: the files that are too long for a comparison. */
export type ShownDifferently = { differences: ShownDifference[]; skipped: string[] };

// GitHub’s reading takes 2 to 10 s for a megabyte, and meanwhile nothing else happens here.
const longest = 128 * 1024;
const longestTogether = 12 * 1024 * 1024;

/** Which of the pages are shown and compared; `hear` takes one as the application shows it, `told` gives what was found. */
export function compareShown(chapters: readonly BookChapter[]): {
  isWanted: (chapter: BookChapter) => boolean;
  hear: (page: ShownPage) => void;
  told: ShownDifferently;
} {
  const wanted = new Map<string, BookChapter>();
  const told: ShownDifferently = { differences: [], skipped: [] };
  let letters = 0;
  for (const chapter of chapters) {
    if (chapter.kind !== 'Page') continue;
    const { length } = textOf(chapter);
    if (length > longest || letters + length > longestTogether) told.skipped.push(chapter.path);
    else {
      letters += length;
      wanted.set(chapter.path, chapter);
    }
  }
  return {
    isWanted: ({ path }) => wanted.has(path),
    hear(page) {
      const chapter = wanted.get(page.path);
      const found = chapter && differenceOf(chapter, page);
      if (found) told.differences.push({ path: page.path, ...found });
    },
    told,
  };
}

function differenceOf(chapter: BookChapter, page: ShownPage): Omit<ShownDifference, 'path'> | undefined {
  if ('fails' in page) return { line: chapter.firstLine, says: `Writebook cannot show this page: ${page.fails}` };
  try {
    const found = differentWords(textOf(chapter), page.html);
    if (!found) return undefined;
    const words = (text: string) => (text ? `“${text}”` : 'nothing');
    return {
      line: chapter.firstLine - 1 + found.line,
      says: `GitHub shows ${words(found.github)}, Writebook ${words(found.writebook)}`,
    };
  } catch (error) {
    return { line: chapter.firstLine, says: `this page could not be compared: ${messageOf(error)}` };
  }
}

/** As it stands in the file. */
function textOf(chapter: BookChapter): string {
  return withAddresses(chapter.pieces, () => undefined).text;
}
