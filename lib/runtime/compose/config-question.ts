// The query in which Compose on the host resolves a compose file; it changes nothing.
import { taskCommand } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import type { ComposeSettings } from '../../target/runtime-settings.ts';
import { get } from '../../yaml/tree.ts';
import { readYaml } from '../../yaml/yaml.ts';
import { Failure } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { readNamed } from '../../release/facts.ts';
import { readModel, type Model } from './model.ts';

export type Description = {
  name: string;
  text: string;
  folder: string;
  project: string;
  variables: Record<string, string>;
};

/** The environment files of services are left out: they may not be there yet, and hold secrets. */
export function describeCompose(settings: ComposeSettings, one: Description): Command {
  const services = get(readYaml(one.text).tree, 'services');
  const names = services?.kind === 'map' ? [...services.keys.keys()] : [];
  const without = `services: {${names.map(name => `${JSON.stringify(name)}: {env_file: !reset []}`).join(', ')}}`;
  return composeConfig(settings, one, names.length ? [without] : []);
}

/** Shell lines: what Compose makes of a file and of those beside it, or what it says against them. */
export function composeConfig(
  settings: ComposeSettings,
  one: Description,
  also: readonly string[],
  before?: string,
): Command {
  const { name, text, folder, project, variables } = one;
  const unset = [
    'IMAGE_TAG',
    'COMPOSE_FILE',
    'COMPOSE_PROFILES',
    ...Object.keys({ ...settings.variables, ...variables }),
  ];
  const set = Object.entries(variables).map(([key, value]) =>
    before === undefined
      ? sh`export ${`${key}=${value}`}`
      : sh`grep -qE ${`^[[:space:]]*(export[[:space:]]+)?${key}[[:space:]]*=`} ${before} || export ${`${key}=${value}`}`,
  );
  const more = also.map(other => sh` -f <(printf %s ${other})`).reduce((all, next) => sh`${all}${next}`, sh``);
  return lines(
    sh`( unset ${unset}`,
    ...set,
    sh`config() { printf %s ${text} | docker compose -p ${project} --project-directory ${folder} --env-file ${before ?? '/dev/null'} -f -${more} --profile '*' config --format json; }`,
    // the second time for its messages, which may be among those that it always prints
    sh`if out=$(config 2>/dev/null); then printf %s "$out" | fact ${name}; else config 2>&1 >/dev/null | fact ${`${name}-wrong`}; fi )`,
  );
}

/** @throws Failure 1 when there is no answer */
export async function askDocker(
  host: Host,
  target: Target,
  questions: (Command | undefined)[],
): Promise<Map<string, string>> {
  const question = lines(
    script('fact() { printf "%s " "$1"; base64 -w0; echo; }'),
    script('export LC_ALL=C.UTF-8; cd /'),
    ...questions,
    script('echo end -'),
  );
  const answer = await host.ask(question);
  if (!answer.stdout.includes('end -'))
    throw new Failure(1, `${host.name} could not say what Docker has there`, {
      detail: (answer.stderr || answer.stdout).trim().slice(-2000),
      advice: `${taskCommand('doctor', target)} looks for the cause`,
    });
  return readNamed(answer.stdout);
}

/** @throws Failure 3 with Compose's own message */
export function modelOf(said: Map<string, string>, name: string, file: string): Model {
  const wrong = said.get(`${name}-wrong`);
  if (wrong === undefined) return readModel(said.get(name) ?? '');
  if (/is not a docker command|unknown (shorthand )?(command|flag)|command not found/.test(wrong))
    throw new Failure(1, 'docker compose (version 2 or later) is not there', {
      advice: 'sudo apt-get install docker-compose-v2 on the host',
    });
  throw new Failure(3, `Compose does not take ${file}`, {
    detail: wordsOf(wrong),
    advice: 'correct it and commit; variables come from compose.variables of ops.yml; nothing was changed',
  });
}

/** Compose's messages, without those that it always prints. */
export function wordsOf(said: string): string {
  return said
    .split('\n')
    .filter(line => !line.includes('level=warning'))
    .join('\n')
    .trim();
}
