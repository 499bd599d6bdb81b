// What an image is built from: the files of a commit in a folder of their own, and Dockerfiles that are really in it.
import { mkdir, mkdtemp } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { archiveOf, blob, commitTime, entriesOf, originPage } from '../git/clone.ts';
import { verifyTree } from '../git/commit-tree.ts';
import { sha7 } from '../release/release.ts';
import type { ImageSettings } from '../target/build-settings.ts';
import { unpackHere } from './programs.ts';
import type { Commit } from './words.ts';

type Around = { environment: NodeJS.ProcessEnv; signal: AbortSignal };

export async function readCommit(repo: string, sha: string, environment: NodeJS.ProcessEnv): Promise<Commit> {
  const [created, source] = [await commitTime(repo, sha, environment), await originPage(repo, environment)];
  return { sha, created, source };
}

/**
 * The text of each image's Dockerfile, by the image's name. A link is none: what it leads to would be read on this machine.
 * @param where what a person would call that tree
 * @throws Failure 3 for a Dockerfile or a context that the commit does not have
 */
export async function readDockerfiles(
  repo: string,
  sha: string,
  images: readonly ImageSettings[],
  environment: NodeJS.ProcessEnv,
  where = `the commit ${sha7(sha)} of ${repo}`,
): Promise<Map<string, string>> {
  await verifyTree(repo, sha, [], environment);
  const entries = await entriesOf(repo, sha, environment);
  const texts = new Map<string, string>();
  for (const { name, context, dockerfile } of images) {
    if (context !== '.' && !entries.some(({ path }) => path.startsWith(`${context}/`)))
      throw new Failure(3, `the folder ${context} is not in ${where}`, {
        advice: `correct build.images.${name}.context in ops.yml, or commit the folder`,
      });
    const found = entries.find(({ path, mode }) => path === dockerfile && mode.startsWith('100'));
    if (!found) {
      const others = entries.flatMap(({ path }) =>
        /(^|\/)[^/]*(Docker|Container)file[^/]*$/.test(path) ? [path] : [],
      );
      throw new Failure(3, `${dockerfile} is not in ${where}`, {
        detail: others.length ? `it has: ${others.slice(0, 8).join(', ')}` : 'it has no Dockerfile at all',
        advice: `correct build.images.${name} in ops.yml (context, and dockerfile below it), or commit the file: images are built from a commit, never from the work tree`,
      });
    }
    texts.set(name, await blob(repo, found.id, environment));
  }
  return texts;
}

/** An empty folder that only this user can read; `remove` may be called at any time, and again. */
export async function makeWorkshop(signal: AbortSignal): Promise<{ folder: string; remove: () => void }> {
  const folder = await mkdtemp(join(tmpdir(), 'bookops-build-'));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  // an interrupted task has little time left
  signal.addEventListener('abort', remove, { once: true });
  return { folder, remove };
}

/** The commit's files as a deploy by systemd sends them; nothing of the work tree. */
export async function exportCommit(repo: string, sha: string, folder: string, around: Around): Promise<void> {
  await mkdir(folder);
  await unpackHere(archiveOf(repo, sha, around.environment), folder, around);
}
