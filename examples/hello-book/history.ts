// A git repository of a sample app, commit by commit: the same files and edits always give the same SHAs.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

export type Change = {
  message: string;
  /** The branch the commit goes on; a new one starts at the commit made last on `main`. */
  branch: string;
  /** Whole files, by path in the repository. */
  write?: Record<string, string>;
  /** In a file, the one place that reads `from` becomes `to`. */
  edit?: { file: string; from: string; to: string }[];
};

export type History = { repo: string; commit: (change: Change) => Promise<string> };

/** Starts a repository in `folder`, which must not exist, with `paths` of the folder `app` as its working tree. */
export async function startHistory(folder: string, app: string, paths: string[]): Promise<History> {
  await mkdir(folder, { recursive: true });
  for (const path of paths) await cp(join(app, path), join(folder, path), { recursive: true });
  let count = 0;
  const git = (...words: string[]) => run(folder, dateOf(count), words);
  await git('init', '--quiet', '--initial-branch=main');

  const commit = async ({ message, branch, write = {}, edit = [] }: Change) => {
    if (count > 0) await git('checkout', '--quiet', ...(branch === 'main' ? ['main'] : ['-B', branch, 'main']));
    for (const [path, text] of Object.entries(write)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    for (const { file, from, to } of edit) await replaceOnce(join(folder, file), from, to);
    await git('add', '--all');
    await git('commit', '--quiet', '--no-verify', `--date=${dateOf(count)}`, `--message=${message}`);
    count += 1;
    const sha = await git('rev-parse', 'HEAD');
    if (branch !== 'main') await git('checkout', '--quiet', 'main');
    return sha;
  };
  return { repo: folder, commit };
}

async function run(cwd: string, date: string, words: string[]): Promise<string> {
  const settings = ['user.name=Ana', 'user.email=ana@books.test', 'commit.gpgsign=false', 'core.autocrlf=false'];
  const given = settings.flatMap(one => ['-c', one]);
  const { stdout } = await promisify(execFile)('git', [...given, ...words], { cwd, env: gitEnvironment(date) });
  return stdout.trim();
}

function dateOf(count: number): string {
  return `2026-11-20T12:0${count}:00Z`;
}

/** A machine's own git settings, hooks and GIT_DIR must not change what comes out. */
function gitEnvironment(date: string): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_COMMITTER_DATE: date };
}

async function replaceOnce(file: string, from: string, to: string): Promise<void> {
  const parts = (await readFile(file, 'utf8')).split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places that read ${from}, expected one`);
  await writeFile(file, parts.join(to));
}
