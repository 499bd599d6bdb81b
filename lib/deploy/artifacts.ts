// What a deploy sends from this machine: the chosen commit, its archive or compose file, the registry's password.
import { readFile } from 'node:fs/promises';
import type { Target } from '../target/target.ts';
import { Failure, messageOf } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Change } from '../release/change.ts';
import { surveyed, type SurveyContext } from '../runtime/compose/survey.ts';
import type { Materials } from '../runtime/runtime.ts';
import { readSecret } from '../secret.ts';
import { verifyTree } from '../git/commit-tree.ts';
import { archiveOf, fileAt, hasCommit, resolveCommit, verifyIsClean, verifyIsShared } from '../git/clone.ts';
import { fullSha } from '../release/release.ts';

export type CommitOptions = { sha: string | undefined; ref: string | undefined; unpushed: boolean; dirty: boolean };

/** The commit to deploy. @throws Failure 1–3: unknown, not pushed, not committed. */
export async function chooseCommit(
  target: Target,
  wanted: CommitOptions,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const { repo } = target;
  if (wanted.sha && wanted.ref) throw new Failure(2, '--sha and --ref cannot be combined');
  if (!repo) {
    if (wanted.sha) return fullSha(wanted.sha);
    throw new Failure(2, `${target.app} has no repo in ops.yml, so only a full commit can be named`, {
      advice: 'add --sha <40 digits>, or repo: <folder of its clone>',
    });
  }
  const sha = await resolveCommit(repo, wanted.sha ?? wanted.ref ?? target.tracks, environment);
  if (!wanted.dirty) await verifyIsClean(repo, sha, environment);
  if (!wanted.unpushed) await verifyIsShared(repo, sha, environment);
  return sha;
}

/** The commit of the live release, of which another tool's folder has only the first digits. @throws Failure 2 when the rest is unknown. */
export async function wholeCommit({ repo }: Target, sha: string, environment: NodeJS.ProcessEnv): Promise<string> {
  return repo && sha.length < 40 ? resolveCommit(repo, sha, environment) : fullSha(sha);
}

/** @throws Failure 3 for a compose file or secret that is not there. Secrets are not read for a plan. */
export async function collectArtifacts(
  target: Target,
  sha: string,
  environment: NodeJS.ProcessEnv,
  { plan }: { plan: boolean },
): Promise<Materials> {
  const { repo, runtime } = target;
  // its image is all that it needs
  if (runtime.kind === 'once') return {};
  if (runtime.kind !== 'compose') {
    if (repo && !(await hasCommit(repo, sha, environment)))
      throw new Failure(2, `${repo} does not have the commit ${sha}`, { advice: `git -C ${repo} fetch` });
    if (repo) await verifyTree(repo, sha, runtime.shared, environment);
    return repo ? { archive: () => archiveOf(repo, sha, environment) } : {};
  }
  const composeFile = repo ? await fileAt(repo, sha, runtime.file, environment) : await localFile(runtime.file);
  return { composeFile, ...(await registryPassword(target, environment, { plan })) };
}

/** The same, and checked on the host against what is there. @throws Failure 2 or 3 for what speaks against it; nothing was changed */
export async function collectMaterials(
  context: SurveyContext & { args: { plan: boolean } },
  host: Host,
  target: Target,
  change: Change,
): Promise<Materials> {
  const materials = await collectArtifacts(target, change.next.sha, context.environment, context.args);
  return surveyed(context, host, target, change, materials);
}

/** For images that have to be pulled. Secrets are not read for a plan. @throws Failure 3 for one that is not there */
export async function registryPassword(
  { runtime }: Target,
  environment: NodeJS.ProcessEnv,
  { plan }: { plan: boolean },
): Promise<Pick<Materials, 'password'>> {
  const registry = runtime.kind === 'compose' && !plan && runtime.registry;
  return registry ? { password: await readSecret(registry.password, environment) } : {};
}

async function localFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure(3, `the compose file cannot be read: ${messageOf(error)}`, {
      advice: 'compose.file in ops.yml is relative to ops.yml when the app has no repo',
    });
  }
}
