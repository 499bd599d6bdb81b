// What is built for a commit when ops.yml names an upstream: its pinned tree with the patches and files of that commit.
import type { UpstreamSettings } from '../target/build-settings.ts';
import { addFiles, type Addition } from './additions.ts';
import { applyPatches, type AppliedPatch } from './apply.ts';
import { keepPin } from './fetch.ts';
import { committedPatches, hashOf } from './patch-set.ts';
import { openWorkspace, type Workspace, type WorkspaceContext } from './workspace.ts';

export type UpstreamSource = {
  /** The repository that has the commit to build. */
  repo: string;
  /** Upstream with everything on it. */
  sha: string;
  /** The pin. */
  base: string;
  /** Of the patch set; see hashOf. */
  hash: string;
  applied: AppliedPatch[];
  additions: Addition[];
};

/** Where the person's commit is, and for which app. */
type Wanted = { repo: string; app: string; sha: string; upstream: UpstreamSettings };

/**
 * The same commit gives the same tree, whoever builds it and whatever upstream has done since.
 * @param hand it gets the source, which is gone when it has ended
 * @throws Failure 1 when a patch does not apply or the pin cannot be had, 3 when the commit lacks the pin or a file
 */
export async function withUpstream<T>(
  wanted: Wanted,
  around: WorkspaceContext,
  hand: (source: UpstreamSource) => Promise<T>,
): Promise<T> {
  const set = await committedPatches(wanted.repo, wanted.sha, wanted.upstream.patches, around.environment);
  await keepPin(wanted, set.base, around);
  const work = await openWorkspace([wanted.repo], around);
  try {
    const applied = await applyPatches(work, set);
    return await hand(await sourceIn(work, wanted, { base: set.base, hash: hashOf(set), applied }, around));
  } finally {
    work.remove();
  }
}

async function sourceIn(
  work: Workspace,
  { repo, sha, upstream }: Wanted,
  { base, hash, applied }: Pick<UpstreamSource, 'base' | 'hash' | 'applied'>,
  { environment }: WorkspaceContext,
): Promise<UpstreamSource> {
  const head = applied.at(-1)?.commit ?? base;
  const own = { repo, sha };
  const { commit, additions } = await addFiles(work, head, { own, upstream: { ...upstream, base }, patches: hash, environment }); // prettier-ignore
  return { repo: work.tree, sha: commit, base, hash, applied, additions };
}
