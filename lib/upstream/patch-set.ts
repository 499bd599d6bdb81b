// A set of patches as it is under git: a folder with the commit they apply to and one file per patch.
import { lstat, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { entriesOf } from '../git/clone.ts';
import { git } from '../git/git.ts';
import { sha256 } from '../host/checksum.ts';
import { fullSha, sha7 } from '../release/release.ts';
import { taskCommand } from '../target/command.ts';

export type Patch = { name: string; content: Buffer };

export type PatchSet = {
  /** The commit of upstream that the first one applies to. */
  base: string;
  /** In the order in which they are applied, that of their names. */
  patches: Patch[];
};

/** The file in the folder with the pin: one line, a full SHA. */
export const pinFile = 'upstream-commit';

const pinAdvice = (folder: string) =>
  `${taskCommand('patch make')} --base <commit of upstream> writes ${folder}/${pinFile} (docs/16-upstream.md)`;

/** What `sha256sum *.patch | sha256sum` in the folder prints. */
export function hashOf({ patches }: PatchSet): string {
  return sha256(patches.map(({ name, content }) => `${sha256(content)}  ${name}\n`).join(''));
}

/** As it is in the commit. @throws Failure 3 without a pin in it */
export async function committedPatches(
  repo: string,
  sha: string,
  folder: string,
  environment: NodeJS.ProcessEnv,
): Promise<PatchSet> {
  const prefix = folder === '.' ? '' : `${folder}/`;
  const files = new Map<string, Buffer>();
  for (const { mode, id, path } of await entriesOf(repo, sha, environment)) {
    const name = path.slice(prefix.length);
    if (!path.startsWith(prefix) || !isOurs(name)) continue;
    if (!mode.startsWith('100')) throw new Failure(3, `${path} in the commit ${sha7(sha)} is no file`);
    const { code, stdout, stderr } = await git(repo, ['cat-file', 'blob', id], environment, { bytes: true });
    if (code !== 0) throw new Failure(1, `git cannot read ${path} in ${repo}`, { detail: stderr.trim() });
    files.set(name, Buffer.from(stdout, 'latin1'));
  }
  return setOf(files, `the commit ${sha7(sha)}`, folder);
}

/** As it is in the work tree. @throws Failure 3 without a pin in it */
export async function writtenPatches(repo: string, folder: string): Promise<PatchSet> {
  return setOf(await writtenFiles(repo, folder), repo, folder);
}

/** The pin and the patches in the work tree, by name; without a folder none. */
export async function writtenFiles(repo: string, folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const name of await readdir(join(repo, folder)).catch(() => [])) {
    if (!isOurs(name)) continue;
    const path = join(repo, folder, name);
    // a link could lead anywhere, and the commit would have the link
    if (!(await lstat(path)).isFile()) throw new Failure(3, `${path} is no file`);
    files.set(name, await readFile(path));
  }
  return files;
}

/** The same as files. */
export function filesOf(set: PatchSet): Map<string, Buffer> {
  const patches = set.patches.map(({ name, content }) => [name, content] as const);
  return new Map([[pinFile, Buffer.from(`${set.base}\n`)], ...patches]);
}

/** Names of either that are not the same in both. */
export function changedNames(
  before: ReadonlyMap<string, Buffer>,
  after: ReadonlyMap<string, Buffer>,
): { written: string[]; removed: string[] } {
  return {
    written: [...after].flatMap(([name, content]) => (before.get(name)?.equals(content) ? [] : [name])).toSorted(),
    removed: [...before.keys()].filter(name => !after.has(name)).toSorted(),
  };
}

function isOurs(name: string): boolean {
  return name === pinFile || /^[^/\0]+\.patch$/.test(name);
}

function setOf(files: Map<string, Buffer>, where: string, folder: string): PatchSet {
  const pin = files.get(pinFile)?.toString().trim();
  if (pin === undefined)
    throw new Failure(3, `${folder}/${pinFile} is not in ${where}: which commit of upstream is meant?`, {
      advice: pinAdvice(folder),
    });
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(pin))
    throw new Failure(3, `${folder}/${pinFile} in ${where} is not one full commit SHA: ${JSON.stringify(pin.slice(0, 80))}`, { advice: pinAdvice(folder) }); // prettier-ignore
  const names = [...files.keys()].filter(name => name !== pinFile);
  // by letters and not by language, as LC_ALL=C has it
  const sorted = names.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return {
    base: fullSha(pin),
    patches: sorted.flatMap(name => {
      const content = files.get(name);
      return content ? [{ name, content }] : [];
    }),
  };
}
