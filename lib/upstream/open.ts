// Makes a clone of upstream in which a person works on the patches: one branch with each patch as a commit, and nothing of ours in it.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { Failure } from '../errors.ts';
import { git } from '../git/git.ts';
import type { Workspace, WorkspaceContext } from './workspace.ts';

/** What the branch and the remote are called there. */
export const [workBranch, workRemote] = ['patches', 'upstream'];

/** @throws Failure 2 for a folder that has something in it, 1 with what git said; nothing is left then */
export async function openPatches(
  work: Workspace,
  { head, folder, repository }: { head: string; folder: string; repository: string },
  { environment, signal }: WorkspaceContext,
): Promise<void> {
  const held = await readdir(folder).catch(() => undefined);
  if (held?.length) throw new Failure(2, `${folder} has something in it already`, { advice: 'name a folder that is not there yet' }); // prettier-ignore
  await mkdir(folder, { recursive: true });
  await work.must(['update-ref', `refs/heads/${workBranch}`, head], 'git cannot name the patches');
  try {
    // as from another machine, so that the clone needs neither ours nor the person's other one
    const from = `file://${encodeURI(work.tree)}`;
    const words = ['clone', '--quiet', '--no-tags', '--origin', workRemote, '--branch', workBranch, from, folder];
    const said = await git(work.tree, words, environment, { signal, paths: true });
    if (said.code !== 0) throw new Failure(1, `git cannot make a clone in ${folder}`, { detail: said.stderr.trim() });
    for (const one of [
      ['remote', 'remove', workRemote],
      ['remote', 'add', workRemote, repository],
    ])
      await git(folder, one, environment);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
