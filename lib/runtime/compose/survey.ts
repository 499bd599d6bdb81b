// Asks Compose on the host what a commit's file means there, before anything is changed: what it would share, and what it replaces.
import { posix } from 'node:path';
import { sourceOf } from '../../yaml/problems.ts';
import type { Target } from '../../target/target.ts';
import type { ComposeSettings } from '../../target/runtime-settings.ts';
import { readYaml } from '../../yaml/yaml.ts';
import { Failure } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { sh } from '../../host/sh.ts';
import { otherColour, type Colour } from '../../release/colours.ts';
import { findFile } from '../../git/clone.ts';
import { sha7, type Release } from '../../release/release.ts';
import { clashesOf } from './conflicts.ts';
import { dockerQuestion, readDocker, type DockerHost } from './docker-state.ts';
import { readModel } from './model.ts';
import { askDocker, composeConfig, describeCompose, modelOf, wordsOf } from './config-question.ts';
import { differences, replaced, type Origin, type TakeOver } from './foreign-release.ts';
import { variablesOf } from './shell-functions.ts';
import type { Materials } from '../runtime.ts';
import type { Change } from '../../release/change.ts';

export type SurveyContext = {
  config(): Promise<{ targets: readonly Target[] }>;
  report: { warn(text: string): void };
  environment: NodeJS.ProcessEnv;
};

/**
 * The materials, with what is needed to take over what another tool deployed.
 * @throws Failure 3 for a compose file that Compose does not take, that has what another project of the host has, or that
 * does not describe what it would replace; nothing was changed.
 */
export async function surveyed(
  around: SurveyContext,
  host: Host,
  target: Target,
  change: Change,
  materials: Materials,
): Promise<Materials> {
  const { runtime } = target;
  if (runtime.kind !== 'compose') return materials;
  const { composeFile } = materials;
  const foreign = takenFrom(change);
  if (composeFile === undefined && !foreign) return materials;
  const { next, was } = change;
  // `maintenance` and `hold` have one place; of blue-green both places are checked, whichever is next
  const colours: (Colour | undefined)[] = target.switch === 'blue-green' ? ['blue', 'green'] : [undefined];
  const first = was ? otherColour(was.colour ?? 'blue') : 'blue';
  const said = await askDocker(host, target, [
    ...(composeFile === undefined
      ? []
      : colours.map(colour =>
          describeCompose(runtime, {
            name: `model-${colour ?? 'one'}`,
            text: composeFile,
            folder: target.root,
            project: colour ? `${runtime.project}-${colour}` : runtime.project,
            variables: { ...variablesOf(target, runtime, colour), IMAGE_TAG: next.sha },
          }),
        )),
    dockerQuestion(foreign ? runtime.project : undefined),
  ]);
  const docker = readDocker(said);
  if (composeFile !== undefined) {
    const models = colours.map(colour => modelOf(said, `model-${colour ?? 'one'}`, runtime.file));
    const at = Math.max(0, colours.indexOf(first));
    const own = target.switch === 'blue-green' ? first : undefined;
    const { problems, warnings } = clashesOf({
      target,
      project: own ? `${runtime.project}-${own}` : runtime.project,
      model: models[at] ?? { services: [], volumes: [], networks: [] },
      tree: readYaml(composeFile).tree,
      host: docker,
      targets: (await around.config()).targets.filter(one => one.host.name === target.host.name),
      otherColour: own && models[1 - at],
    });
    for (const warning of warnings) around.report.warn(`${runtime.file}: ${warning}`);
    const advice = `correct ${runtime.file} and commit it; nothing was changed (docs/45-staging-and-instances.md)`;
    sourceOf(runtime.file, composeFile).refuse(problems, advice);
  }
  if (!foreign) return materials;
  return { ...materials, takeOver: await originOf(around.environment, host, target, runtime, foreign, docker) };
}

