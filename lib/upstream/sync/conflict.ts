// What a conflict is, told so that a person can decide: the file, what upstream has there, what the patch wants.
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Workspace } from '../workspace.ts';

export type Conflict = {
  path: string;
  /** `changed on both sides` … */
  kind: string;
  /** Lines of upstream, in order; empty where it has no such text. */
  upstream: string[];
  /** Lines that the patch wants there. */
  patch: string[];
  /** `1a2b3c4 Rename the form`: commits of upstream that touched it, newest first. */
  commits: string[];
};

const mostLines = 40;

/**
 * Reads the conflicts of a cherry-pick that has stopped.
 * @param range upstream's commits since the pin, `a..b`
 */
export async function readConflicts(work: Workspace, patchCommit: string, range: string): Promise<Conflict[]> {
  const { tree, must } = work;
  const stages = new Map<string, Set<string>>();
  for (const entry of (await must(['ls-files', '--unmerged', '-z'], 'git cannot list conflicts')).split('\0')) {
    const [, stage = '', path = ''] = /^\d+ \w+ (\d)\t([^]+)$/.exec(entry) ?? [];
    if (path) stages.set(path, (stages.get(path) ?? new Set()).add(stage));
  }
  const found: Conflict[] = [];
  for (const [path, which] of stages) {
    const has = (stage: string) => which.has(stage);
    const log = await must(['log', '--max-count=3', '--format=%h %s', range, '--', path], 'git cannot list commits');
    const commits = log.split('\n').filter(Boolean);
    if (has('2') && has('3')) {
      const file = join(tree, path);
      const isFile = (await lstat(file).catch(() => undefined))?.isFile() === true;
      const text = isFile ? await readFile(file) : Buffer.alloc(0);
      const sides = sidesOf(text.toString());
      const what = has('1') ? 'changed on both sides' : 'added on both sides';
      const isText = !text.includes(0) && sides.patch.length + sides.upstream.length > 0;
      found.push({ path, kind: isText ? what : `${what}, and no text`, ...sides, commits });
      continue;
    }
    const wants = await must(['diff', '--no-color', '--no-ext-diff', '--unified=1', `${patchCommit}~`, patchCommit, '--', path], 'git cannot read the patch'); // prettier-ignore
    const lines = wants.split('\n').filter(line => /^[-+](?!--|\+\+)/.test(line));
    const kind = has('3')
      ? has('1') ? 'changed by the patch, and gone from upstream' : 'brought by the patch, where upstream has moved things'
      : has('2') ? 'taken away by the patch, and changed by upstream' : 'renamed on one side or both'; // prettier-ignore
    found.push({ path, kind, upstream: [], patch: lines.slice(0, mostLines), commits });
  }
  return found;
}

/** The lines of both sides between the marks that git writes. */
export function sidesOf(text: string): Pick<Conflict, 'upstream' | 'patch'> {
  const sides = { upstream: [] as string[], patch: [] as string[] };
  let side: 'upstream' | 'patch' | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('<<<<<<< ')) side = 'upstream';
    else if (side === 'upstream' && /^=======\r?$/.test(line)) side = 'patch';
    else if (side && line.startsWith('>>>>>>> ')) side = undefined;
    else if (side && sides[side].length < mostLines) sides[side].push(line.replace(/\r$/, ''));
  }
  return sides;
}

/** For a person, some lines each. */
export function conflictText(patch: string, conflicts: readonly Conflict[]): string {
  return conflicts
    .flatMap(({ path, kind, upstream, patch: wanted, commits }) => [
      `${patch}: ${path}: ${kind}`,
      ...commits.map(commit => `  upstream: ${commit}`),
      ...(upstream.length ? ['  upstream has:', ...upstream.map(line => `    ${line}`)] : []),
      ...(wanted.length ? ['  the patch wants:', ...wanted.map(line => `    ${line}`)] : []),
    ])
    .join('\n');
}
