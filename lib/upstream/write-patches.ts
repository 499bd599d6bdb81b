// Writes a patch set into the work tree of the person's repository: only what differs, and each file whole or not at all.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { git } from '../git/git.ts';
import { changedNames, filesOf, writtenFiles, type PatchSet } from './patch-set.ts';

export type PatchChanges = { written: string[]; removed: string[] };

/** What `writePatches` would do. @throws Failure 3 for a repository without a work tree */
export async function patchChanges(
  repo: string,
  folder: string,
  set: PatchSet,
  environment: NodeJS.ProcessEnv,
): Promise<PatchChanges> {
  const { stdout } = await git(repo, ['rev-parse', '--is-inside-work-tree'], environment);
  if (stdout.trim() !== 'true')
    throw new Failure(3, `${repo} has no work tree, and patches are files in it`, {
      advice: 'set repo in ops.yml to a clone with its files checked out',
    });
  return changedNames(await writtenFiles(repo, folder), filesOf(set));
}

/** The pin comes last: until then the old one and its patches are what a check finds wrong. */
export async function writePatches(repo: string, folder: string, set: PatchSet, changes: PatchChanges): Promise<void> {
  const into = join(repo, folder);
  await mkdir(into, { recursive: true });
  const files = [...filesOf(set)].filter(([name]) => changes.written.includes(name));
  for (const [name, content] of files.toReversed()) {
    const next = join(into, `.${name}.new`);
    await writeFile(next, content);
    await rename(next, join(into, name));
  }
  for (const name of changes.removed) await rm(join(into, name), { force: true });
}
