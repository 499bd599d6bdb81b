// Looks whether links to headings lead to one, by the ids that the application makes of them.
import { didYouMean } from '../../did-you-mean.ts';
import { hasPlainHeading, pageAnchors } from '../../markdown/page-anchors.ts';
import type { BookChapter, FolderProblem } from './chapter.ts';
import type { AnchorLink } from './references.ts';

/** What leads nowhere, with the nearest id; nothing of it stops an import. */
export function strayAnchors(links: readonly AnchorLink[], chapters: readonly BookChapter[]): FolderProblem[] {
  const texts = new Map(chapters.map(({ path, kind, pieces }) => [path, kind === 'Page' ? pieces : []]));
  const known = new Map<string, string[]>();
  return links.flatMap(({ path, line, to, id }) => {
    const pieces = texts.get(to);
    if (!pieces) return [];
    const text = pieces.map(piece => (typeof piece === 'string' ? piece : piece.as)).join('');
    if (hasPlainHeading(text, id)) return [];
    const ids = known.get(to) ?? pageAnchors(text);
    known.set(to, ids);
    if (ids.includes(id)) return [];
    const near = didYouMean(id, ids) ?? ids.find(one => hasWordsOf(one, id));
    const where = to === path ? 'this chapter' : to;
    const says = `no heading of ${where} has the id #${id} in Writebook${near ? `: did you mean #${near}?` : ids.length ? '' : ', for it has none'}`;
    return [{ path, line, says, stops: false }];
  });
}

/** `the-em-old-em-map` has those of `the-old-map`, in their order. */
function hasWordsOf(id: string, wanted: string): boolean {
  const words = wanted.split('-');
  for (const word of id.split('-')) if (word === words[0]) words.shift();
  return !words.length;
}
