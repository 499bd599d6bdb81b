// The app's git clone on this machine: which commit a name means, whether everybody can get it, its files and archive.
import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import { Failure } from '../errors.ts';
import { cleanWords, programEnvironment } from '../host/environment.ts';
import { fullSha } from './names.ts';

/** The commit that `ref` (branch, tag, SHA, origin/main) names. @throws Failure 2 for a name git does not know. */
export async function resolveCommit(repo: string, ref: string): Promise<string> {
  const answer = await git(repo, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  if (answer.code === 0) return fullSha(answer.stdout.trim());
  await insideWorkTree(repo);
  const names = await git(repo, [
    'for-each-ref',
    '--format=%(refname:short)',
    'refs/heads',
    'refs/remotes',
    'refs/tags',
  ]);
  const { closest } = await import('../closest.ts');
  const near = closest(ref, names.stdout.split('\n').filter(Boolean));
  throw new Failure(2, `git knows no commit called ${JSON.stringify(ref)} in ${repo}`, {
    advice: near ? `did you mean ${near}?` : `git -C ${repo} fetch, then try again`,
  });
}

/** @throws Failure 1 when the commit is on no remote branch or the work tree has changes: what is live should be found again. */
export async function verifyIsShared(repo: string, sha: string): Promise<void> {
  const remotes = await git(repo, ['remote']);
  if (remotes.stdout.trim()) {
    const holders = await git(repo, ['branch', '--remotes', '--contains', sha]);
    const tags = await git(repo, ['tag', '--contains', sha]);
    if (!holders.stdout.trim() && !tags.stdout.trim())
      throw new Failure(1, `${sha.slice(0, 7)} is on no branch of the remote: nobody else could find what is live`, {
        advice: `git -C ${repo} push, or say so: --unpushed`,
      });
  }
}

/** @throws Failure 1 when the commit is the one checked out and files differ from it. */
export async function verifyIsClean(repo: string, sha: string): Promise<void> {
  const head = await git(repo, ['rev-parse', '--verify', '--quiet', 'HEAD']);
  if (head.stdout.trim() !== sha) return;
  const status = await git(repo, ['status', '--porcelain', '--untracked-files=no']);
  if (status.code === 0 && status.stdout.trim())
    throw new Failure(1, `${repo} has changes that are in no commit, and they would not be deployed`, {
      detail: status.stdout.trimEnd().split('\n').slice(0, 10).join('\n'),
      advice: `git -C ${repo} commit, or deploy the commit without them: --dirty`,
    });
}

/** Whether the repository has this commit. */
export async function hasCommit(repo: string, sha: string): Promise<boolean> {
  return (await git(repo, ['cat-file', '-e', `${sha}^{commit}`])).code === 0;
}

/** A file as it is in that commit. @throws Failure 3 when the commit does not have it. */
export async function fileAt(repo: string, sha: string, path: string): Promise<string> {
  const answer = await git(repo, ['show', `${sha}:${path}`]);
  if (answer.code === 0) return answer.stdout;
  throw new Failure(3, `${path} is not in the commit ${sha.slice(0, 7)} of ${repo}`, {
    detail: answer.stderr.trim(),
    advice: 'compose.file in ops.yml is a path inside the repository when the app has a repo',
  });
}

/** The commit as a gzipped tar, never the work tree. A failure of git breaks the stream before its end. */
export function archiveOf(repo: string, sha: string): Readable {
  const words = [...cleanWords, 'git', '-C', repo, 'archive', '--format=tar.gz', sha];
  const child = spawn('bash', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const archive = new PassThrough();
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  child.on('error', error => archive.destroy(error));
  child.stdout.pipe(archive, { end: false });
  child.on('close', code => {
    if (code === 0) archive.end();
    else archive.destroy(new Error(`git archive: ${errors.trim() || `code ${code}`}`));
  });
  return archive;
}

async function insideWorkTree(repo: string): Promise<void> {
  const answer = await git(repo, ['rev-parse', '--git-dir']);
  if (answer.code !== 0)
    throw new Failure(3, `${repo} is no git repository`, {
      detail: answer.stderr.trim(),
      advice: 'set repo in ops.yml to the clone of the app',
    });
}

async function git(repo: string, words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { $ } = await import('zx/core');
  // Without standard input: zx runs bash, and bash with a socket there reads ~/.bashrc, which may print.
  const answer = await $({
    nothrow: true,
    quiet: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: programEnvironment($.env),
  })`env GIT_OPTIONAL_LOCKS=0 git -C ${repo} ${words}`;
  return { code: answer.exitCode ?? 1, stdout: answer.stdout, stderr: answer.stderr };
}
