// Undos under faults: each command that an undo starts and each call on its files fails once, and what is true then is looked at.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { stepFunctions } from '../../../lib/host/environment.ts';
import type { Command } from '../../../lib/host/sh.ts';
import { below, seeded } from './hostile.ts';

/** What becomes of the nth program that a shell starts. `halfway`: it ends in the middle of its work, or says that it failed when it is done. */
export const ofPrograms = ['fails', 'halfway', 'dies'] as const;
/** What becomes of the nth call on a file, or of all from then on. `killed`: with the shell and all that it started, in the middle of a write. */
export const ofCalls = ['EIO', 'EIO from then on', 'no space', 'no inode', 'killed'] as const;
/** After the nth thing that the stand-in of Docker changed: it says that it failed, or all is killed. */
export const ofEngine = ['engine fails', 'engine killed'] as const;
export type Kind = (typeof ofPrograms)[number] | (typeof ofCalls)[number] | (typeof ofEngine)[number];
const counted = (kind: Kind | 'none') =>
  ofPrograms.some(one => one === kind) ? 'programs' : ofEngine.some(one => one === kind) ? 'changes' : 'calls';

/** One undo, in the state that it is called in. */
export type Undoing = {
  name: string;
  /** Makes that state, again and again. */
  ready(): void;
  undo: Command;
  /** What lies in them is counted as the undo's. */
  folders: string[];
  /** What is true now, and has to be what it was before the step. @param cluttered the undo told that copies are left over */
  now(cluttered: boolean): unknown;
  before(cluttered: boolean): unknown;
  /** Whether what was there before is somewhere as a whole: asked when the undo failed. */
  kept(): boolean;
  kinds?: readonly Kind[];
  environment?: Record<string, string>;
};

let faultsSoFar = 1;

export type Tally = { runs: number; done: number; failed: number; lies: string[] } & Counts;
type Counts = { programs: number; calls: number; changes: number };

// in memory: an undo waits for the disk many times
const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bookops-faults-'));
export const removeScratch = (): void => rmSync(scratch, { recursive: true, force: true });
const library = join(scratch, 'fault.so');
const built = spawnSync('gcc', [
  '-O1',
  '-shared',
  '-fPIC',
  '-o',
  library,
  join(import.meta.dirname, 'fault.c'),
  '-ldl',
]);
if (built.status !== 0) throw new Error(`gcc: ${built.error?.message ?? String(built.stderr)}`);
const counts = join(scratch, 'counts');
const keeperRun = join(scratch, 'run');
const words = stepFunctions().text;

/** Runs a step or an undo as the keeper does, with a fault of that kind or none. */
export function run(
  { text }: Command,
  { folders, environment }: Pick<Undoing, 'folders' | 'environment'>,
  kind: Kind | 'none' = 'none',
  at = 0,
): { status: number | null; stderr: string; faults: number } & Counts {
  mkdirSync(keeperRun, { recursive: true });
  writeFileSync(counts, Buffer.alloc(12));
  const changed = environment?.['ENGINE'] && join(environment['ENGINE'], 'changes');
  if (changed) writeFileSync(changed, '0\n');
  const { status, stderr, error } = spawnSync('setsid', ['bash', '-c', `exec 3>/dev/null\n${words}\n${text}`], {
    encoding: 'utf8',
    timeout: 100_000,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      HOME: scratch,
      PATH: process.env['PATH'],
      KEEPER_RUN: keeperRun,
      KEEPER_UNDO: 'yes',
      ...environment,
      LD_PRELOAD: library,
      FAULT_COUNT: counts,
      FAULT_KIND: kind,
      // setsid and the shell come first
      FAULT_AT: String(counted(kind) === 'programs' ? at + 1 : at),
      ...(counted(kind) === 'changes' && { ENGINE_FAULT: `${kind.replace('engine ', '')} ${at}` }),
      FAULT_PATHS: folders.join(':'),
    },
  });
  if (error) throw new Error(`${kind} at ${at}: ${error.message}\n${stderr}`);
  const [programs = 0, calls = 0, faults = 0] = new Int32Array(new Uint8Array(readFileSync(counts)).buffer);
  const changes = changed ? Number(readFileSync(changed, 'utf8')) : 0;
  const met = counted(kind) === 'changes' ? Number(changes >= at) : faults;
  return { status, stderr, programs: programs - 2, calls, changes, faults: met };
}

/** What stays broken looks much the same from one place and from the next: these begin at every third place only. */
const strides: Partial<Record<Kind, number>> = { 'EIO from then on': 3, 'no space': 3, 'no inode': 3 };

/** About how many there are, for who does not count them first. */
const usual: Counts = { programs: 25, calls: 50, changes: 3 };

/**
 * Runs the undo once per fault: of each kind at each place, or at one of them that is always the same (and may be none, where
 * there are few). Each time it is run again without a fault, as the keeper and recover do.
 */
