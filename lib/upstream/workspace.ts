// A repository for one run, in a folder of its own: patches are applied there, and the person's clone only lends its objects.
import { rmSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readFile, readdir, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { git, type GitMore, type Said } from '../git/git.ts';

export type Workspace = {
  /** Private to this user and this run; `tree` in it is the repository. */
  folder: string;
  /** The repository, with a work tree. */
  tree: string;
  /** Runs git there without any settings of the person, so that the same commits give the same bytes for everybody. */
  run(words: string[], more?: GitMore): Promise<Said>;
  /** The same; returns what it prints. @throws Failure 1 that says what could not be done */
  must(words: string[], what: string, more?: GitMore): Promise<string>;
  remove(): void;
};

export type WorkspaceContext = { environment: NodeJS.ProcessEnv; signal: AbortSignal };

const prefix = 'bookops-upstream-';

/** Who the commits of a workspace are from; author and date stay those of the patch. */
export const committer = { name: 'bookops', email: 'upstream-sync@bookops.invalid' };

/** Variables of git that keep the settings of the person and of the machine away. */
const isolated = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_COMMITTER_NAME: committer.name,
  GIT_COMMITTER_EMAIL: committer.email,
};

const settings = (format: string) => `[core]
  repositoryformatversion = ${format === 'sha1' ? 0 : 1}
  filemode = true
  bare = false
  autocrlf = false
  attributesFile = /dev/null
  excludesFile = /dev/null
  protectHFS = true
  protectNTFS = true
${format === 'sha1' ? '' : `[extensions]\n  objectFormat = ${format}\n`}[commit]
  gpgSign = false
[merge]
  conflictStyle = merge
[mailinfo]
  quotedCr = nowarn
`;

/**
 * @param clones whose objects it sees; nothing is ever written to them
 * @throws Failure 3 for a folder that is no clone
 */
export async function openWorkspace(
  clones: readonly string[],
  { environment, signal }: WorkspaceContext,
): Promise<Workspace> {
  await removeStale();
  const [stores, formats] = [new Set<string>(), new Set<string>()];
  for (const clone of clones) {
    const asked = ['rev-parse', '--show-object-format', '--path-format=absolute', '--git-path', 'objects'];
    const { stdout } = await git(clone, asked, environment);
    const [format = 'sha1', store = ''] = stdout.trimEnd().split('\n');
    stores.add(store);
    formats.add(format);
  }
  if (formats.size > 1) throw new Failure(3, 'one of the clones has SHA-1 names and the other SHA-256: they cannot share commits'); // prettier-ignore
  const folder = await mkdtemp(join(tmpdir(), prefix));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  // an interrupted task has little time left
  signal.addEventListener('abort', remove, { once: true });
  try {
    await writeFile(join(folder, 'owner'), (await ownNumber()) ?? '');
    const tree = join(folder, 'tree');
    for (const name of ['objects/info', 'refs/heads']) await mkdir(join(tree, '.git', name), { recursive: true });
    await writeFile(join(tree, '.git/HEAD'), 'ref: refs/heads/none\n');
    await writeFile(join(tree, '.git/config'), settings([...formats][0] ?? 'sha1'));
    await writeFile(join(tree, '.git/objects/info/alternates'), [...stores].map(store => `${store}\n`).join(''));
    const run = async (words: string[], more: GitMore = {}) => {
      signal.throwIfAborted();
      return git(tree, words, environment, { signal, ...more, variables: { ...isolated, ...more.variables } });
    };
    const must = async (words: string[], what: string, more?: GitMore) => {
      const { code, stdout, stderr } = await run(words, more);
      if (code === 0) return stdout;
      throw new Failure(1, what, { detail: stderr.trim().split('\n').slice(-10).join('\n') });
    };
    return { folder, tree, run, must, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The number of this process, where the system tells it. */
async function ownNumber(): Promise<string | undefined> {
  return readlink('/proc/self').catch(() => undefined);
}

/** Takes away what a killed run of this user left. */
async function removeStale(): Promise<void> {
  const user = (await stat('/proc/self').catch(() => undefined))?.uid;
  for (const name of (await readdir(tmpdir())).filter(one => one.startsWith(prefix))) {
    const folder = join(tmpdir(), name);
    const made = await lstat(folder).catch(() => undefined);
    if (!made?.isDirectory() || (user !== undefined && made.uid !== user)) continue;
    const owner = await readFile(join(folder, 'owner'), 'utf8').catch(() => '');
    if (await isOver(owner.trim(), made.birthtimeMs)) await rm(folder, { recursive: true, force: true });
  }
}

const day = 86_400_000;

/** By its process; without a number or a /proc, after a day. */
async function isOver(owner: string, since: number): Promise<boolean> {
  const known = /^\d+$/.test(owner) && (await ownNumber()) !== undefined;
  if (!known) return Date.now() - since > day;
  const process = await stat(`/proc/${owner}`).catch(() => undefined);
  // a number is given again; what began after the folder was made did not make it
  return process === undefined || process.ctimeMs > since + 60_000;
}
