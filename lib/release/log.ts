// releases.log: one line per attempt, read and written; and what the lines say about current, previous and good.
import { readPairs } from '../log-line.ts';
import { sameCommit } from './release.ts';

/** One line. `outcome` is live for lines that arsvent's own scripts wrote: they only wrote after success. */
export type LogLine = {
  time: string;
  environment: string;
  sha: string;
  id: string | undefined;
  action: string;
  outcome: string;
  /** The SHA that served before. */
  was: string | undefined;
  by: string | undefined;
  /** The release's folder name; undefined for lines of other tools. */
  release: string | undefined;
  reason: string | undefined;
  seconds: number | undefined;
  window: number | undefined;
  snapshot: string | undefined;
  /** Every key as it is in the line. */
  keys: Record<string, string>;
};

// with s, because U+2028 is no end of a line in a file
const stamp = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)$/s;

/** Reads one line; undefined for a line that is none (half-written by a full disk, a comment). */
export function parseLine(text: string): LogLine | undefined {
  const parts = stamp.exec(text.trimEnd());
  if (!parts?.[1] || parts[2] === undefined) return undefined;
  const keys = readPairs(parts[2]);
  if (!keys.sha || !keys.env) return undefined;
  const number = (word: string | undefined) => (word && /^\d+(\.\d+)?$/.test(word) ? Number(word) : undefined);
  return {
    time: parts[1],
    environment: keys.env,
    sha: keys.sha,
    id: keys.id,
    action: keys.action ?? (keys.tags === 'rollback' ? 'rollback' : 'deploy'),
    outcome: keys.outcome ?? 'live',
    was: keys.was,
    by: keys.by,
    release: keys.release,
    reason: keys.reason,
    seconds: number(keys.seconds),
    window: number(keys.window),
    snapshot: keys.snapshot,
    keys,
  };
}

/** All lines of a log that can be read, oldest first. */
export function parseLog(text: string): LogLine[] {
  return text.split('\n').flatMap(line => parseLine(line) ?? []);
}

/** The line that an attempt would leave if it went live now. */
export function liveLine(sha: string, action: string): LogLine {
  const unknown = { id: undefined, was: undefined, by: undefined, release: undefined, reason: undefined };
  const unmeasured = { seconds: undefined, window: undefined, snapshot: undefined };
  return { time: '', environment: '', sha, action, outcome: 'live', ...unknown, ...unmeasured, keys: {} };
}

/** A good release, as a rollback can go to it; `line` is the one that put it live, missing when another tool did. */
export type Good = { sha: string; release: string | undefined; line: LogLine | undefined };

/**
 * The good releases, oldest first, the last one live now. A deploy puts its release on top; a rollback takes away what
 * is above the one it went to, so that rolling back twice goes two releases back and not back and forth.
 */
export function goodReleases(log: LogLine[]): Good[] {
  return log.reduce(goodAfter, []);
}

/** The good releases once this line is in the log too. */
export function goodAfter(before: Good[], line: LogLine): Good[] {
  if (!putsInPlace(line)) return before;
  const stack = line.was === undefined ? before : upTo(before, line.was);
  const known = stack.find(one => sameCommit(one.sha, line.sha));
  const good = { sha: line.sha, release: line.release ?? known?.release, line };
  if (line.action === 'rollback' && known) return [...stack.slice(0, stack.indexOf(known)), good];
  return [...stack.filter(one => one !== known), good];
}

/** `was` served last, whether by the log, or because another tool or a person had put it there. */
export function upTo(stack: Good[], was: string): Good[] {
  const at = stack.findLastIndex(one => sameCommit(one.sha, was));
  return at >= 0 ? stack.slice(0, at + 1) : [...stack, { sha: was, release: undefined, line: undefined }];
}

/** Whether another release is live from this line on; one that a person accepted is what the next one replaces. */
export function putsInPlace(line: LogLine): boolean {
  return ['live', 'accepted'].includes(line.outcome) && !staysAsItIs(line);
}

/** Whether the release that served before is still live. */
function staysAsItIs({ action }: LogLine): boolean {
  return action === 'restart' || action === 'seed' || action === 'restore';
}

/** Whether the log shows this SHA live at any time. */
export function everLive(log: LogLine[], sha: string): boolean {
  return log.some(line => line.sha === sha && line.outcome === 'live');
}

/** The snapshot with the database as it was when that release last served: the one taken by the deploy that replaced it. */
export function snapshotOf(log: LogLine[], sha: string): { file: string; time: string } | undefined {
  const live = log.filter(line => line.outcome === 'live' && !staysAsItIs(line));
  const left = live[live.findLastIndex(line => line.sha === sha) + 1];
  return left?.was === sha && left.snapshot ? { file: left.snapshot, time: left.time } : undefined;
}
