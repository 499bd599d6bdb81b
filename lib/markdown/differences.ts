// Where two views of one text differ: the shortest way from one to the other, as pieces with their place in the source.
import { diffArrays } from 'diff';
import type { ShownWord } from './visible.ts';

/** `from` and `to` are offsets in the source; `github` and `writebook` are what is seen there, word by word. */
export type Difference = { from: number; to: number; github: string[]; writebook: string[] };

// The shortest way costs the square of its length; beyond this many words it is told as one piece.
const most = 3000;

export function differencesOf(github: readonly ShownWord[], writebook: readonly ShownWord[]): Difference[] {
  const left = github.map(({ shown }) => shown);
  const right = writebook.map(({ shown }) => shown);
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  if (start === left.length && start === right.length) return [];
  const changes = diffArrays(left.slice(start), right.slice(start), { maxEditLength: most }) ?? [
    { removed: true, added: false, value: left.slice(start) },
    { removed: false, added: true, value: right.slice(start) },
  ];
  const found: Difference[] = [];
  let at = start;
  let open: Difference | undefined;
  for (const { removed, added, value } of changes) {
    if (!removed && !added) {
      at += value.length;
      open = undefined;
      continue;
    }
    if (!open) {
      const from = github[at]?.at ?? github.at(-1)?.at ?? 0;
      open = { from, to: from, github: [], writebook: [] };
      found.push(open);
    }
    if (added) open.writebook.push(...value);
    else {
      open.github.push(...value);
      at += value.length;
      open.to = Math.max(open.to, github[at - 1]?.at ?? 0);
    }
  }
  return found;
}

/** How many words and marks differ. */
export function distanceOf(differences: readonly Difference[]): number {
  return differences.reduce((sum, { github, writebook }) => sum + github.length + writebook.length, 0);
}
