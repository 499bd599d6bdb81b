// How git is started on this machine: in a clone that belongs to somebody, and so that no checked-out file decides what runs.
import { execFile, spawn, type ChildProcessByStdio } from 'node:child_process';
import { lstat, realpath } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Readable } from 'node:stream';
import { Failure } from '../errors.ts';
import { programEnvironment } from '../host/environment.ts';
import { careful, lfs, lfsValue, programs } from './settings.ts';

/** The variables of this program; git gets those that are passed on to every program. */
export type Environment = NodeJS.ProcessEnv;

export type Said = { code: number; stdout: string; stderr: string };

/** Most that one answer of git may be, in bytes; the archive is streamed and not among them. */
const most = 64_000_000;

type Clone = {
  /** Words between `git` and the command. */
  words: string[];
  /** Filters that the clone's own settings name and that are not run. */
  filters: string[];
};

const known = new Map<string, Promise<Clone>>();

/** What one call of git gets besides its words. */
export type GitMore = {
  /** Variables of git's own: an index, who commits. */
  variables?: Record<string, string>;
  /** Its standard input. */
  input?: Buffer | string;
  /** Each byte of its answer as one letter, for what may not be UTF-8. */
  bytes?: boolean;
  /** It may read from and write to repositories on this machine, whose paths a person typed. */
  paths?: boolean;
  /** Ends it. */
  signal?: AbortSignal;
};

/** Runs git in the clone. Does not throw for a code other than 0. @throws Failure 3 for a folder that is no clone of one's own. */
export async function git(repo: string, words: string[], environment: Environment, more?: GitMore): Promise<Said> {
  // no program can be given such a word, so git knows nothing by that name
  if (words.some(word => word.includes('\0'))) return { code: 128, stdout: '', stderr: 'a NUL is in it' };
  return run([...(await cloneAt(repo, environment)).words, ...words], environment, more);
}

/** For commands about files that need no repository. */
export function gitOnFiles(words: string[], environment: Environment): Promise<Said> {
  return run([...careful, ...words], environment);
}

