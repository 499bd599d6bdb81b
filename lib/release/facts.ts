// Everything a task needs to know about a target, asked in one round trip that changes nothing.
import type { Target } from '../target/target.ts';
import type { Probe } from '../target/health-settings.ts';
import { readPassed } from './passed-probes.ts';
import type { Colour } from './colours.ts';
import { parseLog, type LogLine } from './log.ts';
import { isReleaseName } from './release.ts';

export type Facts = {
  /** The host's clock. */
  now: Date;
  /** The deploy user. */
  user: string;
  /** Equal to the keeper's stamp while no attempt came in between. */
  stamp: string;
  current: string | undefined;
  previous: string | undefined;
  log: LogLine[];
  /** Folder names under releases that have the form of a release's. */
  folders: string[];
  /** What `current` links to (systemd, process): a release's folder name. */
  linked: string | undefined;
  /** The live colour; undefined: the live release has none. */
  colour: Colour | undefined;
  /** One entry per env file of the target, in its order; undefined: there is none or it cannot be read. */
  envFiles: (string | undefined)[];
  /** Free bytes on the disk of the root, and its size. */
  disk: { free: number; size: number };
  /** Whose journal is not settled. */
  leftover: string | undefined;
  /** The line of the one who holds the lock, if somebody does. */
  holder: string | undefined;
  /** Content of the maintenance flag, undefined when maintenance is off. */
  flag: string | undefined;
  /** Whether the host starts the settle line at boot. */
  bootLine: boolean;
  /** Bytes of the database file. */
  database: number | undefined;
  /** The log of the environment that this one requires, when it is on the same host. */
  required: LogLine[] | undefined;
  /** The probes that releases passed when they went live, by folder name. */
  passed: Map<string, Probe[]>;
  /** Facts of the runtime, by name. */
  answers: Map<string, string>;
};

/** What `… | fact name` printed, by name. */
export function readNamed(text: string): Map<string, string> {
  const named = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at > 0) named.set(line.slice(0, at), Buffer.from(line.slice(at + 1), 'base64').toString());
  }
  return named;
}

export function readFacts(text: string, target: Target): Facts {
  const facts = readNamed(text);
  const word = (name: string) => facts.get(name)?.trim() || undefined;
  const [free = '0', size = '0'] = (word('disk') ?? '').split(' ');
  return {
    now: new Date(Number(word('now')) * 1000),
    user: word('user') ?? '',
    stamp: word('stamp') ?? '',
    current: word('current'),
    previous: word('previous'),
    log: parseLog(facts.get('log') ?? '').filter(line => line.environment === target.environment),
    folders: (facts.get('folders') ?? '').split('\n').filter(isReleaseName),
    linked: word('linked')?.replace(/.*\//, ''),
    colour: (['blue', 'green'] as const).find(one => one === word('colour')),
    envFiles: target.env.map((_, index) => facts.get(`env${index}`)),
    disk: { free: Number(free), size: Number(size) },
    leftover: facts.has('leftover') ? (word('leftover') ?? 'unknown') : undefined,
    holder: facts.has('holder') ? (word('holder') ?? 'another run') : undefined,
    flag: facts.get('flag'),
    bootLine: facts.has('boot'),
    database: word('database') ? Number(word('database')) : undefined,
    required: facts.has('required')
      ? parseLog(facts.get('required') ?? '').filter(line => line.environment === target.requires)
      : undefined,
    passed: readPassed(facts.get('passed') ?? ''),
    answers: facts,
  };
}

/** What the host answered to a question of that name; '' when it did not. */
export function answerText({ answers }: Facts, name: string): string {
  return (answers.get(name) ?? '').trim();
}

export function answerLines({ answers }: Facts, name: string): string[] {
  return (answers.get(name) ?? '').split('\n').filter(Boolean);
}

export function answerWords({ answers }: Facts, name: string): string[] {
  return (answers.get(name) ?? '').split(/\s+/).filter(Boolean);
}
