// Runs a program of this machine for the harness and returns what it said.
import { spawn } from 'node:child_process';
import type { Answer } from '../../../lib/host/host.ts';

export type More = { input?: string | Buffer; env?: Record<string, string>; cwd?: string; seconds?: number };

/**
 * Never throws for a non-zero code: the caller decides. A program that outlives `seconds` (240) is killed and answers 124:
 * sooner than the limit of a test file, so that it has a name.
 */
export function answer(program: string, args: string[], more: More = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...more.env },
      cwd: more.cwd,
      timeout: (more.seconds ?? 240) * 1000,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', code =>
      resolve({
        code: code ?? 124,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
    child.stdin.on('error', () => {}); // a program may end without reading what it was given
    child.stdin.end(more.input ?? '');
  });
}

/** The standard output of a program that must succeed. */
export async function output(program: string, args: string[], more: More = {}): Promise<string> {
  const said = await answer(program, args, more);
  if (said.code !== 0)
    throw new Error(
      `${program} ${args.join(' ').slice(0, 300)} ended with ${said.code}\n${tail(said.stderr || said.stdout)}`,
    );
  return said.stdout.trim();
}

/** A bash script that must succeed; it stops at the first command that fails. */
export function bash(text: string, more: Omit<More, 'input'> = {}): Promise<string> {
  return output('bash', ['-s'], { ...more, input: `set -euo pipefail\n${text}\n` });
}

/** Asks again and again until something is found, and says what was waited for when the time is over. */
export async function until<Found>(
  what: string,
  seconds: number,
  look: () => Promise<Found | undefined>,
): Promise<Found> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await new Promise(resolve => setTimeout(resolve, 100));
  }
}

function tail(text: string): string {
  return text.trim().split('\n').slice(-25).join('\n');
}
