// Finds which leaf of the book a file is: by the record of earlier imports, else by its exact title.
import type { BookChapter, FolderProblem } from '../folder/chapter.ts';
import type { BookState, Entry, ImportRecord, Leaf } from '../content.ts';
import type { Folder } from '../folder/folder.ts';

export type Matched = {
  /** What was last written, by leaf. */
  entries: Map<number, Entry & { path: string }>;
  leafOf: Map<string, Leaf>;
  problems: FolderProblem[];
};

/**
 * The record in the application's volume and its copy in the folder are one; the newer of them counts, as a whole. An
 * entry whose leaf is gone, or was made at another moment, is about another book.
 */
export function matchLeaves({ chapters }: Folder, state: BookState, mirror: ImportRecord): Matched {
  const byId = new Map(state.leaves.map(leaf => [leaf.id, leaf]));
  const record = mirror.serial >= state.record.serial ? mirror : state.record;
  const entries: Matched['entries'] = new Map();
  for (const [path, entry] of Object.entries(record.files))
    if (byId.get(entry.leaf)?.made === entry.made && !entries.has(entry.leaf))
      entries.set(entry.leaf, { ...entry, path });
  const leaves = new Map([...entries.values()].map(entry => [entry.path, byId.get(entry.leaf)]));

  const leafOf = new Map<string, Leaf>();
  const problems: FolderProblem[] = [];
  for (const { path, kind } of chapters) {
    const leaf = leaves.get(path);
    if (!leaf) continue;
    leafOf.set(path, leaf);
    if (leaf.kind === kind) continue;
    const says = `is a ${kind} here and a ${leaf.kind} in the book (leaf ${leaf.id}): give the file another name, and a new page is made`;
    problems.push({ path, line: undefined, says, stops: true });
  }

  const taken = new Set([...leafOf.values()].map(leaf => leaf.id));
  const free = grouped(state.leaves.filter(leaf => leaf.active && !taken.has(leaf.id)));
  for (const [key, wanting] of grouped(chapters.filter(chapter => !leafOf.has(chapter.path)))) {
    const candidates = free.get(key);
    if (!candidates) continue;
    const [chapter, leaf] = [wanting[0], candidates[0]];
    if (chapter && leaf && wanting.length === 1 && candidates.length === 1) leafOf.set(chapter.path, leaf);
    else for (const one of wanting) problems.push(ambiguous(one, candidates.length, wanting.length));
  }
  return { entries, leafOf, problems };
}

function ambiguous({ path, title }: BookChapter, leaves: number, files: number): FolderProblem {
  const says =
    leaves > 1
      ? `${leaves} pages of the book are called ${JSON.stringify(title)}, and no record says which of them this is`
      : `${files} files are called ${JSON.stringify(title)} and one page of the book, and no record says which of them it is`;
  return { path, line: undefined, says, stops: true };
}

function grouped<T extends { kind: string; title: string }>(all: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = `${one.kind} ${one.title}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return groups;
}
