// Builds the images of a commit on this machine, tries them out, and pushes them under the commit's SHA.
import { composeImages } from '../lib/build/compose-images.ts';
import { verifyAttests, verifyBuilder } from '../lib/build/engine.ts';
import { buildItems, findStored, type ImageJob } from '../lib/build/pipeline.ts';
import { dockerHere } from '../lib/build/programs.ts';
import { exportCommit, makeWorkshop, readCommit, readDockerfiles } from '../lib/build/source.ts';
import { imageReference, type Commit } from '../lib/build/words.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import { fileAt, resolveCommit, verifyIsClean } from '../lib/git/clone.ts';
import { sha7 } from '../lib/release/release.ts';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import type { Result } from '../lib/report/result.ts';
import type { Build } from '../lib/target/build-settings.ts';
import type { Target } from '../lib/target/target.ts';
import type { Context } from '../lib/task/context.ts';
import { task } from '../lib/task/task.ts';
import { withUpstream, type UpstreamSource } from '../lib/upstream/source.ts';

export default task(import.meta.url, {
  about: 'Build the images of a commit, try them out, and push them under the commit’s SHA',
  examples: [
    'npx tsx tasks/build.ts --env staging',
    'npx tsx tasks/build.ts --env staging --ref feature/toc --plan',
    'npx tsx tasks/build.ts --env production --sha 3f2c1ab9… --no-push',
  ],
  args: {
    sha: { type: 'string', value: 'commit', about: 'the commit to build' },
    ref: { type: 'string', value: 'name', about: 'a branch or tag; default: what the environment tracks' },
    'no-push': { type: 'boolean', about: 'build and try out, and leave the images in the engine of this machine' },
    rebuild: { type: 'boolean', about: 'build and push also what the registry has already' },
    plan: { type: 'boolean', about: 'show what would be built and pushed, and do nothing' },
  },

  async run(context) {
    const { args, environment, report } = context;
    const target = await context.target();
    const { build, repo } = target;
    if (!build || !repo)
      throw new Failure(3, `${targetName(target)} has no build in ops.yml`, {
        advice: 'build: {} is enough for one Dockerfile at the top of the repo (docs/15-build.md)',
      });
    if (args.sha && args.ref) throw new Failure(2, '--sha and --ref cannot be combined');
    const sha = await resolveCommit(repo, args.sha ?? args.ref ?? target.tracks, environment);
    await verifyIsClean(repo, sha, environment).catch((error: unknown) => {
      report.warn(`${messageOf(error).split(', and')[0] ?? ''}: they are not in the images`);
    });
    const own = await readCommit(repo, sha, environment);
    const wanted = { target, build, repo, commit: own };
    const { upstream } = build;
    if (!upstream) return buildImagesOf({ ...wanted, source: undefined }, context);
    return withUpstream({ repo, app: target.app, sha, upstream }, context, source => {
      for (const { path, replaces, from } of source.additions)
        if (replaces) report.say(`${from} replaces upstream’s ${path}`);
      const of = { repository: upstream.repository, commit: source.base, patches: source.hash };
      return buildImagesOf({ ...wanted, commit: { ...own, upstream: of }, source }, context);
    });
  },
});

type BuildContext = Pick<Context, 'environment' | 'report' | 'signal'> & {
  args: { 'no-push': boolean; rebuild: boolean; plan: boolean };
};
type Wanted = { target: Target; build: Build; repo: string; commit: Commit; source: UpstreamSource | undefined };

