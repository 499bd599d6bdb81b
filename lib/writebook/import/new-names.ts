// Names for files of pages that were made in the browser, so that the folder's order is the book's.
import { posix } from 'node:path';
import { sectionFile } from '../folder/chapter.ts';
import { inOrder } from '../folder/folder.ts';
import type { Leaf } from '../content.ts';
import type { PageDecision } from './plan.ts';

/** By leaf; `leaves` in the book's order. `tell` hears of a page whose name cannot say where it is; it gets one nevertheless. */
export function namesOfNew(
  decisions: readonly PageDecision[],
  leaves: readonly Leaf[],
  tell: (path: string, says: string) => void,
): Map<number, string> {
  const names = new Map<number, string>();
  const isNew = new Set(decisions.flatMap(one => (one.does === 'foreign' && one.leaf.active ? [one.leaf.id] : [])));
  const place = new Map<number, string>();
  for (const one of decisions) if ('chapter' in one && one.does !== 'create') place.set(one.leaf.id, one.path);
  const paths = decisions.flatMap(one => ('chapter' in one ? [one.path] : [])).toSorted(inFolderOrder);
  let before: string | undefined;
  for (const leaf of leaves) {
    before = place.get(leaf.id) ?? before;
    if (!isNew.has(leaf.id)) continue;
    const at = before === undefined ? -1 : paths.indexOf(before);
    const folder = before?.slice(0, before.lastIndexOf('/') + 1) ?? '';
    const [last, next] = [before, paths[at + 1]];
    const fits = (path: string) =>
      !paths.includes(path) &&
      (last === undefined || inFolderOrder(last, path) < 0) &&
      (next === undefined || inFolderOrder(path, next) < 0);
    const candidates = namesBehind(before, next, `${leaf.slug.replace(/^-$/, `page-${leaf.id}`)}.md`).map(
      name => folder + name,
    );
    const found = candidates.find(fits);
    const path = found ?? candidates.find(one => !paths.includes(one)) ?? `${folder}${leaf.id}-${leaf.slug}.md`;
    if (found === undefined) tell(path, 'no name says that it comes here in the book: rename the files around it');
    paths.splice(at + 1, 0, path);
    names.set(leaf.id, path);
    before = path;
  }
  return names;
}

/** `03-dusk.md` → `04-night.md` where that number is free, else `03.1-night.md`, and behind that `03.2-…`. */
function namesBehind(before: string | undefined, next: string | undefined, name: string): string[] {
  if (before === undefined || before.endsWith('/') || posix.basename(before) === sectionFile)
    return [`00-${name}`, `0-${name}`];
  const base = posix.basename(before);
  const within = [name, `${base.replace(/\.md$/i, '')}2-${name}`];
  const [, number, part = '0'] = /^(\d+)(?:\.(\d+))?[-_. ]/.exec(base) ?? [];
  if (number === undefined) return within;
  const following = String(Number(number) + 1).padStart(number.length, '0');
  const nextNumber =
    next === undefined ? Infinity : Number(/^\d+/.exec(next.slice(before.length - base.length))?.[0] ?? Infinity);
  const whole = nextNumber > Number(following) ? [`${following}-${name}`] : [];
  const parts = Array.from({ length: 99 }, (_, index) => `${number}.${Number(part) + index + 1}-${name}`);
  return [...whole, ...parts, ...within];
}

/** The text of a folder's section comes before its chapters. */
function inFolderOrder(one: string, other: string): number {
  const [first, second] = [one.split('/'), other.split('/')];
  for (let at = 0; at < Math.max(first.length, second.length); at++) {
    const [here, there] = [first[at], second[at]];
    if (here === there) continue;
    if (here === undefined || here === '' || here === sectionFile) return -1;
    if (there === undefined || there === '' || there === sectionFile) return 1;
    return inOrder(here, there);
  }
  return 0;
}