export function tryFaults(undoing: Undoing, all: boolean): Tally {
  const { name, ready, undo, now, before, kept, kinds = [...ofPrograms, ...ofCalls] } = undoing;
  if (all) ready();
  const plain = all ? run(undo, undoing) : undefined;
  const { programs, calls, changes } = plain ?? usual;
  const tally: Tally = { runs: 0, done: 0, failed: 0, programs, calls, changes, lies: [] };
  const lie = (what: string) => {
    tally.lies.push(`${name}: ${what}`);
    if (all) console.log(`${name}: ${what}`);
  };
  const differs = (cluttered: boolean) => {
    const [is, was] = [now(cluttered), before(cluttered)].map(one => JSON.stringify(one));
    if (is === was || is === undefined || was === undefined) return is !== was;
    let at = 0;
    while (is[at] === was[at]) at++;
    tally.lies.push(`${name}: …${is.slice(Math.max(0, at - 100), at + 60)}… instead of …${was.slice(at, at + 60)}…`);
    return true;
  };
  if (plain && (plain.status !== 0 || differs(false))) lie(`without a fault: exit ${plain.status} ${plain.stderr}`);
  const random = seeded(faultsSoFar++);
  for (const kind of kinds) {
    const most = tally[counted(kind)];
    if (!most) continue;
    for (let turn = 1; all || turn === 1; turn += all ? (strides[kind] ?? 1) : 1) {
      const at = all ? turn : 1 + below(random, most);
      ready();
      const { status, stderr, faults } = run(undo, undoing, kind, at);
      // an undo in trouble does more than one without: it ends where there was nothing to fail any more
      if (!faults && all && at > most) break;
      tally.runs++;
      const what = `${kind} at ${at}`;
      const cluttered = /could be removed|could not be removed/.test(stderr);
      if (status === 0) {
        tally.done++;
        if (differs(cluttered)) lie(`${what}: done, and it is not as it was\n${stderr}`);
      } else {
        tally.failed++;
        if (!kept()) lie(`${what}: nothing is whole any more\n${stderr}`);
      }
      const again = run(undo, undoing);
      if (again.status !== 0 || differs(cluttered))
        lie(`${what}, then again: exit ${again.status}\n${stderr}\n${again.stderr}`);
    }
  }
  return tally;
}

/** Every file, folder and link in there: its kind, rights and contents. */
export function listed(folder: string, at = ''): Record<string, string> {
  if (!existsSync(join(folder, at))) return {};
  return Object.assign(
    {},
    ...readdirSync(join(folder, at))
      .toSorted()
      .map(name => {
        const inside = join(at, name);
        const path = join(folder, inside);
        const is = lstatSync(path);
        if (is.isSymbolicLink()) return { [inside]: `to ${readlinkSync(path)}` };
        const mode = (is.mode & 0o7777).toString(8);
        if (is.isDirectory()) return { [inside]: mode, ...listed(folder, inside) };
        return { [inside]: `${mode} ${readFileSync(path).toString('base64')}` };
      }),
  ) as Record<string, string>;
}

/** Keeps what is in some folders, which stay themselves: one may be a disk. @returns what puts it back */
export function keeping(folders: string[]): () => void {
  const copy = mkdtempSync(join(scratch, 'kept-'));
  const options = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };
  const put = (from: string, to: string) => {
    for (const name of readdirSync(from)) {
      if (lstatSync(join(from, name)).isFile()) copyFileSync(join(from, name), join(to, name));
      else cpSync(join(from, name), join(to, name), options);
    }
  };
  for (const [index, folder] of folders.entries()) {
    mkdirSync(join(copy, String(index)));
    put(folder, join(copy, String(index)));
  }
  return () => {
    for (const [index, folder] of folders.entries()) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
      put(join(copy, String(index)), folder);
    }
  };
}

export const makeScratch = (name: string): string => mkdtempSync(join(scratch, `${name}-`));

export function forward(command: Command | undefined, at: Pick<Undoing, 'folders' | 'environment'>): void {
  assert.ok(command);
  const { status, stderr } = run(command, at);
  assert.is(status, 0, stderr);
}

export const whole = process.env['BOOKOPS_TORTURE'] === '1';
/** BOOKOPS_UNDOS=<regular expression> takes what is called like that. */
const wanted = new RegExp(process.env['BOOKOPS_UNDOS'] ?? '');
let turn = 0;

/**
 * Tries all faults of an undo, or `some`, of other kinds each time (½: for every second undo), and fails when one lies.
 * @returns whether any was tried: then the undo was walked
 */
export function judge(undoing: Undoing, some: number): boolean {
  const began = performance.now();
  const { name, kinds = [...ofPrograms, ...ofCalls] } = undoing;
  const chosen = kinds.filter((_, index) => whole || (index + turn) % Math.ceil(kinds.length / some) === 0);
  turn++;
  if (!chosen.length || !wanted.test(name)) return false;
  const { lies, ...figures } = tryFaults({ ...undoing, kinds: chosen }, whole);
  if (whole)
    console.log(`series: ${name} ${JSON.stringify(figures)} ${Math.round((performance.now() - began) / 1000)} s`);
  assert.is(lies.length, 0, `${lies.length} of ${figures.runs}\n${lies.slice(0, 12).join('\n')}`);
  return true;
}
