// Brings the pin and the patches up to what upstream has now, as one branch and one pull request; a conflict changes nothing.
import { verifyBuilder } from '../lib/build/engine.ts';
import { buildItems, type ImageJob } from '../lib/build/pipeline.ts';
import { dockerHere } from '../lib/build/programs.ts';
import { exportCommit, makeWorkshop, readCommit, readDockerfiles } from '../lib/build/source.ts';
import { imageReference } from '../lib/build/words.ts';
import { Failure } from '../lib/errors.ts';
import { pullRequestsOf, type PullRequests } from '../lib/github/pull-requests.ts';
import { originPage } from '../lib/git/clone.ts';
import { sha7 } from '../lib/release/release.ts';
import { doItem } from '../lib/report/items.ts';
import { readSecret } from '../lib/secret.ts';
import type { Build, UpstreamSettings } from '../lib/target/build-settings.ts';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import type { Context } from '../lib/task/context.ts';
import { task } from '../lib/task/task.ts';
import { declinedOf, ensureRequest, openOf, type RequestOutcome } from '../lib/upstream/sync/open-request.ts';
import { pushSync, readOwnRemote, type OwnRemote } from '../lib/upstream/sync/own-remote.ts';
import { withUpstream } from '../lib/upstream/source.ts';
import { prepareSync, type Sync } from '../lib/upstream/sync/prepare.ts';
import { syncBody, syncText, syncTitle } from '../lib/upstream/sync/report.ts';
import { openWorkspace, type Workspace } from '../lib/upstream/workspace.ts';

export default task(import.meta.url, {
  about: 'Fetch what is new upstream, put the patches on it, try it out, and open or update one pull request',
  examples: [
    'npx tsx tasks/upstream-sync.ts --env production --plan',
    'npx tsx tasks/upstream-sync.ts --env production',
    'npx tsx tasks/upstream-sync.ts --env production --to v1.3.0 --no-build',
  ],
  args: {
    to: { type: 'string', value: 'ref', about: 'a tag, branch or commit of upstream; default: the branch it follows' },
    'no-build': { type: 'boolean', about: 'push without building and trying out the images' },
    plan: { type: 'boolean', about: 'show what is new and whether the patches apply, and push nothing' },
  },

  async run(context) {
    const { args, report } = context;
    const target = await context.target();
    const { repo, build, app } = target;
    const upstream = build?.upstream;
    if (!repo || !build || !upstream)
      throw new Failure(3, `${targetName(target)} has no build.upstream in ops.yml`, { advice: 'docs/16-upstream.md' });
    const { branch, base } = upstream.pullRequest;

    // Pre-flight. No impact yet.
    const remote = await doItem(report, 'Read origin', () => readOwnRemote({ repo, app, base, branch }, context));
    const requests = args.plan ? undefined : await requestsOf(upstream, remote, context);
    const known = (await requests?.list()) ?? [];
    const work = await openWorkspace([repo], context);
    try {
      const { set, tip, sync } = await doItem(report, 'Fetch upstream and apply the patches', say =>
        prepareSync(work, { repo, app, upstream, remote, to: args.to }, say, context),
      );
      const told = { ...nameOf(target), from: set.base, to: tip.sha };
      const nothing = { pushed: false, pullRequest: null };
      if (!sync)
        return {
          text: `nothing new: ${tip.name} of upstream is at ${sha7(tip.sha)}, and ${remote.base.branch} is pinned to ${sha7(set.base)}`,
          json: { ...told, isNew: false, ...nothing },
        };
      const { news, patches, dropped } = sync;
      const json = { ...told, isNew: true, news, patches, dropped, commit: sync.commit };
      const title = syncTitle(sync);
      if (args.plan) {
        const would = remote.synced === sync.commit ? `${branch} is up to date` : `would push ${branch}`;
        return {
          text: [title, syncText({ ...sync, built: undefined }), would].join('\n'),
          json: { ...json, ...nothing },
        };
      }
      const declined = declinedOf(known, title);
      if (declined)
        return {
          text: `pull request ${declined.number} for ${sha7(tip.sha)} was closed without being merged: it is not opened again until upstream has something new`,
          json: { ...json, pushed: false, pullRequest: { outcome: 'declined', number: declined.number, page: declined.page } }, // prettier-ignore
        };

      const names = build.images.map(({ name }) => name);
      const [whole, unbuilt] = [syncBody({ ...sync, built: names }), syncBody({ ...sync, built: undefined })];
      const isThere = remote.synced === sync.commit;
      const open = openOf(known);
      // a request that says so was built before it was pushed
      const wasBuilt = isThere && (requests ? open?.body.trimEnd() === whole.trimEnd() : true);
      if (!wasBuilt && !args['no-build']) await tryOut(work, { build, upstream, sync, app, repo }, context);

      // Let’s go.
      if (!isThere)
        await doItem(report, `Push ${branch}`, () => pushSync(work, { repo, remote, branch, sha: sync.commit }, context)); // prettier-ignore
      const body = wasBuilt || !args['no-build'] ? whole : unbuilt;
      const request = requests && (await doItem(report, 'Open or update the pull request', () => ensureRequest(requests, known, { title, body }))); // prettier-ignore
      const text = [title, syncText({ ...sync, built: undefined }), endText(branch, isThere, request)];
      return { text: text.join('\n'), json: { ...json, pushed: !isThere, pullRequest: request ?? null } };
    } finally {
      work.remove();
    }
  },
});

