// One sync: what upstream has that the pin has not, the patches on top of it, and the commit that would bring both.
import { Failure } from '../../errors.ts';
import { sha7 } from '../../release/release.ts';
import type { Say } from '../../report/items.ts';
import type { UpstreamSettings } from '../../target/build-settings.ts';
import { applyPatches } from '../apply.ts';
import { fetchTip, keepPin, type UpstreamTip } from '../fetch.ts';
import { formatPatches } from '../make.ts';
import { readNews } from './news.ts';
import { commitSync, type OwnRemote } from './own-remote.ts';
import { committedPatches, type PatchSet } from '../patch-set.ts';
import { reapply } from './reapply.ts';
import type { SyncReport } from './report.ts';
import type { Workspace, WorkspaceContext } from '../workspace.ts';

export type Sync = Omit<SyncReport, 'built'> & {
  /** In the workspace only. */
  commit: string;
  set: PatchSet;
};

type Wanted = { repo: string; app: string; upstream: UpstreamSettings; remote: OwnRemote; to: string | undefined };

/**
 * Looks at upstream; writes nothing but our own references in the clone.
 * @returns the pin and the tip; `sync` is undefined when upstream has nothing that the pin has not
 * @throws PatchConflict, and Failure as its parts say
 */
export async function prepareSync(
  work: Workspace,
  { repo, app, upstream, remote, to }: Wanted,
  say: Say,
  around: WorkspaceContext,
): Promise<{ set: PatchSet; tip: UpstreamTip; sync: Sync | undefined }> {
  const { environment } = around;
  const of = { repo, app, upstream };
  const base = remote.base.sha;
  const set = await committedPatches(repo, base, upstream.patches, environment);
  await keepPin(of, set.base, around);
  const tip = await fetchTip(of, to, around);
  say(`${tip.name} of upstream is at ${sha7(tip.sha)}, the pin at ${sha7(set.base)}`);
  const isOlder = (await work.run(['merge-base', '--is-ancestor', tip.sha, set.base])).code === 0;
  // an older commit may be asked for by name
  if (tip.sha === set.base || (isOlder && to === undefined)) return { set, tip, sync: undefined };
  await keepPin(of, tip.sha, around);

  const news = await readNews(work, { repo, app, from: set.base, to: tip.sha }, environment);
  const applied = await applyPatches(work, set);
  const { head, dropped } = await reapply(work, applied, { from: set.base, to: tip.sha });
  const after = { base: tip.sha, patches: await formatPatches(work, tip.sha, head) };
  // what is written is what will be read: by its files, and not by the commits they came from
  const patches = await applyPatches(work, after);
  const [made, meant] = [await treeOf(work, patches.at(-1)?.commit ?? tip.sha), await treeOf(work, head)];
  if (made !== meant) throw new Failure(1, `the patches made for ${sha7(tip.sha)} give other files than those that were merged`); // prettier-ignore
  const commit = await commitSync(work, { base, folder: upstream.patches, before: set, after });
  return { set, tip, sync: { app, repository: upstream.repository, news, patches, dropped, commit, set: after } };
}

async function treeOf({ must }: Workspace, commit: string): Promise<string> {
  return (await must(['rev-parse', `${commit}^{tree}`], 'git cannot read a commit')).trim();
}