/** What another tool deployed and nobody has taken over yet. A folder without `directory` is half-made, or an older version's. */
export function takenFrom({ was, facts }: Change): Release | undefined {
  if (!was?.name.startsWith('adopted_')) return undefined;
  return (facts.answers.get('taken') ?? '').split('\n').includes(was.name) ? undefined : was;
}

/** What the containers that run were made from. @throws Failure 3 when nothing that is at hand describes them */
async function originOf(
  environment: NodeJS.ProcessEnv,
  host: Host,
  target: Target,
  settings: ComposeSettings,
  was: Release,
  docker: DockerHost,
): Promise<TakeOver> {
  const running = replaced(docker, settings.project, settings.accessories);
  const [one] = running;
  const services = [...new Set(running.map(other => other.service))];
  const variables = { ...variablesOf(target, settings), IMAGE_TAG: was.sha };
  const folder = one?.folder || target.root;
  const paths = one?.files.length ? one.files : [posix.join(folder, posix.basename(settings.file))];
  const committed = await Promise.all(
    paths.map(async path =>
      target.repo
        ? findFile(target.repo, was.sha, [path, ...(paths.length === 1 ? [settings.file] : [])], environment)
        : undefined,
    ),
  );
  const fromGit = committed.every(text => text !== undefined) ? committed : undefined;

  // first what is on the server: the files that Compose itself says they are of, and the variables beside them
  const beside = [...(one?.environmentFiles ?? []), posix.join(folder, '.env')];
  const found = await askDocker(host, target, [
    ...paths.map((path, at) => sh`head -c 300000 ${path} 2>/dev/null | fact ${`file-${at}`}`),
    sh`for file in ${beside}; do if [ -r "$file" ]; then printf %s "$file" | fact before; break; fi; done`,
  ]);
  const onHost = paths.map((_, at) => found.get(`file-${at}`) ?? '');
  const before = found.get('before');
  const files = [fromGit, onHost.every(text => text !== '') && onHost.join() !== fromGit?.join() ? onHost : undefined];
  const origins: Origin[] = files.flatMap(texts =>
    texts ? [undefined, ...(before ? [before] : [])].map(one => ({ files: texts, folder, before: one })) : [],
  );
  const way = `let it run what its commit says (its own tool, once more), or git fetch the commit; or docker compose -p ${settings.project} down on ${host.name} by hand, and deploy`;
  if (!origins.length)
    throw new Failure(
      3,
      `${sha7(was.sha)}, which another tool deployed, cannot be taken over: its compose file is not at hand, so there would be no way back`,
      {
        detail: `looked for ${paths.join(', ')} on ${host.name}${target.repo ? `, and for ${settings.file} in the commit ${sha7(was.sha)} of ${target.repo}` : ''}`,
        advice: one
          ? way
          : `nothing of it runs: rm ${target.paths.releases}/current_release on ${host.name}, and deploy as if it were the first`,
      },
    );
  if (!running.length) return { ...(origins[0] as Origin), services: [] };

  const said = await askDocker(
    host,
    target,
    origins.map(({ files: [text = '', ...also], folder: at, before: first }, index) => {
      const described = { name: `origin-${index}`, text, folder: at, project: settings.project, variables };
      return composeConfig(settings, described, also, first);
    }),
  );
  const judged = origins.map((origin, index) => {
    const wrong = said.get(`origin-${index}-wrong`);
    const what =
      wrong === undefined
        ? differences(readModel(said.get(`origin-${index}`) ?? ''), running, docker.imageEnvironments)
        : [wordsOf(wrong)];
    return { origin, what };
  });
  const fits = judged.find(other => !other.what.length);
  if (fits) return { ...fits.origin, services };
  const [closest] = judged.sort((a, b) => a.what.length - b.what.length);
  throw new Failure(
    3,
    `${sha7(was.sha)}, which another tool deployed, cannot be taken over: what runs is not what its compose file describes, so the way back would be another release`,
    {
      detail: closest?.what.slice(0, 15).join('\n') ?? '',
      advice: way,
    },
  );
}
