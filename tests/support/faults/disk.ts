// Disks of our own for tests, where root may mount them; where not, what needs them is left out by name.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { test } from 'uvu';

const mounted: string[] = [];
const mount = (at: string, ...words: string[]): boolean => {
  mkdirSync(at, { recursive: true });
  const { status } = spawnSync('mount', [...words, at]);
  if (status === 0) mounted.push(at);
  return status === 0;
};

/** `size=200k`, `nr_inodes=50`: a small disk in memory. */
export function makeDisk(at: string, options: string): void {
  if (!mount(at, '-t', 'tmpfs', '-o', options, 'tmpfs')) throw new Error(`no disk can be mounted at ${at}`);
}

/** A folder that is somewhere else as a mount, until it is taken away. */
export function bind(from: string, at: string): void {
  if (!mount(at, '--bind', from)) throw new Error(`${from} cannot be mounted at ${at}`);
}

export function takeAway(at: string): void {
  const { status, stderr } = spawnSync('umount', [at]);
  if (status !== 0) throw new Error(String(stderr));
  mounted.splice(mounted.indexOf(at), 1);
}

export function removeDisks(): void {
  for (const at of mounted.splice(0).toReversed()) spawnSync('umount', ['--lazy', at]);
}

/** A test, where disks can be mounted. CI is such a place. */
export function testWithDisks(scratch: string, name: string, run: () => void): void {
  if (mount(`${scratch}/disk`, '-t', 'tmpfs', '-o', 'size=8k', 'tmpfs')) {
    takeAway(`${scratch}/disk`);
    test(name, run);
  } else if (process.env['CI']) throw new Error(`no disk can be mounted here: ${name}`);
  else console.log(`left out: ${name}: only root can mount a disk`);
}
