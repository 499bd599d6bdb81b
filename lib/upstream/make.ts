// Makes the patches of a branch as files whose bytes depend on its commits only, and proves that they give the same commits again.
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { sha7 } from '../release/release.ts';
import { applyPatches, type AppliedPatch } from './apply.ts';
import type { Patch, PatchSet } from './patch-set.ts';
import type { Workspace } from './workspace.ts';

/**
 * No commit ids, no version of git, no numbers of a series, whole names of blobs: what did not change is written the same
 * again. Subjects stay as they are, for `git am --keep`.
 */
const formatWords = [
  'format-patch',
  '--quiet',
  '--keep-subject',
  '--zero-commit',
  '--no-signature',
  '--full-index',
  '--binary',
  '--no-stat',
  '--patch',
  '--find-renames',
];

/** The commits from `base` to `tip` as patches; in order. */
export async function formatPatches({ folder, must }: Workspace, base: string, tip: string): Promise<Patch[]> {
  const into = join(folder, 'made');
  await rm(into, { recursive: true, force: true });
  await must([...formatWords, '--output-directory', into, `${base}..${tip}`], 'git cannot make the patches');
  const names = (await readdir(into).catch(() => [] as string[])).toSorted();
  return Promise.all(names.map(async name => ({ name, content: await readFile(join(into, name)) })));
}

/**
 * As `formatPatches`, for commits that a person made.
 * @throws Failure 1 for what no patch can hold: a merge, an empty commit, a message that a mail would cut
 */
export async function makePatches(
  work: Workspace,
  base: string,
  tip: string,
): Promise<{ set: PatchSet; applied: AppliedPatch[] }> {
  const { run, must } = work;
  if ((await run(['merge-base', '--is-ancestor', base, tip])).code !== 0)
    throw new Failure(1, `${sha7(tip)} does not begin at ${sha7(base)}, which the patches are to apply to`, {
      advice: `git rebase ${sha7(base)} there, or name another commit of upstream: --base`,
    });
  const list = async (...words: string[]) =>
    (await must(['rev-list', '--reverse', ...words, `${base}..${tip}`], 'git cannot list the commits'))
      .split('\n')
      .filter(Boolean);
  const [merge] = await list('--min-parents=2');
  if (merge !== undefined)
    throw new Failure(1, `${sha7(merge)} is a merge, and a patch cannot hold one`, {
      advice: `git rebase ${sha7(base)} there makes one line of commits of it`,
    });
  const commits = await list();
  await refuseEmpty(work, base, tip);
  const patches = await formatPatches(work, base, tip);
  if (patches.length !== commits.length) throw new Failure(1, 'git did not make one patch of each commit');
  const set = { base, patches };
  const applied = await applyPatches(work, set);
  for (const [index, commit] of commits.entries()) {
    const made = applied[index];
    const name = patches[index]?.name ?? '';
    if (!made || made.patch !== name) throw new Failure(1, `${name} does not give one commit: is a diff in the message of ${sha7(commit)}?`); // prettier-ignore
    await verifySame(work, commit, made.commit);
  }
  return { set, applied };
}

/** Git 2.39 writes a file of no bytes for such a commit. */
async function refuseEmpty({ must }: Workspace, base: string, tip: string): Promise<void> {
  const log = await must(['log', '--reverse', '--format=%T %H', `${base}..${tip}`], 'git cannot list the commits');
  let before = (await must(['rev-parse', `${base}^{tree}`], 'git cannot read a commit')).trim();
  for (const line of log.split('\n').filter(Boolean)) {
    const [tree = '', commit = ''] = line.split(' ');
    if (tree === before)
      throw new Failure(1, `${sha7(commit)} changes nothing, and a patch cannot hold that`, {
        advice: 'git rebase --no-keep-empty there leaves it out',
      });
    before = tree;
  }
}

/** @throws Failure 1 with the first line of the message that a mail would not bring */
async function verifySame({ must }: Workspace, commit: string, made: string): Promise<void> {
  const read = async (one: string) => {
    const text = await must(['log', '-1', '--encoding=UTF-8', '--date=raw', '--format=%T%n%an <%ae> %ad%n%B', one], 'git cannot read a commit', { bytes: true }); // prettier-ignore
    const [tree = '', author = '', ...message] = text.split('\n');
    return { tree, author, lines: cleaned(message) };
  };
  const [was, is] = [await read(commit), await read(made)];
  if (was.tree !== is.tree) throw new Failure(1, `the patch of ${sha7(commit)} gives other files than the commit has`);
  if (was.author !== is.author)
    throw new Failure(1, `the patch of ${sha7(commit)} gives another author than the commit has`, {
      detail: `${was.author}\n${is.author}`,
    });
  const at = was.lines.findIndex((line, index) => line !== is.lines[index]);
  if (at < 0 && was.lines.length === is.lines.length) return;
  const lost = was.lines.slice(Math.max(at, 0)).find(Boolean) ?? '';
  const line = Buffer.from(lost, 'latin1').toString();
  throw new Failure(1, `the message of ${sha7(commit)} would not survive as a patch: ${JSON.stringify(line)}`, {
    detail:
      'git am ends a message at a line --- and at lines that begin with Index:, diff - or From: as mails have them',
    advice: `reword that line: git rebase -i ${sha7(commit)}~, then reword`,
  });
}

/** As git itself keeps messages: no space at the end of lines, no two empty lines together. */
function cleaned(lines: string[]): string[] {
  const text = lines.map(line => line.trimEnd()).join('\n');
  return text
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()
    .split('\n');
}
