// A folder on this machine in which keepers can be tried, and what becomes of a list of steps in it.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
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
import { connect } from '../../../lib/host/connect.ts';
import { type Attempt, type Happening, type Outcome } from '../../../lib/plan/keeper/keeper.ts';
import { openKeeper } from '../../../lib/plan/keeper/open.ts';
import { script } from '../../../lib/host/sh.ts';
import type { Step } from '../../../lib/plan/step.ts';
import { startOfTest } from '../../transpiled.ts';

export const host = await connect({ name: 'here', kind: 'local' }, { environment: process.env });

/** A step as text, so that it can be handed to another program. */
export type Plain = { title: string; run: string; undo?: string; seconds?: number; input?: string };

export const stepOf = ({ title, run, undo, seconds, input }: Plain): Step => ({
  title,
  run: script(run),
  ...(undo === undefined ? {} : { undo: script(undo) }),
  ...(seconds === undefined ? {} : { seconds }),
  ...(input === undefined ? {} : { input }),
});

export const shas = { old: 'a'.repeat(40), next: 'b'.repeat(40) };
let count = 0;

export type Place = ReturnType<typeof place>;

export function place(folder = mkdtempSync(join(tmpdir(), 'bookops-keeper-'))) {
  const releases = join(folder, 'releases');
  const home = join(releases, '.keeper');
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  return {
    folder,
    releases,
    home,
    at: (name: string) => join(folder, name),
    text: (name: string) => read(join(folder, name)),
    /** The lines of releases.log. */
    log: () => read(join(releases, 'releases.log')).split('\n').filter(Boolean),
    current: () => read(join(releases, 'current_release')).trim(),
    previous: () => read(join(releases, 'previous_release')).trim(),
    journal: () => (existsSync(join(home, 'journal')) ? readdirSync(join(home, 'journal')).sort() : []),
    free: () => spawnSync('flock', ['-n', join(home, 'lock'), 'true']).status === 0,
    attempt: (more: Partial<Attempt> = {}): Attempt => {
      const id = more.id ?? `20261120-${String(++count).padStart(6, '0')}`;
      return {
        releases,
        id,
        logHead: `2026-11-20T12:00:04Z env=staging sha=${shas.next} id=${id} action=deploy by=ana@laptop`,
        holder: `by=ana@laptop action=deploy sha=${shas.next} since=2026-11-20T12:00:04Z`,
        client: 'ana@laptop',
        appUser: undefined,
        wait: 0,
        ...more,
      };
    },
    /** An undo is tried for so many seconds. */
    patience: (seconds: number) => {
      mkdirSync(home, { recursive: true, mode: 0o700 });
      writeFileSync(join(home, 'patience'), `${seconds}\n`);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export type Walked = { outcome: Outcome; error: unknown; said: string[]; undone: number[]; finished: boolean[] };

/** Opens a keeper, walks the steps as a task would, commits or goes back. */
export async function walk(
  attempt: Attempt,
  steps: Step[],
  finish: Step[] = [],
  hear?: (happening: Happening) => void,
): Promise<Walked> {
  const keeper = await openKeeper(host, attempt, hear);
  const said: string[] = [];
  const undone: number[] = [];
  const finished: boolean[] = [];
  let error: unknown;
  keeper.begin(steps, finish);
  try {
    for (const index of steps.keys()) await keeper.done(index, line => said.push(line));
    keeper.commit(shas.next, shas.old, ' window=1.2');
    await keeper.recorded();
    for (const index of finish.keys()) finished.push(await keeper.finished(index, line => said.push(line)));
  } catch (thrown) {
    error = thrown;
    keeper.abort('reverted', thrown instanceof Error ? thrown.message : String(thrown));
    for await (const { index, done } of keeper.undos()) if (await done) undone.push(index);
  }
  return { outcome: await keeper.ended(), error, said, undone, finished };
}

/** The same in a program of its own, which can be killed. `heard` is what it printed. */
export function program(attempt: Attempt, steps: Plain[], finish: Plain[] = []) {
  const child = spawn(process.execPath, startOfTest('tests/support/keeper/client.ts'), {
    cwd: join(import.meta.dirname, '../../..'),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify({ attempt, steps, finish }));
  let heard = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (heard += text));
  return { child, heard: () => heard, pid: child.pid ?? 0 };
}

const processes = () => readdirSync('/proc').filter(name => /^\d+$/.test(name));

/** State, parent and group; undefined of one that has ended. */
function statOf(pid: string): { state: string; parent: string; group: string } | undefined {
  try {
    // after the name, which may hold anything
    const [state = '', parent = '', group = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state, parent, group };
  } catch {
    return undefined;
  }
}

/** Processes of a group that are not zombies. Nothing is started for it: on a busy machine that takes seconds, and the client's own beats would wait. */
export function alive(group: number): string[] {
  if (!group) return [];
  return processes().filter(pid => {
    const stat = statOf(pid);
    return stat?.group === String(group) && stat.state !== 'Z';
  });
}

/** The keeper's own process: the one that has the journal's lock open and beats as its client. */
export function keeperOf({ home }: { home: string }): number {
  const lock = join(home, 'lock');
  const holders = processes().filter(pid => {
    try {
      return readlinkSync(`/proc/${pid}/fd/8`) === lock;
    } catch {
      return false;
    }
  });
  // what it starts has the lock open too, and may have a smaller number
  const found = holders.find(pid => !holders.includes(statOf(pid)?.parent ?? pid));
  if (!found) throw new Error('there is no keeper'); // 0 would be our own group
  return Number(found);
}

export const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

export async function until(holds: () => boolean, what: string, seconds = 10): Promise<number> {
  const from = Date.now();
  while (!holds()) {
    if (Date.now() - from > seconds * 1000) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(20);
  }
  return (Date.now() - from) / 1000;
}
