// Brings upstream's commits into the person's clone, under references of our own that nobody else uses, and keeps each pin there.
import { Failure } from '../errors.ts';
import { hasCommit } from '../git/clone.ts';
import { git, type GitMore, type Said } from '../git/git.ts';
import { fullSha, sha7 } from '../release/release.ts';
import type { UpstreamSettings } from '../target/build-settings.ts';
import type { WorkspaceContext } from './workspace.ts';

/** A clone and what is to be fetched into it. */
export type UpstreamClone = { repo: string; app: string; upstream: UpstreamSettings };

/** Below it: `heads/main`, `tags/v1.0`, `pins/<sha>`. */
export function ownRefs(app: string): string {
  return `refs/bookops/upstream/${app}`;
}

/**
 * The pin is there afterwards, and stays: also when upstream throws that commit away.
 * @throws Failure 1 when neither the clone nor upstream has it
 */
export async function keepPin(of: UpstreamClone, pin: string, around: WorkspaceContext): Promise<void> {
  const { repo, app, upstream } = of;
  const reference = `${ownRefs(app)}/pins/${pin}`;
  if (await hasCommit(repo, pin, around.environment)) return keep(repo, reference, pin, around);
  const alone = await fetchUpstream(of, [`${pin}:${reference}`], around);
  if (alone.code === 0) return;
  // older servers give only what a branch or a tag has
  const all = await fetchUpstream(of, everything(app), around);
  if (all.code !== 0) throw cannotFetch(upstream, all);
  if (await hasCommit(repo, pin, around.environment)) return keep(repo, reference, pin, around);
  throw new Failure(
    1,
    `${sha7(pin)}, which the patches apply to, is neither in ${repo} nor at ${upstream.repository}`,
    {
      detail: alone.stderr.trim(),
      advice: `upstream may have rewritten its history. Another clone of yours may have it: git -C <that> push ${repo} ${pin}:${reference}`,
    },
  );
}

async function keep(repo: string, reference: string, pin: string, { environment }: WorkspaceContext): Promise<void> {
  const { code, stderr } = await git(repo, ['update-ref', reference, pin], environment);
  if (code !== 0) throw new Failure(1, `git cannot write ${reference} in ${repo}`, { detail: stderr.trim() });
}

export type UpstreamTip = {
  sha: string;
  /** `main`, or what was asked for. */
  name: string;
};

/**
 * Fetches the branch that is followed, and all tags.
 * @param to a branch, tag or commit of upstream in place of it
 * @throws Failure 1 when upstream does not answer, 2 when it has no such name
 */
export async function fetchTip(
  of: UpstreamClone,
  to: string | undefined,
  around: WorkspaceContext,
): Promise<UpstreamTip> {
  const { repo, app, upstream } = of;
  const said = await fetchUpstream(of, everything(app), around);
  if (said.code !== 0) throw cannotFetch(upstream, said);
  const name = to ?? upstream.branch ?? (await defaultBranch(repo, upstream.repository, around));
  const refs = ownRefs(app);
  const named = [`${refs}/heads/${name}`, `${refs}/tags/${name}`];
  // a commit of the person's own is in this clone, too
  if (/^[0-9a-f]{7,64}$/.test(name) && (await isOfUpstream(repo, name, refs, around))) named.push(name);
  for (const candidate of named) {
    const asked = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${candidate}^{commit}`];
    const { code, stdout } = await git(repo, asked, around.environment);
    if (code === 0) return { sha: fullSha(stdout.trim()), name };
  }
  throw new Failure(2, `${upstream.repository} has no branch or tag called ${JSON.stringify(name)}`, {
    advice: to === undefined ? 'correct build.upstream.branch in ops.yml' : `git ls-remote ${upstream.repository}`,
  });
}

async function isOfUpstream(repo: string, sha: string, refs: string, { environment }: WorkspaceContext) {
  const asked = ['for-each-ref', '--count=1', `--contains=${sha}`, `${refs}/heads`, `${refs}/tags`];
  const { code, stdout } = await git(repo, asked, environment);
  return code === 0 && stdout.trim() !== '';
}

const everything = (app: string) => ['heads', 'tags'].map(kind => `+refs/${kind}/*:${ownRefs(app)}/${kind}/*`);

async function fetchUpstream(
  { repo, upstream }: UpstreamClone,
  refspecs: string[],
  { environment, signal }: WorkspaceContext,
): Promise<Said> {
  const words = ['fetch', '--quiet', '--no-tags', '--prune', '--no-write-fetch-head', '--no-recurse-submodules'];
  // --prune would take the pins away when all that is asked for is one of them
  const asked = refspecs.length > 1 ? words : words.filter(word => word !== '--prune');
  return git(repo, [...asked, '--', upstream.repository, ...refspecs], environment, { signal, paths: true });
}

/** The branch behind HEAD of a repository elsewhere. @throws Failure 1 when it does not say */
export async function defaultBranch(
  repo: string,
  address: string,
  { environment, signal }: WorkspaceContext,
): Promise<string> {
  const more: GitMore = { signal, paths: true };
  const { code, stdout, stderr } = await git(repo, ['ls-remote', '--symref', '--', address, 'HEAD'], environment, more);
  const name = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(stdout)?.[1];
  if (code === 0 && name !== undefined) return name;
  throw new Failure(1, `${address} does not say which of its branches is the default one`, { detail: stderr.trim() });
}

function cannotFetch({ repository }: UpstreamSettings, { stderr }: Said): Failure {
  return new Failure(1, `git cannot fetch from ${repository}`, {
    detail: stderr.trim().split('\n').slice(-6).join('\n'),
    advice: `git ls-remote ${repository} shows whether it answers`,
  });
}
