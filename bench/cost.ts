// What a program costs, measured by the kernel: seconds on the clock, seconds of processor, peak of memory.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { install, mayInstall, missing } from '../tests/programs.ts';

/** `cpu`: of the program and of everything that it started and waited for; `peakMB`: of the largest of these processes. */
export type Cost = { wall: number; cpu: number; peakMB: number; stdout: string };

/** Installs what a part of the bench calls, or says what is missing. */
export async function needs(programs: Record<string, string>): Promise<void> {
  const packages = missing({ time: 'time', ...programs });
  if (packages.length && !mayInstall()) throw new Error(`missing here: ${packages.join(', ')}`);
  await install(packages);
}

/** Runs it to its end under /usr/bin/time, which reads wait4(2). @throws when it fails, with what it said. */
export async function costOf(words: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Cost> {
  const file = join(tmpdir(), `bookops-cost-${process.pid}`);
  const child = spawn('/usr/bin/time', ['-q', '-o', file, '-f', '%e %U %S %M', ...words], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], SHLVL: '2', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${String(code)}\n${stderr.slice(-3000)}`);
  const [wall = 0, user = 0, system = 0, kilobytes = 0] = readFileSync(file, 'utf8').trim().split(' ').map(Number);
  rmSync(file);
  return { wall, cpu: user + system, peakMB: (kilobytes * 1024) / 1e6, stdout };
}

/** One of our tasks. */
export function costOfTask(task: string, words: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Cost> {
  const tsx = import.meta.resolve('tsx');
  const file = join(import.meta.dirname, '../tasks', `${task}.ts`);
  return costOf(['node', '--import', tsx, file, '--env', 'staging', '--json', ...words], cwd, env);
}
