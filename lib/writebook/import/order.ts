// Which pages have to move so that the book is in the folder's order; pages without a file stay behind the page they are behind.
import type { Leaf } from '../content.ts';

/** A leaf, or the file of one that is created; `after` null: to the beginning. In this order. */
export type Move = { leaf: number | string; after: number | string | null };

type Place = { does: string; path: string; leaf?: Leaf };

export function movesTo(decisions: readonly Place[], leaves: readonly Leaf[]): Move[] {
  const nameOf = ({ leaf, path }: Place) => leaf?.id ?? path;
  const stays = decisions.filter(one => one.does !== 'trash' && (one.leaf?.active !== false || one.does === 'update'));
  const isLoose = (one: Place) => one.does === 'left' || one.does === 'foreign';
  const inFolder = stays.filter(one => !isLoose(one)).map(nameOf);
  const loose = new Set(stays.filter(isLoose).map(nameOf));
  const known = new Set(stays.map(nameOf));

  const now: (number | string)[] = leaves.map(leaf => leaf.id).filter(id => known.has(id));
  const behind = new Map<number | string | null, (number | string)[]>();
  let before: number | string | null = null;
  for (const name of now) {
    if (loose.has(name)) behind.set(before, [...(behind.get(before) ?? []), name]);
    else before = name;
  }
  const wanted = [null, ...inFolder].flatMap(name => [...(name === null ? [] : [name]), ...(behind.get(name) ?? [])]);

  // what is created comes at the end first
  now.push(...inFolder.filter(name => typeof name === 'string'));
  const places = new Map(now.map((name, at) => [name, at]));
  const still = longestRising(wanted.map(name => places.get(name) ?? -1));
  return wanted.flatMap((leaf, at) => (still.has(at) ? [] : [{ leaf, after: wanted[at - 1] ?? null }]));
}

/** Indexes of a longest rising row of values. */
function longestRising(values: readonly number[]): Set<number> {
  /** The index at which the best row of each length ends. */
  const ends: number[] = [];
  const before: (number | undefined)[] = [];
  for (const [at, value] of values.entries()) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((values[ends[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    before[at] = ends[low - 1];
    ends[low] = at;
  }
  const found = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = before[at]) found.add(at);
  return found;
}
