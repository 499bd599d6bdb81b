// What a registry has under a name, and the push of an image there.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { isRecord } from '../record.ts';
import type { Say } from '../report/items.ts';
import type { Docker, DockerAnswer } from './programs.ts';
import { revisionLabel } from './words.ts';

export type StoredImage = {
  /** Of the manifest, or of the list of those of several platforms: `sha256:…`. */
  digest: string;
  /** What its label says it was built from. */
  revision: string | undefined;
};

/** @returns undefined: the registry has none of that name. @throws Failure 1 when it does not answer, or not to us */
export async function findImage(
  docker: Docker,
  reference: string,
  environment: NodeJS.ProcessEnv,
): Promise<StoredImage | undefined> {
  const answer = await docker(['buildx', 'imagetools', 'inspect', '--format', '{{json .}}', reference]);
  if (answer.code === 0) return readStored(answer.stdout, reference);
  const said = answer.lines.join('\n');
  if (/not found|manifest unknown|name unknown/i.test(said)) return undefined;
  if (isRefused(said)) {
    // some say "denied" of what the first push will make
    const unknown = /403|denied|insufficient_scope/i.test(said) && !/401/.test(said);
    if (unknown && (await hasLogin(serverOf(reference), environment))) return undefined;
    throw notLoggedIn(reference, answer);
  }
  throw unanswered(reference, answer);
}

/** What `docker buildx imagetools inspect --format '{{json .}}'` prints. @throws Failure 1 for anything else */
export function readStored(text: string, reference: string): StoredImage {
  const at = (value: unknown, ...path: string[]) =>
    path.reduce<unknown>((found, key) => (isRecord(found) ? found[key] : undefined), value);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const digest = at(json, 'manifest', 'digest');
  if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new Failure(1, `docker buildx says nothing understandable of ${reference}: is it older than 0.10?`);
  const image = at(json, 'image');
  // of several platforms: a map of them
  const revisions = [image, ...(isRecord(image) ? Object.values(image) : [])].flatMap(one => {
    const revision = at(one, 'config', 'Labels', revisionLabel);
    return typeof revision === 'string' ? [revision] : [];
  });
  return { digest, revision: revisions[0] };
}

/** Pushes what the engine has under that name. @returns the digest that the registry gave it. @throws Failure 1 */
export async function pushImage(docker: Docker, reference: string, say: Say): Promise<string> {
  const answer = await docker(['push', reference], { say });
  if (answer.code !== 0) throw pushFailure(reference, answer);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(answer.lines.join('\n'))?.[1];
  if (!digest) throw new Failure(1, `docker pushed ${reference} and names no digest`, { detail: answer.lines.slice(-5).join('\n') }); // prettier-ignore
  return digest;
}

export function pushFailure(reference: string, answer: DockerAnswer): Failure {
  return isRefused(answer.lines.join('\n')) ? notLoggedIn(reference, answer) : unanswered(reference, answer);
}

function isRefused(said: string): boolean {
  return /\b40[13]\b|unauthorized|denied|no basic auth credentials|insufficient_scope|authentication required/i.test(
    said,
  );
}

function serverOf(reference: string): string {
  return reference.split('/', 1)[0] ?? '';
}

function notLoggedIn(reference: string, { lines }: DockerAnswer): Failure {
  const server = serverOf(reference);
  return new Failure(1, `${server} does not let this machine's docker work with ${reference.replace(/:[^:/]+$/, '')}`, {
    detail: lines.slice(-3).join('\n'),
    advice: `docker login ${server}, as a user who may push there; in CI a step before this one (docs/15-build.md)`,
  });
}

function unanswered(reference: string, { lines }: DockerAnswer): Failure {
  return new Failure(1, `the registry ${serverOf(reference)} does not answer as it should`, {
    detail: lines.slice(-5).join('\n'),
    advice: `check registry in ops.yml (build.registry), and that this machine reaches it: docker pull ${reference}`,
  });
}

/** Whether docker was logged in there; the login itself is not read. */
async function hasLogin(server: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  const folder = environment['DOCKER_CONFIG'] || join(environment['HOME'] ?? '/', '.docker');
  const names = server === 'docker.io' ? ['https://index.docker.io/v1/', server] : [server, `https://${server}`];
  try {
    const config: unknown = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    if (!isRecord(config)) return false;
    return [config['auths'], config['credHelpers']].some(
      part => isRecord(part) && names.some(name => Object.hasOwn(part, name)),
    );
  } catch {
    return false;
  }
}
