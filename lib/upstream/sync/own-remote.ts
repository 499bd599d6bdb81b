// The person's own remote: what it has of the two branches, the commit of a sync, and one push that replaces nothing of anybody else's.
import { join } from 'node:path';
import { Failure } from '../../errors.ts';
import { forgePage } from '../../git/clone.ts';
import { git } from '../../git/git.ts';
import { fullSha, sha7 } from '../../release/release.ts';
import { defaultBranch } from '../fetch.ts';
import { changedNames, filesOf, type PatchSet } from '../patch-set.ts';
import { committer, type Workspace, type WorkspaceContext } from '../workspace.ts';

export type OwnRemote = {
  /** What git fetches from and pushes to. */
  address: string;
  pushAddress: string;
  /** Its page, from the address that was typed; undefined: it has none. */
  page: string | undefined;
  /** The branch to merge into, and its commit. */
  base: { branch: string; sha: string };
  /** What the branch of the sync is now; undefined: there is none. */
  synced: string | undefined;
};

/**
 * Fetches both branches under references of our own.
 * @throws Failure 1 when origin does not answer, or when others wrote into the branch of the sync; 3 without an origin
 */
export async function readOwnRemote(
  { repo, app, base, branch }: { repo: string; app: string; base: string | undefined; branch: string },
  around: WorkspaceContext,
): Promise<OwnRemote> {
  const { environment, signal } = around;
  const ask = async (...words: string[]) => {
    const said = await git(repo, words, environment, { signal, paths: true });
    return { ...said, text: said.stdout.trim() };
  };
  const address = await ask('remote', 'get-url', 'origin');
  if (address.code !== 0)
    throw new Failure(3, `${repo} has no remote called origin, where the sync could be pushed to`, {
      advice: `git -C ${repo} remote add origin …, or look only: --plan`,
    });
  const target = base ?? (await defaultBranch(repo, address.text, around));
  if (target === branch) throw new Failure(3, `${branch} is what it is to be merged into: correct build.upstream.pull_request in ops.yml`); // prettier-ignore
  const refs = `refs/bookops/origin/${app}`;
  const heads = await ask('ls-remote', '--', address.text, `refs/heads/${target}`, `refs/heads/${branch}`);
  if (heads.code !== 0) throw new Failure(1, `git cannot read ${address.text}`, { detail: heads.stderr.trim() });
  const has = (name: string) => heads.text.split('\n').some(line => line.endsWith(`\trefs/heads/${name}`));
  if (!has(target))
    throw new Failure(1, `${address.text} has no branch ${target}, which the sync is to be merged into`);
  const wanted = [`+refs/heads/${target}:${refs}/base`];
  if (has(branch)) wanted.push(`+refs/heads/${branch}:${refs}/sync`);
  const words = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
  const fetched = await ask(...words, '--', address.text, ...wanted);
  if (fetched.code !== 0) throw new Failure(1, `git cannot fetch from ${address.text}`, { detail: fetched.stderr.trim() }); // prettier-ignore
  const at = async (ref: string) => fullSha((await ask('rev-parse', '--verify', `${refs}/${ref}^{commit}`)).text);
  const synced = has(branch) ? await at('sync') : undefined;
  if (synced !== undefined) await refuseOthers(repo, `${refs}/base..${refs}/sync`, branch, environment);
  const typed = (await ask('config', '--get', 'remote.origin.url')).text;
  const push = (await ask('remote', 'get-url', '--push', 'origin')).text;
  return { address: address.text, pushAddress: push, page: forgePage(typed), base: { branch: target, sha: await at('base') }, synced }; // prettier-ignore
}

/** What somebody added to the branch would be lost by the push. */
async function refuseOthers(repo: string, range: string, branch: string, environment: NodeJS.ProcessEnv) {
  const { stdout } = await git(repo, ['log', '--no-merges', '--format=%ce %h %s', range], environment);
  const others = stdout.split('\n').filter(line => line && !line.startsWith(`${committer.email} `));
  if (!others.length) return;
  throw new Failure(1, `${branch} has ${others.length} commits by others, which a new sync would replace`, {
    detail: others.slice(0, 10).join('\n'),
    advice: `merge that branch, or delete it: git -C ${repo} push origin --delete ${branch}`,
  });
}

/**
 * A commit on the base with the new pin and patches: always the same one for the same input. It holds no text of upstream's,
 * because what is merged into a default branch closes issues and mentions people.
 */
export async function commitSync(
  work: Workspace,
  { base, folder, before, after }: { base: string; folder: string; before: PatchSet; after: PatchSet },
): Promise<string> {
  const { must } = work;
  const old = filesOf(before);
  const { written, removed } = changedNames(old, filesOf(after));
  const index = { GIT_INDEX_FILE: join(work.folder, 'sync-index') };
  const path = (name: string) => (folder === '.' ? name : `${folder}/${name}`);
  await must(['read-tree', base], 'git cannot read the base', { variables: index });
  const lines = removed.map(name => `0 ${'0'.repeat(base.length)}\t${path(name)}\0`);
  for (const name of written) {
    const input = filesOf(after).get(name) ?? Buffer.alloc(0);
    const id = await must(['hash-object', '-w', '--stdin'], 'git cannot write a patch', { input });
    lines.push(`100644 ${id.trim()}\t${path(name)}\0`);
  }
  const more = { variables: index, input: lines.join('') };
  await must(['update-index', '-z', '--index-info'], 'git cannot add the patches', more);
  const tree = (await must(['write-tree'], 'git cannot write the tree', { variables: index })).trim();
  const times = await must(['log', '--no-walk', '--format=%ct', base, after.base], 'git cannot read the times');
  const date = `${Math.max(...times.trim().split('\n').map(Number))} +0000`;
  const who = { GIT_AUTHOR_NAME: committer.name, GIT_AUTHOR_EMAIL: committer.email, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }; // prettier-ignore
  const message = `Upstream sync: ${sha7(before.base)} to ${sha7(after.base)}\n\nUpstream-Commit: ${after.base}\n`;
  const words = ['commit-tree', tree, '-p', base, '-m', message];
  return (await must(words, 'git cannot write the commit', { variables: who })).trim();
}

/** @throws Failure 1 when origin refuses it, or when the branch is no longer what was seen */
export async function pushSync(
  work: Workspace,
  { repo, remote, branch, sha }: { repo: string; remote: OwnRemote; branch: string; sha: string },
  { environment, signal }: WorkspaceContext,
): Promise<void> {
  const lease = `--force-with-lease=refs/heads/${branch}:${remote.synced ?? ''}`;
  // by its address: otherwise git would note the branch in the clone, which does not have its commit
  const words = ['push', '--porcelain', lease, '--', remote.pushAddress, `${sha}:refs/heads/${branch}`];
  const variables = { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(work.tree, '.git/objects') };
  const said = await git(repo, words, environment, { signal, paths: true, variables });
  if (said.code === 0) return;
  const text = `${said.stdout}\n${said.stderr}`.trim();
  throw new Failure(1, `${remote.pushAddress} did not take the branch ${branch}`, {
    detail: text.split('\n').slice(-8).join('\n'),
    advice: /stale info/.test(text)
      ? 'somebody pushed to it at the same time: run it again'
      : `may this machine push there? git -C ${repo} push --dry-run origin HEAD:refs/heads/${branch}`,
  });
}
