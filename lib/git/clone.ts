// The app's git clone on this machine: the commit of a ref, whether it is on a remote, its files and archive.
import { PassThrough, type Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { Failure, messageOf } from '../errors.ts';
import { git, openGit, type Environment } from './git.ts';
import { fullSha } from '../release/release.ts';

/** The commit that `ref` (branch, tag, SHA, origin/main) names. @throws Failure 2 for a name git does not know. */
export async function resolveCommit(repo: string, ref: string, environment: Environment = {}): Promise<string> {
  const ask = (...words: string[]) => git(repo, words, environment);
  const answer = await ask('rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`);
  if (answer.code === 0) return fullSha(answer.stdout.trim());
  const names = await ask('for-each-ref', '--format=%(refname:short)', 'refs/heads', 'refs/remotes', 'refs/tags');
  const { didYouMean } = await import('../did-you-mean.ts');
  const near = didYouMean(ref, names.stdout.split('\n').filter(Boolean));
  throw new Failure(2, `git knows no commit called ${JSON.stringify(ref)} in ${repo}`, {
    advice: near ? `did you mean ${near}?` : `git -C ${repo} fetch, then try again`,
  });
}

/** @throws Failure 1 when the commit is on no remote branch or the work tree has changes: what is live should be found again. */
export async function verifyIsShared(repo: string, sha: string, environment: Environment = {}): Promise<void> {
  const remotes = await git(repo, ['remote'], environment);
  if (remotes.stdout.trim()) {
    const holders = await git(repo, ['branch', '--remotes', '--contains', sha], environment);
    const tags = await git(repo, ['tag', '--contains', sha], environment);
    if (!holders.stdout.trim() && !tags.stdout.trim())
      throw new Failure(1, `${sha.slice(0, 7)} is on no branch of the remote: nobody else could find what is live`, {
        advice: `git -C ${repo} push, or say so: --unpushed`,
      });
  }
}

/** @throws Failure 1 when the commit is the one checked out and files differ from it. */
export async function verifyIsClean(repo: string, sha: string, environment: Environment = {}): Promise<void> {
  const head = await git(repo, ['rev-parse', '--verify', '--quiet', 'HEAD'], environment);
  if (head.stdout.trim() !== sha) return;
  // the content of a submodule is not deployed, and its settings are its own
  const asked = ['status', '--porcelain', '--untracked-files=no', '--ignore-submodules=dirty'];
  const status = await git(repo, asked, environment);
  if (status.code === 0 && status.stdout.trim())
    throw new Failure(1, `${repo} has changes that are in no commit, and they would not be deployed`, {
      detail: status.stdout.trimEnd().split('\n').slice(0, 10).join('\n'),
      advice: `git -C ${repo} commit, or deploy the commit without them: --dirty`,
    });
}

/** Whether the repository has this commit. */
export async function hasCommit(repo: string, sha: string, environment: Environment = {}): Promise<boolean> {
  return (await git(repo, ['cat-file', '-e', `${sha}^{commit}`], environment)).code === 0;
}

/** When it was committed, `2026-11-20T12:00:00Z`. */
export async function commitTime(repo: string, sha: string, environment: Environment = {}): Promise<string> {
  const { stdout } = await git(repo, ['log', '-1', '--format=%ct', sha], environment);
  return new Date(Number(stdout.trim()) * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The page of the clone's origin, `https://github.com/ana/book`, without any login; undefined: it has none that could be shown. */
export async function originPage(repo: string, environment: Environment = {}): Promise<string | undefined> {
  const { code, stdout } = await git(repo, ['remote', 'get-url', 'origin'], environment);
  return code === 0 ? forgePage(stdout.trim()) : undefined;
}

/** As `originPage`, from an address that git takes. */
export function forgePage(address: string): string | undefined {
  const short = /^[\w.-]+@([\w.-]+):(?!\/)(.+)$/.exec(address);
  if (short) return forgePage(`ssh://${short[1] ?? ''}/${short[2] ?? ''}`);
  if (!/^(https?|ssh|git):\/\//.test(address) || !URL.canParse(address)) return undefined;
  const { protocol, hostname, host, pathname } = new URL(address);
  // the port of ssh is not that of the page
  const server = protocol.startsWith('http') ? host : hostname;
  return `${protocol === 'http:' ? 'http' : 'https'}://${server}${pathname.replace(/\/$/, '').replace(/\.git$/, '')}`;
}

/** A file as it is in that commit. @throws Failure 3 when the commit does not have it. */
export async function fileAt(repo: string, sha: string, path: string, environment: Environment = {}): Promise<string> {
  const answer = await git(repo, ['cat-file', 'blob', `${sha}:${path}`], environment);
  if (answer.code === 0) return answer.stdout;
  throw new Failure(3, `${path} is not in the commit ${sha.slice(0, 7)} of ${repo}`, {
    detail: answer.stderr.trim(),
    advice: 'compose.file in ops.yml is a path inside the repository when the app has a repo',
  });
}

/** A file of that commit by the end of one of its paths elsewhere: `/srv/app/ops/compose.yml` is `ops/compose.yml`; undefined: it has none. */
export async function findFile(
  repo: string,
  sha: string,
  paths: string[],
  environment: Environment = {},
): Promise<string | undefined> {
  if (!/^[\w.][\w./-]*$/.test(sha)) return undefined;
  for (const path of paths) {
    const parts = path.split('/').filter(Boolean);
    for (let from = 0; from < parts.length; from++) {
      const answer = await git(repo, ['cat-file', 'blob', `${sha}:${parts.slice(from).join('/')}`], environment);
      if (answer.code === 0) return answer.stdout;
    }
  }
  return undefined;
}

/** One thing in a commit's tree. */
export type TreeEntry = { mode: string; id: string; path: string };

/** All files and links of a commit, with their paths from its top. */
export async function entriesOf(repo: string, sha: string, environment: Environment = {}): Promise<TreeEntry[]> {
  const answer = await git(repo, ['ls-tree', '-r', '-z', '--full-tree', sha], environment);
  if (answer.code !== 0) throw new Failure(1, `git cannot list the commit ${sha}`, { detail: answer.stderr.trim() });
  return answer.stdout
    .split('\0')
    .filter(Boolean)
    .map(line => {
      const at = line.indexOf('\t');
      const [mode = '', , id = ''] = line.slice(0, at).split(' ');
      return { mode, id, path: line.slice(at + 1) };
    });
}

/** What a file or a link of a commit holds. */
export async function blob(repo: string, id: string, environment: Environment = {}): Promise<string> {
  const answer = await git(repo, ['cat-file', 'blob', id], environment);
  if (answer.code !== 0) throw new Failure(1, `git cannot read ${id} in ${repo}`, { detail: answer.stderr.trim() });
  return answer.stdout;
}

/** The commit as a gzipped tar, never the work tree. A failure of git breaks the stream before its end. */
export function archiveOf(repo: string, sha: string, environment: Environment = {}): Readable {
  const archive = new PassThrough();
  // compressed here: for tar.gz git would start what its settings name
  const packed = createGzip();
  packed.on('error', error => archive.destroy(error));
  packed.pipe(archive);
  openGit(repo, ['archive', '--format=tar', sha], environment).then(
    child => {
      let errors = '';
      child.stderr.on('data', (text: Buffer) => (errors = (errors + text.toString()).slice(-2000)));
      child.on('error', error => archive.destroy(error));
      child.stdout.pipe(packed, { end: false });
      child.on('close', code => {
        if (code === 0) packed.end();
        else archive.destroy(new Error(`git archive: ${errors.trim() || `code ${code}`}`));
      });
      archive.on('close', () => void child.kill());
    },
    (error: unknown) => archive.destroy(new Error(`git archive: ${messageOf(error)}`)),
  );
  return archive;
}
