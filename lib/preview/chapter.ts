// One page as Writebook will show it, with what the import would refuse and what the check finds beside it.
import { lstatSync } from 'node:fs';
import { join, posix } from 'node:path';
import { messageOf } from '../errors.ts';
import { checkChapter, type ChapterFinding } from '../markdown/chapter-check.ts';
import { pageHtml, shortTextHtml } from '../markdown/writebook-html.ts';
import { difference } from '../report/difference.ts';
import { chapterOf, withAddresses, type BookChapter, type FolderProblem } from '../writebook/folder/chapter.ts';
import { imageBelow } from '../writebook/folder/folder.ts';
import type { Image } from '../writebook/folder/image.ts';
import { imageAddress, pageAddress } from './addresses.ts';
import type { BookPage, BookReading } from './book.ts';
import { asMarkup, markup, type Markup } from './markup.ts';

export type ShownChapter = {
  content: Markup;
  /** Of the import: `stops` says whether it would refuse. */
  problems: FolderProblem[];
  findings: ChapterFinding[];
  /** The change that `check-chapters --fix` would make, as a unified difference; empty when there is none. */
  correction: string;
};

/** Never fails for what stands in a chapter: that is shown. */
export async function showChapter(folder: string, { pages }: BookReading, page: BookPage): Promise<ShownChapter> {
  if (page.text === undefined)
    return { content: sectionHtml(page.body || page.title, false), problems: [], findings: [], correction: '' };
  const problems: FolderProblem[] = [];
  const paths = new Set(pages.map(({ path }) => path));
  const images = new Map<string, Image>();
  const imageAt = (path: string) => imageBelow(folder, path);
  const chapter = await chapterOf(page.path, page.text, { paths, images, imageAt, problems, anchors: [] });
  return { content: contentOf(page, chapter), problems, ...checked(folder, page, page.text, problems) };
}

function contentOf(page: BookPage, chapter: BookChapter | undefined): Markup {
  if (!chapter) return markup`<pre class="source">${page.body}</pre>`;
  const { kind, pieces, image, caption, theme } = chapter;
  const { text } = withAddresses(pieces, piece =>
    'image' in piece ? imageAddress(piece.image) : pageAddress(piece.to),
  );
  if (kind === 'Section') return sectionHtml(text, theme === 'dark');
  try {
    if (kind === 'Page') return asMarkup(pageHtml(text));
    const address = imageAddress(image?.path ?? '');
    return markup`<figure><a href="${address}"><img src="${address}" alt=""></a><figcaption>${asMarkup(shortTextHtml(caption ?? ''))}</figcaption></figure>`;
  } catch (error) {
    return markup`<p class="refused">This page cannot be shown: ${messageOf(error)}</p><pre class="source">${text}</pre>`;
  }
}

function sectionHtml(text: string, dark: boolean): Markup {
  return markup`<div class="section${dark && ' section-dark'}"><h1>${asMarkup(shortTextHtml(text))}</h1></div>`;
}

function checked(folder: string, { path }: BookPage, text: string, problems: readonly FolderProblem[]) {
  try {
    const { findings, fixed } = checkChapter(text, name => isBeside(folder, path, name));
    const isTold = ({ code, line }: ChapterFinding) =>
      /^(?:front-matter|(?:image|chapter)-missing)$/.test(code) && problems.some(one => one.line === line);
    return {
      findings: findings.filter(one => !isTold(one)),
      correction: difference(text, fixed, path, ['now', 'with --fix']),
    };
  } catch (error) {
    const says = `the check failed: ${messageOf(error)}`;
    return { findings: [{ line: 1, column: 1, code: 'other', says, fixable: false }], correction: '' };
  }
}

/** Nothing outside of the folder is looked at, so whatever is there counts as missing. */
function isBeside(folder: string, chapter: string, name: string): boolean {
  const path = posix.normalize(posix.join(posix.dirname(chapter), name));
  if (path.startsWith('../') || path === '..' || path.includes('\0')) return false;
  try {
    return lstatSync(join(folder, path)).isFile();
  } catch {
    return false;
  }
}
