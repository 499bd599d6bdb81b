// What is new upstream since the pin: commits, files, migrations, dependencies, and what its tags say.
import { Failure } from '../../errors.ts';
import { git } from '../../git/git.ts';
import { ownRefs } from '../fetch.ts';
import { bumpsBetween, isLockFile, type Bump } from './lock-files.ts';
import type { Workspace } from '../workspace.ts';

export type UpstreamNews = {
  from: string;
  to: string;
  /** Newest first; `total` counts also those that are not listed. */
  commits: { total: number; listed: { sha: string; subject: string }[] };
  /** `M`, `A`, `D` or `R`, and the path; a renamed one has its new name. */
  files: { status: string; path: string }[];
  /** Files that are new and change a database. */
  migrations: string[];
  bumps: Bump[];
  /** Newest first. */
  tags: { name: string; notes: string }[];
  /** Upstream no longer has the pin in its history: how many commits it threw away. */
  rewritten: number;
};

const migration = /(^|\/)(db\/(\w+_)?migrate\/[^/]+\.rb|migrations?\/(versions\/)?.+\.(sql|py|rb|ts|js))$/;
const mostCommits = 200;

export async function readNews(
  work: Workspace,
  { repo, app, from, to }: { repo: string; app: string; from: string; to: string },
  environment: NodeJS.ProcessEnv,
): Promise<UpstreamNews> {
  const { must } = work;
  const count = async (range: string) => Number(await must(['rev-list', '--count', range], 'git cannot count commits'));
  const log = await must(['log', `--max-count=${mostCommits}`, '--format=%h %s', `${from}..${to}`], 'git cannot list commits'); // prettier-ignore
  const listed = log.split('\n').filter(Boolean).map(line => {
    const [sha = ''] = line.split(' ', 1);
    return { sha, subject: line.slice(sha.length + 1) };
  }); // prettier-ignore
  const files = await changedFiles(work, from, to);
  const bumps: Bump[] = [];
  for (const { path, status } of files) {
    if (!isLockFile(path)) continue;
    const at = async (sha: string) => (await work.run(['cat-file', 'blob', `${sha}:${path}`])).stdout;
    bumps.push(...bumpsBetween(path, status === 'A' ? '' : await at(from), await at(to)));
  }
  return {
    from,
    to,
    commits: { total: await count(`${from}..${to}`), listed },
    files,
    migrations: files.flatMap(({ status, path }) => (status === 'A' && migration.test(path) ? [path] : [])),
    bumps,
    tags: await readTags(repo, app, { from, to }, environment),
    rewritten: await count(`${to}..${from}`),
  };
}

async function changedFiles({ must }: Workspace, from: string, to: string): Promise<UpstreamNews['files']> {
  const words = ['diff', '--name-status', '--find-renames', '--no-ext-diff', '-z', from, to];
  const parts = (await must(words, 'git cannot compare the trees')).split('\0').filter(Boolean);
  const files: UpstreamNews['files'] = [];
  for (let at = 0; at < parts.length;) {
    const status = (parts[at] ?? '').slice(0, 1);
    const names = status === 'R' || status === 'C' ? 2 : 1;
    files.push({ status, path: parts[at + names] ?? '' });
    at += names + 1;
  }
  return files;
}

/** Tags between the two, with what their authors wrote into them. */
async function readTags(
  repo: string,
  app: string,
  { from, to }: { from: string; to: string },
  environment: NodeJS.ProcessEnv,
): Promise<UpstreamNews['tags']> {
  const prefix = `${ownRefs(app)}/tags/`;
  const words = ['for-each-ref', '--sort=-creatordate', '--count=30', `--merged=${to}`, `--no-merged=${from}`, '--format=%(refname)%00%(objecttype)%00%(contents)%00%00', prefix.slice(0, -1)]; // prettier-ignore
  const { code, stdout, stderr } = await git(repo, words, environment);
  if (code !== 0) throw new Failure(1, `git cannot list the tags of upstream in ${repo}`, { detail: stderr.trim() });
  return stdout.split('\0\0').flatMap(entry => {
    const [name = '', type, contents = ''] = entry.replace(/^\n/, '').split('\0');
    // a plain tag says what its commit says
    return name ? [{ name: name.slice(prefix.length), notes: type === 'tag' ? contents.trim() : '' }] : [];
  });
}
