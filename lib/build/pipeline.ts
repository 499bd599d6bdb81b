// Builds the images of a commit one after the other, tries each out, and pushes all of them only when every one passed.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { isRecord } from '../record.ts';
import { sha7 } from '../release/release.ts';
import type { Item, Say } from '../report/items.ts';
import type { ImageSettings } from '../target/build-settings.ts';
import { buildFailure, imageId } from './engine.ts';
import { refuseLeaks } from './leaks.ts';
import type { Docker } from './programs.ts';
import { findImage, pushFailure, pushImage, type StoredImage } from './registry.ts';
import { readBuildSecrets, type BuildSecrets } from './secrets.ts';
import { smokeTest } from './smoke.ts';
import { buildWords, isNative, isPushedByBuilder, revisionLabel, type Commit, type Way } from './words.ts';

/** One image of a commit, and what became of it. */
export type ImageJob = {
  settings: ImageSettings;
  reference: string;
  dockerfile: string;
  /** What the registry has already, built from this commit. */
  stored: StoredImage | undefined;
  /** What the engine calls the image that was built. */
  id?: string;
  /** In the registry. */
  digest?: string;
};

export type BuildPlan = {
  commit: Commit;
  jobs: readonly ImageJob[];
  push: boolean;
};

/** @throws Failure 1 for a name that the registry has with another content */
export async function findStored(
  docker: Docker,
  job: Pick<ImageJob, 'reference'>,
  { sha }: Commit,
  environment: NodeJS.ProcessEnv,
): Promise<StoredImage | undefined> {
  const stored = await findImage(docker, job.reference, environment);
  if (!stored || stored.revision === sha) return stored;
  const what =
    stored.revision === undefined ? `has no label ${revisionLabel}` : `was built from ${sha7(stored.revision)}`;
  throw new Failure(1, `the registry has ${job.reference} already, and that ${what}`, {
    detail: `its digest is ${stored.digest}`,
    advice: 'a name with a commit in it should mean one image for ever; to build and push it nevertheless: --rebuild',
  });
}

export type PipelineContext = {
  docker: Docker;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
  /** Of the engine, `linux/amd64`. */
  platform: string;
  /** A folder with `source` in it, the commit's files. */
  folder: string;
  exportTo: (folder: string) => Promise<void>;
};

/** What is done, in order. */
export function buildItems({ commit, jobs, push }: BuildPlan, context: PipelineContext): Item[] {
  const open = jobs.filter(({ stored }) => !stored);
  const secrets = new Map<ImageJob, BuildSecrets>();
  const source = join(context.folder, 'source');
  const { docker, environment, signal, platform } = context;
  const present = (job: ImageJob) =>
    job.stored ? { skip: `the registry has it, built from ${sha7(commit.sha)}` } : {};

  const build = async (job: ImageJob, to: Way['to'], say: Say) => {
    const { settings, reference, dockerfile } = job;
    const given = secrets.get(job) ?? (await readBuildSecrets(settings, environment));
    secrets.set(job, given);
    const { masked } = given;
    const words = buildWords(settings, commit, { folder: source, dockerfile, reference, to });
    const seconds = String(Date.parse(commit.created) / 1000);
    const variables = { ...given.environment, SOURCE_DATE_EPOCH: seconds };
    return docker(words, { say, masked, variables });
  };

  /** The layers are in its cache by now. */
  const byBuilder = async (job: ImageJob, say: Say): Promise<string> => {
    const metadataFile = join(context.folder, `${job.settings.name}.json`);
    const answer = await build(job, { registry: true, metadataFile }, say);
    if (answer.code !== 0)
      throw /failed to push|failed to authorize/i.test(answer.lines.join('\n'))
        ? pushFailure(job.reference, answer)
        : buildFailure(job.settings.name, answer);
    const metadata: unknown = JSON.parse(await readFile(metadataFile, 'utf8'));
    const digest = isRecord(metadata) ? metadata['containerimage.digest'] : undefined;
    return String(digest);
  };

  return [
    {
      title: `Export the files of ${sha7(commit.sha)}`,
      ...(open.length ? {} : { skip: 'nothing is to be built' }),
      run: async () => {
        // secrets first: without one no build should begin
        for (const job of open) secrets.set(job, await readBuildSecrets(job.settings, environment));
        await context.exportTo(source);
      },
    },
    ...jobs.flatMap((job): Item[] => {
      const { settings } = job;
      const { smoke, name } = settings;
      return [
        {
          title: `Build ${name}`,
          ...present(job),
          run: async say => {
            const answer = await build(job, { engine: platform }, say);
            if (answer.code !== 0) throw buildFailure(name, answer);
            job.id = await imageId(docker, job.reference);
            const values = secrets.get(job)?.values ?? new Map<string, Buffer>();
            await refuseLeaks(docker, { image: job.id, name, values });
          },
        },
        {
          title: `Smoke test of ${name}`,
          ...(smoke
            ? isNative(settings, platform)
              ? present(job)
              : { skip: `it is for ${settings.platforms.join(', ')}, and the engine here is ${platform}` }
            : { skip: 'ops.yml has no smoke for it' }),
          run: async say => {
            if (!smoke) return;
            const masked = secrets.get(job)?.masked ?? (text => text);
            const image = job.id ?? job.reference;
            await smokeTest({ image, name, sha: commit.sha, smoke }, { docker, signal, say, masked });
          },
        },
      ];
    }),
    ...jobs.map((job): Item => {
      const { settings, reference } = job;
      return {
        title: `Push ${reference}`,
        ...(push ? present(job) : { skip: '--no-push' }),
        run: async say => {
          const pushed = isPushedByBuilder(settings)
            ? await byBuilder(job, say)
            : await pushImage(docker, reference, say);
          const stored = await findImage(docker, reference, environment);
          if (stored?.digest !== pushed || stored.revision !== commit.sha)
            throw new Failure(
              1,
              `${reference} was pushed as ${pushed}, and the registry has ${stored?.digest ?? 'nothing'} there`,
              {
                advice: 'somebody else may have pushed the same name meanwhile: run it again',
              },
            );
          job.digest = pushed;
        },
      };
    }),
  ];
}