function endText(branch: string, isThere: boolean, request: RequestOutcome | undefined): string {
  const pushed = isThere ? `${branch} is up to date` : `${branch} is pushed`;
  return request ? `${pushed}; pull request ${request.number} is ${request.outcome}: ${request.page}` : pushed;
}

type SyncContext = Pick<Context, 'environment' | 'report' | 'signal'>;

async function requestsOf(
  { pullRequest: { branch, github } }: UpstreamSettings,
  { page, base }: OwnRemote,
  { environment, signal }: SyncContext,
): Promise<PullRequests | undefined> {
  if (!github) return undefined;
  const [, host = '', owner = '', name = ''] = /^https?:\/\/([^/]+)\/([\w.-]+)\/([\w.-]+)$/.exec(page ?? '') ?? [];
  if (!name || (host !== 'github.com' && github.url === undefined))
    throw new Failure(3, `origin is not on GitHub${page === undefined ? '' : `: ${page}`}, and build.upstream.pull_request has a token`, {
      advice: 'take token out (the branch is pushed all the same), or name the API of a GitHub Enterprise server: url',
    }); // prettier-ignore
  const token = await readSecret(github.token, environment);
  return pullRequestsOf({
    repository: { owner, name },
    head: branch,
    base: base.branch,
    token,
    url: github.url,
    signal,
  });
}

/** Builds the images of the commit as a build of it would, and starts them; nothing is pushed. */
async function tryOut(
  work: Workspace,
  { build, upstream, sync, app, repo }: { build: Build; upstream: UpstreamSettings; sync: Sync; app: string; repo: string }, // prettier-ignore
  context: SyncContext,
): Promise<void> {
  const { environment, signal, report } = context;
  const docker = dockerHere({ environment, signal });
  const platform = await verifyBuilder(docker);
  await withUpstream({ repo: work.tree, app, sha: sync.commit, upstream }, context, async source => {
    const of = { repository: upstream.repository, commit: source.base, patches: source.hash };
    const page = await originPage(repo, environment);
    const commit = { ...(await readCommit(work.tree, sync.commit, environment)), source: page, upstream: of };
    const where = `${upstream.repository} at ${sha7(source.base)} with the patches`;
    const dockerfiles = await readDockerfiles(source.repo, source.sha, build.images, environment, where);
    const jobs = build.images.map((settings): ImageJob => ({
      settings,
      reference: imageReference(build, settings, commit),
      dockerfile: dockerfiles.get(settings.name) ?? '',
      stored: undefined,
    }));
    const { folder, remove } = await makeWorkshop(signal);
    try {
      const exportTo = (into: string) => exportCommit(source.repo, source.sha, into, { environment, signal });
      const steps = { docker, environment, signal, platform, folder, exportTo };
      await report.show(buildItems({ commit, jobs, push: false }, steps));
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== 1) throw error;
      const message = `upstream at ${sha7(sync.set.base)} with the patches: ${error.message}`;
      throw new Failure(1, message, { detail: error.detail, advice: error.advice ?? taskCommand('patch open'), cause: error }); // prettier-ignore
    } finally {
      remove();
      // after the merge it is another commit that is built and pushed
      await docker(['image', 'rm', ...jobs.map(({ reference }) => reference)], { always: true });
    }
  });
}
