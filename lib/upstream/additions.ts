// What a build adds to upstream's tree besides patches: files of the person's own, the Analytics snippet, a version.json.
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { commitTime, entriesOf } from '../git/clone.ts';
import { sha7 } from '../release/release.ts';
import type { UpstreamSettings } from '../target/build-settings.ts';
import type { Workspace } from './workspace.ts';

/** The commit of the person's own repository, and what is built for it. */
export type OwnCommit = { repo: string; sha: string };

export type Addition = {
  path: string;
  /** `fonts/book.woff2`, `ga4`, `version_file`. */
  from: string;
  /** Upstream has a file there. */
  replaces: boolean;
};

/** What Google gives for the id, which is checked when ops.yml is read. https://developers.google.com/tag-platform/gtagjs, read 2026-11 */
export function analyticsSnippet(id: string): string {
  return `<script async src="https://www.googletagmanager.com/gtag/js?id=${id}"></script>
<script>
  window.dataLayer = window.dataLayer || [];
  function gtag() { dataLayer.push(arguments); }
  gtag('js', new Date());
  gtag('config', '${id}');
</script>
`;
}

export type Version = { sha: string; created: string; upstream: string; patches: string };

export function versionJson({ sha, created, upstream, patches }: Version): string {
  const fields = { imageTag: sha, commitSha: sha, dirty: false, builtAt: created, upstreamCommit: upstream, patchesSha256: patches }; // prettier-ignore
  return `${JSON.stringify(fields)}\n`;
}

/**
 * Makes one commit on `head` of them, always the same one for the same input.
 * @returns `head` itself when there is nothing to add
 * @throws Failure 3 for a file that the person's commit does not have, or that has no place in upstream's tree
 */
export async function addFiles(
  work: Workspace,
  head: string,
  { own, upstream, patches, environment }: { own: OwnCommit; upstream: UpstreamSettings & { base: string }; patches: string; environment: NodeJS.ProcessEnv }, // prettier-ignore
): Promise<{ commit: string; additions: Addition[] }> {
  const { must } = work;
  const created = await commitTime(own.repo, own.sha, environment);
  const files: { path: string; from: string; mode: string; id: string }[] = [];
  const write = async (path: string, from: string, content: string) => {
    const id = await must(['hash-object', '-w', '--stdin'], 'git cannot write a file', { input: content });
    files.push({ path, from, mode: '100644', id: id.trim() });
  };
  const entries = Object.keys(upstream.files).length ? await entriesOf(own.repo, own.sha, environment) : [];
  for (const [to, from] of Object.entries(upstream.files)) {
    const found = entries.filter(({ path }) => path === from || from === '.' || path.startsWith(`${from}/`));
    if (!found.length)
      throw new Failure(3, `${from} is not in the commit ${sha7(own.sha)} of ${own.repo}`, {
        advice: `commit it, or correct build.upstream.files.${to} in ops.yml`,
      });
    for (const { mode, id, path } of found) {
      if (!mode.startsWith('100')) throw new Failure(3, `${path} in the commit ${sha7(own.sha)} is a link or a submodule, and only files can be added to upstream’s tree`); // prettier-ignore
      files.push({ path: path === from ? to : `${to}/${path.slice(from === '.' ? 0 : from.length + 1)}`, from: path, mode, id }); // prettier-ignore
    }
  }
  if (upstream.ga4) await write(upstream.ga4.file, 'ga4', analyticsSnippet(upstream.ga4.id));
  if (upstream.versionFile !== undefined)
    await write(upstream.versionFile, 'version_file', versionJson({ sha: own.sha, created, upstream: upstream.base, patches })); // prettier-ignore
  if (!files.length) return { commit: head, additions: [] };

  const there = await must(['ls-tree', '-r', '-z', '--full-tree', head], 'git cannot list upstream’s tree');
  const known = new Map(
    there.split('\0').flatMap(entry => {
      const at = entry.indexOf('\t');
      return at < 0 ? [] : [[entry.slice(at + 1), entry.slice(0, 6)] as const];
    }),
  );
  refuseMisplaced(files, known);
  const index = { GIT_INDEX_FILE: join(work.folder, 'index') };
  await must(['read-tree', head], 'git cannot read upstream’s tree', { variables: index });
  const info = files.map(({ mode, id, path }) => `${mode} ${id}\t${path}\0`).join('');
  await must(['update-index', '-z', '--index-info'], 'git cannot add the files', { variables: index, input: info });
  const tree = (await must(['write-tree'], 'git cannot write the tree', { variables: index })).trim();
  const date = `${Date.parse(created) / 1000} +0000`;
  const who = { GIT_AUTHOR_NAME: 'bookops', GIT_AUTHOR_EMAIL: 'bookops@bookops.invalid', GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }; // prettier-ignore
  const words = ['commit-tree', tree, '-p', head, '-m', `Files of ${own.sha}`];
  const commit = (await must(words, 'git cannot write a commit', { variables: who })).trim();
  const additions = files.map(({ path, from }) => ({ path, from, replaces: known.has(path) }));
  return { commit, additions };
}

/** A file cannot be where upstream has a folder, or below one of its files or links. */
function refuseMisplaced(files: readonly { path: string; from: string }[], known: ReadonlyMap<string, string>): void {
  const refuse = (path: string, why: string) => {
    throw new Failure(3, `${path} cannot be added to upstream’s tree: ${why}`, { advice: 'correct build.upstream in ops.yml' }); // prettier-ignore
  };
  const paths = [...known.keys(), ...files.map(({ path }) => path)];
  for (const { path } of files) {
    if (known.has(path) && !known.get(path)?.startsWith('100')) refuse(path, 'there is a link or a submodule');
    if (paths.some(other => other.startsWith(`${path}/`))) refuse(path, 'there is a folder of that name');
    const parts = path.split('/');
    const above = parts.map((_, at) => parts.slice(0, at).join('/')).find(folder => folder && paths.includes(folder));
    if (above !== undefined) refuse(path, `${above} is a file or a link there`);
  }
}
