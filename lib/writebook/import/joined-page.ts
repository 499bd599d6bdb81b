// Joins a page that was changed in the folder and in the browser, part by part, against what was last written.
import { type Entry, type Leaf } from '../content.ts';
import type { BookChapter } from '../folder/chapter.ts';
import { joinTexts } from './join.ts';
import { sha256 } from '../../host/checksum.ts';

/**
 * `leaf`: the page as the file is to have it; undefined when that cannot be said. `byHand`: parts that both changed, each to
 * something else; the folder's stays.
 */
export type JoinedPage = { leaf: Leaf | undefined; conflicts: number; byHand: string[] };

/** @param known `folderText` with the application's addresses; `base` is undefined when the text of then is not found */
export async function joinedPage(
  chapter: BookChapter,
  leaf: Leaf,
  { entry, folderText, base }: { entry: Entry; folderText: string; base: string | undefined },
  environment: NodeJS.ProcessEnv,
): Promise<JoinedPage> {
  const byHand: string[] = [];
  const side = (part: string, folder: string | null, written: string | null, browser: string | null) => {
    if (folder === written) return browser;
    if (browser === written || browser === folder) return folder;
    byHand.push(
      `the ${part} was changed on both sides: the folder keeps its own, ${shown(folder)}; in the browser it is ${shown(browser)}`,
    );
    return folder;
  };
  const fields = {
    title: side('title', chapter.title, entry.title, leaf.title) ?? leaf.title,
    theme: side('theme', chapter.theme, entry.theme, leaf.theme),
    caption: side('caption', chapter.caption, entry.caption, leaf.caption),
    image: side('image', chapter.image?.md5 ?? null, entry.image, leaf.image),
  };
  const browserText = leaf.text ?? '';
  const joined = await (async () => {
    if (leaf.kind === 'Picture' || leaf.body === entry.body) return { text: folderText, conflicts: 0 };
    if (sha256(folderText) === entry.body) return { text: browserText, conflicts: 0 };
    return base === undefined
      ? undefined
      : joinTexts({ folder: folderText, written: base, browser: browserText }, environment);
  })();
  if (joined) return { leaf: { ...leaf, ...fields, text: joined.text }, conflicts: joined.conflicts, byHand };
  byHand.push(
    'the text as last written is neither among the application’s revisions nor in git: --take ours or theirs',
  );
  return { leaf: undefined, conflicts: 0, byHand };
}

function shown(value: string | null): string {
  return value === null ? 'none' : JSON.stringify(value);
}