/** As `git`, with what it prints as a stream. */
export async function openGit(
  repo: string,
  words: string[],
  environment: Environment,
): Promise<ChildProcessByStdio<null, Readable, Readable>> {
  const all = [...(await cloneAt(repo, environment)).words, ...words];
  return spawn('git', all, { env: forGit(environment), stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Names of filters that stand in the settings of the clone itself, and are left out for that. */
export async function ownFilters(repo: string, environment: Environment): Promise<string[]> {
  return (await cloneAt(repo, environment)).filters;
}

function cloneAt(repo: string, environment: Environment): Promise<Clone> {
  let clone = known.get(repo);
  if (!clone) known.set(repo, (clone = look(repo, environment)));
  return clone;
}

/**
 * A tree can hold what looks like a repository (HEAD, objects, refs and config as files of a commit), and git would believe
 * its settings. No tree can hold `.git`, so that is what makes a clone; without it, nobody may have committed the folder.
 */
async function look(repo: string, environment: Environment): Promise<Clone> {
  const real = await realpath(repo).catch(() => undefined);
  if (real === undefined) throw noRepository(repo, 'there is no such folder');
  const isBare = !(await exists(join(real, '.git')));
  if (isBare && !((await exists(join(real, 'HEAD'))) && (await exists(join(real, 'objects')))))
    throw noRepository(repo, 'there is no .git in it: repo in ops.yml is the top folder of the clone');
  await refuseCommitted(repo, real, environment);

  const here = [...careful, '-c', `safe.bareRepository=${isBare ? 'all' : 'explicit'}`, '-C', real];
  const asked = ['--is-inside-work-tree', '--absolute-git-dir', '--show-toplevel'];
  const { stdout, stderr } = await run([...here, 'rev-parse', ...asked], environment);
  if (/dubious ownership/.test(stderr))
    throw new Failure(3, `${repo} belongs to another user, whose settings git does not take`, {
      detail: stderr.trim(),
      advice: `when that is meant: git config --global --add safe.directory ${real}`,
    });
  const [inside, folder = '', top = ''] = stdout.split('\n');
  // without a work tree: a bare clone, or one whose .git leads to such a clone
  if (inside === 'true' ? top !== real : inside !== 'false' || (!isBare && folder === real))
    throw noRepository(repo, top ? `its top folder is ${top}, and repo in ops.yml is that` : stderr.trim());
  return settle(repo, real, here, environment);
}

/** @throws Failure 3 when another repository has files of this folder in its index: then others wrote them. */
async function refuseCommitted(repo: string, real: string, environment: Environment): Promise<void> {
  for (let above = dirname(real); ; above = dirname(above)) {
    if (await exists(join(above, '.git'))) {
      const path = relative(above, real);
      const words = [...careful, '-c', 'safe.bareRepository=explicit', '-C', above];
      const { stdout } = await run([...words, 'ls-files', '-s', '-z', '--', path], environment);
      // a submodule is one entry of its own kind
      if (stdout.split('\0').some(entry => entry && !entry.startsWith('160000 ')))
        throw new Failure(3, `${repo} is not a clone of its own: its files are committed in ${above}`, {
          detail: 'whoever wrote that commit would decide what git starts on this machine',
          advice: 'clone the app beside it, and set repo in ops.yml to that folder',
        });
    }
    if (above === dirname(above)) return;
  }
}

/** Takes what starts programs out of the settings that come with the clone; those of the user and the system stay. */
async function settle(repo: string, real: string, here: string[], environment: Environment): Promise<Clone> {
  const listed = await run([...here, 'config', '--list', '--show-scope', '--show-origin', '-z'], environment);
  if (listed.code !== 0) throw noRepository(repo, listed.stderr.trim());
  const fields = listed.stdout.split('\0');
  const words = here.slice(0, -2);
  const filters = new Set<string>();
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [scope = '', origin = '', setting = ''] = fields.slice(at, at + 3);
    // a user's own settings may include a file of the tree
    const isOwn = !/^(local|worktree)$/.test(scope) && !liesIn(origin.replace(/^file:/, ''), real);
    if (isOwn || scope === 'command') continue;
    const key = setting.split('\n', 1)[0] ?? '';
    const value = setting.slice(key.length + 1);
    const harmless = programs.find(([form]) => form.test(key.toLowerCase()))?.[1];
    if (harmless === undefined || (lfs.test(key) && lfsValue.test(value))) continue;
    if (key.includes('='))
      throw new Failure(3, `the settings of ${repo} have a name with = in it, which cannot be switched off: ${key}`, {
        advice: `git -C ${repo} config --unset-all …, or take a fresh clone`,
      });
    words.push('-c', `${key}=${harmless}`);
    const filter = /^filter\.(.*)\.(smudge|process)$/.exec(key)?.[1];
    if (filter !== undefined && value) filters.add(filter);
  }
  return { words: [...words, '-C', real], filters: [...filters] };
}

function liesIn(file: string, folder: string): boolean {
  return file.startsWith(`${folder}/`);
}

/** Without what somebody set for another call of git, and without a question that nobody would see. */
function forGit(environment: Environment): Environment {
  return {
    ...programEnvironment(environment),
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    // a clone without its blobs fetches what is wanted, over these and by no program of its own
    GIT_ALLOW_PROTOCOL: 'https:http:ssh:git',
  };
}

function run(words: string[], environment: Environment, more: GitMore = {}): Promise<Said> {
  const env = { ...forGit(environment), ...more.variables };
  if (more.paths) env['GIT_ALLOW_PROTOCOL'] += ':file';
  const options = { env, maxBuffer: most, encoding: more.bytes ? 'latin1' : 'utf8', signal: more.signal } as const;
  return new Promise((resolve, reject) => {
    const child = execFile('git', words, options, (error, stdout, stderr) => {
      if (!error) resolve({ code: 0, stdout, stderr });
      else if (more.signal?.aborted) reject(more.signal.reason);
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
      else if (error.code === 'ENOENT')
        reject(new Failure(1, 'git is not on this machine', { advice: 'sudo apt-get install git' }));
      else reject(new Failure(1, `git failed: ${error.message.split('\n', 1)[0]}`));
    });
    // a git that wants no input ends before it has read any
    child.stdin?.on('error', () => {});
    child.stdin?.end(more.input ?? '');
  });
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function noRepository(repo: string, detail: string): Failure {
  return new Failure(3, `${repo} is not a git repository`, {
    detail,
    advice: 'set repo in ops.yml to the clone of the app',
  });
}
