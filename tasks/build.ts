// Builds the images of a commit on this machine, tries them out, and pushes them under the commit's SHA.
import { composeImages } from '../lib/build/compose-images.ts';
import { verifyAttests, verifyBuilder } from '../lib/build/engine.ts';
import { buildItems, findStored, type ImageJob } from '../lib/build/pipeline.ts';
import { dockerHere } from '../lib/build/programs.ts';
import { exportCommit, makeWorkshop, readCommit, readDockerfiles } from '../lib/build/source.ts';
import { imageReference } from '../lib/build/words.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import { fileAt, resolveCommit, verifyIsClean } from '../lib/git/clone.ts';
import { sha7 } from '../lib/release/release.ts';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import type { Target } from '../lib/target/target.ts';
import { task } from '../lib/task/task.ts';

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
    const { args, environment, report, signal } = context;
    const target = await context.target();
    const { build, repo } = target;
    if (!build || !repo)
      throw new Failure(3, `${targetName(target)} has no build in ops.yml`, {
        advice: 'build: {} is enough for one Dockerfile at the top of the repo (docs/15-build.md)',
      });
    if (args.sha && args.ref) throw new Failure(2, '--sha and --ref cannot be combined');
    const sha = await resolveCommit(repo, args.sha ?? args.ref ?? target.tracks, environment);
    const commit = await readCommit(repo, sha, environment);
    const dockerfiles = await readDockerfiles(repo, sha, build.images, environment);
    await verifyIsClean(repo, sha, environment).catch((error: unknown) => {
      report.warn(`${messageOf(error).split(', and')[0] ?? ''}: they are not in the images`);
    });

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
    const told = { ...nameOf(target), sha };
    const around = { docker, environment, signal, platform };
    if (args.plan) {
      const idle = { ...around, folder: '', exportTo: async () => {} };
      const items = buildItems({ commit, jobs, push }, idle);
      const steps = items.map(({ title, skip }) => ({ title, ...(skip !== undefined && { skip }) }));
      const lines = steps.map(({ title, skip }, at) => `${at + 1}. ${title}${skip === undefined ? '' : `: ${skip}`}`);
      return { text: lines.join('\n'), json: { ...told, steps } };
    }

    if (jobs.some(({ stored }) => !stored)) {
      const { folder, remove } = await makeWorkshop(signal);
      try {
        const exportTo = (into: string) => exportCommit(repo, sha, into, { environment, signal });
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
  },
});

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