async function buildImagesOf(
  { target, build, repo, commit, source }: Wanted,
  { args, environment, report, signal }: BuildContext,
): Promise<Result> {
  const { sha } = commit;
  const from = source ?? { repo, sha };
  const where = source && `${build.upstream?.repository ?? ''} at ${sha7(source.base)} with the patches`;
  const dockerfiles = await readDockerfiles(from.repo, from.sha, build.images, environment, where);

  const docker = dockerHere({ environment, signal });
  const platform = await verifyBuilder(docker);
  const push = !args['no-push'];
  if (push) await verifyAttests(docker, build.images);
  const jobs: ImageJob[] = [];
  for (const settings of build.images) {
    const reference = imageReference(build, settings, commit);
    const stored = push && !args.rebuild ? await findStored(docker, { reference }, commit, environment) : undefined;
    jobs.push({ settings, reference, dockerfile: dockerfiles.get(settings.name) ?? '', stored });
  }
  await warnOfOthers(target, repo, jobs, { sha, environment, warn: report.warn });

  const next = `${taskCommand('deploy', target)} --sha ${sha}`;
  const told = { ...nameOf(target), sha, ...(source && { upstream: toldOf(source) }) };
  const around = { docker, environment, signal, platform };
  if (args.plan) {
    const idle = { ...around, folder: '', exportTo: async () => {} };
    const items = buildItems({ commit, jobs, push }, idle);
    const steps = items.map(({ title, skip }) => ({ title, ...(skip !== undefined && { skip }) }));
    const upstream = source ? [upstreamText(source)] : [];
    const lines = steps.map(({ title, skip }, at) => `${at + 1}. ${title}${skip === undefined ? '' : `: ${skip}`}`);
    return { text: [...upstream, ...lines].join('\n'), json: { ...told, steps } };
  }

  if (jobs.some(({ stored }) => !stored)) {
    const { folder, remove } = await makeWorkshop(signal);
    try {
      const exportTo = (into: string) => exportCommit(from.repo, from.sha, into, { environment, signal });
      await report.show(buildItems({ commit, jobs, push }, { ...around, folder, exportTo }));
    } finally {
      remove();
    }
  }
  const images = jobs.map(({ settings, reference, stored, digest, id }) => ({
    name: settings.name,
    reference,
    digest: stored?.digest ?? digest ?? null,
    id: id ?? null,
    outcome: stored ? 'present' : digest ? 'pushed' : 'built',
  }));
  const all = jobs.every(({ stored }) => stored);
  const head = all
    ? `the registry has ${jobs.length === 1 ? 'the image' : `all ${jobs.length} images`} of ${sha7(sha)} already: nothing to do`
    : `${targetName(target)}: ${sha7(sha)} is ${push ? 'built and pushed' : 'built, and nothing was pushed'}`;
  const rows = images.map(one => [
    `  ${one.reference.replace(`:${sha}`, '')}`,
    one.digest ?? one.id ?? '',
    one.outcome,
  ]);
  return {
    text: [head, report.table(rows), ...(push ? [`next: ${next}`] : [])].join('\n'),
    json: { ...told, images, next: push ? next : null },
  };
}

/** A deploy pulls what the compose file names: when that is something else, people should know before they wait for a build. */
async function warnOfOthers(
  { runtime }: Target,
  repo: string,
  jobs: readonly ImageJob[],
  { sha, environment, warn }: { sha: string; environment: NodeJS.ProcessEnv; warn: (text: string) => void },
): Promise<void> {
  if (runtime.kind !== 'compose') return;
  const text = await fileAt(repo, sha, runtime.file, environment).catch(() => undefined);
  if (text === undefined)
    return warn(`${runtime.file} is not in the commit ${sha7(sha)}, so a deploy of it will be refused`);
  const named = composeImages(text, { ...runtime.variables, IMAGE_TAG: sha });
  for (const { reference } of jobs)
    if (!named.includes(reference))
      warn(`no service of ${runtime.file} has the image ${reference}: it has ${named.join(', ') || 'none'}`);
}

function toldOf({ base, hash, applied, additions }: UpstreamSource) {
  return { commit: base, patchesSha256: hash, patches: applied.map(({ patch }) => patch), files: additions };
}

/** `upstream 057f098, 3 patches, 2 files` */
function upstreamText({ base, applied, additions }: UpstreamSource): string {
  return `upstream ${sha7(base)}, ${applied.length} patches, ${additions.length} files`;
}
