// Paths in a commit that must not reach a host: links that lead outside the release, and invalid names.
import { posix } from 'node:path';
import { Failure } from '../errors.ts';
import { ownFilters, type Environment } from './git.ts';
import { blob, entriesOf, type TreeEntry } from './clone.ts';

const linkMode = '120000';

/**
 * Checks, before anything is sent, that each path that a deploy replaces in the release (`shared`, and REVISION) is inside it.
 * The host checks again, because an install step can create links too. @throws Failure 3 with the link.
 */
export async function verifyTree(
  repo: string,
  sha: string,
  shared: readonly string[],
  environment: Environment = {},
): Promise<void> {
  const entries = await entriesOf(repo, sha, environment);
  const links = new Map(entries.filter(({ mode }) => mode === linkMode).map(entry => [entry.path, entry]));
  const refuse = (what: string) => {
    throw new Failure(3, `the commit ${sha.slice(0, 7)} ${what}`, {
      advice: 'nothing was changed; take that out of the repository, or out of shared: in ops.yml',
    });
  };
  const readLink = ({ id }: TreeEntry) => blob(repo, id, environment);
  for (const { path } of entries) {
    const names = path.split('/');
    if (names.some(name => name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git'))
      refuse(`has the name ${JSON.stringify(path)}, which no repository should have`);
    if (links.size && names.some((_, at) => at > 0 && links.has(names.slice(0, at).join('/'))))
      refuse(`has ${JSON.stringify(path)} below a link of the same name`);
  }
  for (const path of shared) {
    const parent = posix.dirname(path);
    const led = parent === '.' ? undefined : await leadsOut(readLink, links, parent);
    if (led !== undefined)
      refuse(`links ${JSON.stringify(led)} outside the release, and shared: ${path} would be below it`);
  }
  const revision = await leadsOut(readLink, links, 'REVISION');
  if (revision !== undefined) refuse('has a link called REVISION that points outside the release');
  await refuseOwnFilters(repo, entries, environment);
}

/** The link on the way that leads out of the tree; undefined: the path stays inside. */
async function leadsOut(
  readLink: (link: TreeEntry) => Promise<string>,
  links: ReadonlyMap<string, TreeEntry>,
  path: string,
): Promise<string | undefined> {
  const left = path.split('/');
  let at: string[] = [];
  let last = path;
  for (let followed = 0; left.length;) {
    const name = left.shift() ?? '';
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (!at.length) return last;
      at.pop();
      continue;
    }
    const here = [...at, name].join('/');
    const link = links.get(here);
    if (!link) {
      at = [...at, name];
      continue;
    }
    last = here;
    const to = await readLink(link);
    // the kernel follows 40
    if (to.startsWith('/') || ++followed > 40) return last;
    left.unshift(...to.split('/'));
  }
  return undefined;
}

/** A file that its clone would change on the way, by a program that only the clone names, would arrive as another one. */
async function refuseOwnFilters(repo: string, entries: readonly TreeEntry[], environment: Environment): Promise<void> {
  const filters = await ownFilters(repo, environment);
  if (!filters.length) return;
  for (const { path, id } of entries.filter(entry => posix.basename(entry.path) === '.gitattributes')) {
    const text = await blob(repo, id, environment);
    const used = filters.find(name => text.split(/\s+/).includes(`filter=${name}`));
    if (used !== undefined)
      throw new Failure(3, `${path} wants the filter ${used}, and only the settings of the clone say what it starts`, {
        detail: 'settings that come with a clone are not run: a checked-out tree could have written them',
        advice: `when you trust it, say it in your own: git config --global filter.${used}.smudge "$(git -C ${repo} config filter.${used}.smudge)"`,
      });
  }
}
