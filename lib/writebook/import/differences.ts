// What stands in the folder and in the browser, for each page that differs there; with the text that was last written, what the browser changed.
import { difference } from '../../report/difference.ts';
import type { PageContent } from '../content.ts';
import type { ImportPlan } from './plan.ts';
import { joinTexts } from './join.ts';

/** `joins`: in how many places both changed the same; 0 when both fit together, null when nobody knows what was last written. */
export type BrowserDifference = {
  path: string;
  leaf: number;
  does: 'conflict' | 'edited';
  joins: number | null;
  difference: string;
};

/** @param bases what was last written, by path */
export async function browserDifferences(
  { decisions, files, textOf }: ImportPlan,
  bases: ReadonlyMap<string, string>,
  environment: NodeJS.ProcessEnv,
): Promise<BrowserDifference[]> {
  const found: BrowserDifference[] = [];
  for (const one of decisions) {
    if (one.does !== 'conflict' && one.does !== 'edited') continue;
    const { leaf, chapter, path, does } = one;
    const text = textOf(chapter);
    const browser = leaf.active ? headOf(leaf) + (leaf.text ?? text) : '';
    const folder = headOf(chapter) + text;
    const entry = files[path];
    const base = does === 'conflict' && entry && bases.get(path);
    const add = (joins: number | null, ...shown: string[]) =>
      found.push({ path, leaf: leaf.id, does, joins, difference: shown.filter(Boolean).join('\n') });
    if (!leaf.active || base === undefined || !entry) {
      add(null, difference(folder, browser, path, ['in the folder', 'in the browser']));
      continue;
    }
    const written = headOf(entry) + base;
    const { conflicts } = await joinTexts({ folder, written, browser }, environment);
    add(
      conflicts,
      difference(written, browser, path, ['as last written', 'in the browser']),
      difference(folder, browser, path, ['in the folder', 'in the browser']),
      conflicts
        ? `${path}: both changed the same in ${conflicts === 1 ? 'one place' : `${conflicts} places`}`
        : `${path}: both changes fit together`,
    );
  }
  return found;
}

function headOf(is: Pick<PageContent, 'title' | 'theme' | 'caption'>): string {
  const lines = (['title', 'theme', 'caption'] as const).flatMap(key =>
    is[key] === null ? [] : `${key}: ${is[key]}\n`,
  );
  return `${lines.join('')}\n`;
}
