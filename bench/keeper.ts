// Measures the keeper on this machine: how long a step takes through it, how fast it goes back, what it costs to wait.
import { readFileSync, readdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { openKeeper } from '../lib/plan/keeper/open.ts';
import { host, keeperOf, place, program, sleep, stepOf, until, walk } from '../tests/support/keeper/keeping.ts';
import { median, milliseconds, timed, type Figure } from './figures.ts';

const steps = 30;
const rounds = 5;
const watched = 10;

export const about = `a keeper on this machine without ssh: ${steps} steps in a row, ${rounds} clients killed, ${watched} s of waiting`;

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const bash = median(await times(9, async () => void spawnSync('bash', ['-c', 'true'])));
  const whole = median(await times(rounds, () => walkIn([])));
  const sent = (median(await times(rounds, () => walkSteps(false))) - whole) / steps;
  say(`a step ${milliseconds(1000 * sent)}`);
  const judged = (median(await times(rounds, () => walkSteps(true))) - whole) / steps;
  const back = median(await gather(rounds, () => killed(say)));
  const idle = await cpuSeconds('');
  const busy = await cpuSeconds(`sleep ${watched + 5}`);
  return [
    {
      what: 'a step that does nothing, sent ahead',
      value: milliseconds(1000 * sent),
      against: `bash -c true: ${milliseconds(1000 * bash)}`,
    },
    { what: 'a step whose answer is judged first', value: milliseconds(1000 * judged) },
    { what: 'lock, journal, log line and pointers, without steps', value: milliseconds(1000 * whole) },
    {
      what: 'kill -9 of the client until its step is ended, undone, logged and the lock free',
      value: milliseconds(1000 * back),
      limit: '≤ 30 s',
      good: back <= 30,
      against: 'Kamal: the lock stays until a person removes it (measured earlier)',
    },
    { what: 'processor time of a keeper that waits for its client', value: percent(idle) },
    { what: 'processor time of a keeper whose step runs long', value: percent(busy) },
  ];
}

async function times(count: number, work: () => Promise<unknown>): Promise<number[]> {
  return gather(count, () => timed(work));
}

async function gather<T>(count: number, one: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  for (let at = 0; at < count; at++) all.push(await one());
  return all;
}

async function walkIn(list: Parameters<typeof walk>[1]): Promise<void> {
  const here = place();
  const { outcome } = await walk(here.attempt(), list);
  here.remove();
  if (outcome !== 'live') throw new Error(`the keeper ended with ${outcome}`);
}

function walkSteps(judged: boolean): Promise<unknown> {
  const one = {
    ...stepOf({ title: 'Nothing', run: 'true', undo: 'true' }),
    ...(judged ? { judge: () => undefined } : {}),
  };
  return walkIn(Array.from({ length: steps }, () => one));
}

/** Seconds until the lock is free again. */
async function killed(say: (line: string) => void): Promise<number> {
  const here = place();
  const { child, pid } = program(here.attempt(), [
    { title: 'First', run: 'true', undo: `echo undone >${here.at('undone')}` },
    { title: 'Long', run: `echo running >${here.at('running')}; sleep 60`, undo: 'true' },
  ]);
  await until(() => here.text('running') !== '', 'the long step runs');
  const took = await timed(async () => {
    process.kill(pid, 'SIGKILL');
    await until(() => here.text('undone') !== '' && here.log().length === 1 && here.free(), 'the keeper went back', 30);
  });
  child.unref();
  say(`back ${milliseconds(1000 * took)} after kill -9`);
  here.remove();
  return took;
}

/** Seconds of processor that the keeper and its children used while `watched` seconds went by. */
async function cpuSeconds(command: string): Promise<number> {
  const here = place();
  const keeper = await openKeeper(host, here.attempt());
  if (command) keeper.begin([stepOf({ title: 'Long', run: command })], []);
  await sleep(3000);
  const pid = keeperOf(here);
  const before = ticks(pid);
  await sleep(1000 * watched);
  const used = (ticks(pid) - before) / 100;
  if (command) {
    keeper.abort('aborted', 'measured');
    await keeper.ended();
  } else await keeper.quit();
  here.remove();
  return used;
}

/** Hundredths of a second of a process, its living and its ended children; Linux counts in 100 per second. */
function ticks(pid: number): number {
  let sum = 0;
  for (const name of readdirSync('/proc').filter(one => /^\d+$/.test(one))) {
    const fields = statOf(name);
    if (Number(name) === pid) sum += fields.slice(11, 15).reduce((a, b) => a + Number(b), 0);
    else if (Number(fields[1]) === pid) sum += Number(fields[11]) + Number(fields[12]);
  }
  return sum;
}

/** What follows the name in /proc/<pid>/stat; nothing when the process has ended. */
function statOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return [];
  }
}

function percent(used: number): string {
  return `${((100 * used) / watched).toFixed(1)} % of a core`;
}
