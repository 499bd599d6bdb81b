// How a test runs a sample app as a real process: a commit's files in a folder, a free port, its answers, its end.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const run = promisify(execFile);
const running = new Set<ChildProcess>();
const packages = fileURLToPath(new URL('../../../node_modules', import.meta.url));

/** Unpacks a commit as a deploy does, with the project's packages where the app looks for its own. */
export async function release(repo: string, sha: string, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await run('sh', ['-c', 'git -C "$1" archive "$2" | tar -x -C "$3"', 'sh', repo, sha, folder]);
  await symlink(packages, `${folder}/node_modules`);
  return folder;
}

type Started = {
  output: () => string;
  ended: Promise<number | null>;
  stop: () => Promise<{ code: number | null; ms: number }>;
};

/** Starts a program with exactly this environment; `stop` sends SIGTERM and says how it ended and how soon. */
export function start(program: string, words: string[], cwd: string, env: Record<string, string>): Started {
  const child = spawn(program, words, {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', text => (output += text));
  const ended = new Promise<number | null>(resolve => child.once('close', resolve));
  const stop = async () => {
    const since = performance.now();
    child.kill('SIGTERM');
    return { code: await ended, ms: performance.now() - since };
  };
  return { output: () => output, ended, stop };
}

/** For the last test of a file: a test that failed half way must not leave its processes behind. */
export function stopAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export type Seen = { status: number; headers: Headers; text: string; json: () => unknown };

/** Asks until anything answers at all, for at most ten seconds. */
export async function ask(url: string, init: RequestInit = {}): Promise<Seen> {
  for (let tries = 200; ; tries -= 1) {
    try {
      const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(5000), ...init });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
    } catch (error) {
      if (tries === 0) throw error;
      await pause(50);
    }
  }
}
