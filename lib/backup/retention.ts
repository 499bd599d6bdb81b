// Retention: which backups are kept and which are pruned, each with its reason, decided from the store's listing alone.

/**
 * `good`: its manifest is there and nothing spoke against it. `bad`: a check or a drill found damage.
 * `unfinished`: objects without a manifest, of a run that failed, was killed, or is still under way.
 */
export type Standing = 'good' | 'bad' | 'unfinished';

export type Dated = {
  id: string;
  time: Date;
  standing: Standing;
  /** A drill restored it and was content. */
  proven: boolean;
  /** What it holds when restored, uncompressed: a difference then says as much as a full pack. */
  bytes: number;
  /** The full pack (or the difference) that it builds on. */
  needs?: string | undefined;
};

/** How many days, weeks and months keep a good backup, the newest of each. */
export type Keep = { daily: number; weekly: number; monthly: number };
export const keepLocal: Keep = { daily: 14, weekly: 8, monthly: 0 };
export const keepRemote: Keep = { daily: 30, weekly: 0, monthly: 6 };

export type Decision = { id: string; keep: boolean; reason: string };
/** Newest first. `hold` says why nothing at all is removed this time. */
export type RetentionPlan = { hold: string | undefined; decisions: Decision[] };

const day = 86_400_000;

/**
 * Counts over what there is, never ages: a month without backups removes nothing. `now` only tells which times cannot be
 * true. Days begin at midnight UTC, so that a change of the clock in spring or autumn is no event.
 */
export function planRetention(backups: readonly Dated[], keep: Keep, now: Date): RetentionPlan {
  const all = newestFirst(backups);
  const known = new Map(all.map(one => [one.id, one]));
  const reasons = new Map<string, string>();
  const because = (one: Dated, reason: string) => void (reasons.has(one.id) || reasons.set(one.id, reason));

  // A clock that was wrong for one night would otherwise hold a place, and be "the newest", for years.
  const believed = (one: Dated) => one.time.getTime() <= now.getTime() + day;
  for (const one of all) if (!believed(one)) because(one, 'its time lies in the future: a clock was or is wrong');
  const past = all.filter(believed);
  const whole = past.filter(one => isWhole(one, known));

  const hold = holdOf(past, whole);
  const newest = whole[0];
  if (newest) because(newest, 'the newest good one');
  const proven = whole.find(one => one.proven);
  if (proven) because(proven, 'the last proven one');

  const daily = fill(whole, keep.daily, 'day', dayOf, because);
  fill(whole, keep.weekly, 'week from', weekOf, because);
  fill(whole, keep.monthly, 'month', monthOf, because);
  keepNeeded(all, known, reasons);

  const decisions = all.map(one => {
    const kept = reasons.get(one.id) ?? notYet(one, whole, daily, now) ?? (hold && 'nothing is removed this time');
    return kept
      ? { id: one.id, keep: true, reason: kept }
      : { id: one.id, keep: false, reason: gone(one, known, keep) };
  });
  return { hold, decisions: withNeeds(decisions, known) };
}

/**
 * The ids to remove, in order: a backup goes before the one it builds on, so that an interrupted prune leaves
 * no backup without its full pack.
 */
export function removalOrder({ decisions }: RetentionPlan, backups: readonly Dated[]): string[] {
  const known = new Map(newestFirst(backups).map(one => [one.id, one]));
  const depth = (id: string, seen = new Set<string>()): number => {
    const needs = known.get(id)?.needs;
    if (needs === undefined || seen.has(id)) return 0;
    return 1 + depth(needs, seen.add(id));
  };
  const going = decisions.filter(one => !one.keep).map(({ id }) => ({ id, depth: depth(id) }));
  return going.sort((one, other) => other.depth - one.depth).map(({ id }) => id);
}

/** One of each id, with its worst state; the same order whatever the listing's was. */
function newestFirst(backups: readonly Dated[]): Dated[] {
  const order: Standing[] = ['good', 'bad', 'unfinished'];
  const byId = new Map<string, Dated>();
  // Doubled lines of a listing say the same; should they not, the choice must not depend on their order.
  const texts = new Map(backups.map(one => [JSON.stringify(one), one]));
  for (const [, one] of [...texts].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const other = byId.get(one.id);
    if (!other || order.indexOf(one.standing) > order.indexOf(other.standing)) byId.set(one.id, one);
  }
  const word = (one: Dated) => (Number.isNaN(one.time.getTime()) ? Infinity : one.time.getTime());
  return [...byId.values()].sort((one, other) => {
    const [left, right] = [word(one), word(other)];
    return left === right ? (one.id < other.id ? 1 : -1) : left < right ? 1 : -1;
  });
}

/** It can be restored as far as the listing tells: good, and so is everything that it builds on. */
function isWhole(one: Dated, known: Map<string, Dated>): boolean {
  const seen = new Set<string>();
  for (let at: Dated | undefined = one; ; at = known.get(at.needs)) {
    if (!at || at.standing !== 'good' || seen.has(at.id)) return false;
    if (at.needs === undefined) return true;
    seen.add(at.id);
  }
}

function holdOf(past: Dated[], whole: Dated[]): string | undefined {
  const [last] = past;
  const [newest, before] = whole;
  if (!newest) return last && 'there is no good backup';
  if (last !== newest)
    return `the newest backup, ${last?.id ?? ''}, ${last?.standing === 'unfinished' ? 'is not finished' : 'is not good'}`;
  if (before && newest.bytes < before.bytes / 2)
    return `the newest backup, ${newest.id}, holds less than half of the one before it`;
  // A loss that nobody noticed must not count as normal for the next backup: a drill has to confirm that all is there.
  const proven = whole.find(one => one.proven);
  if (proven && newest.bytes < proven.bytes / 2)
    return `the newest backup, ${newest.id}, holds less than half of the last proven one, ${proven.id}`;
  return undefined;
}

function fill(
  whole: Dated[],
  count: number,
  what: string,
  bucketOf: (time: Date) => string,
  because: (one: Dated, reason: string) => void,
): Dated[] {
  const filled = new Map<string, Dated>();
  for (const one of whole) {
    const bucket = bucketOf(one.time);
    if (filled.size >= count || filled.has(bucket)) continue;
    filled.set(bucket, one);
    because(one, `the newest of the ${what} ${bucket}, ${filled.size} of ${count}`);
  }
  return [...filled.values()];
}

/** What a kept one builds on stays, down to the full pack. */
function keepNeeded(all: Dated[], known: Map<string, Dated>, reasons: Map<string, string>): void {
  for (const one of all) {
    if (!reasons.has(one.id)) continue;
    let user = one;
    for (let at = known.get(one.needs ?? ''); at && !reasons.has(at.id); at = known.get(at.needs ?? '')) {
      reasons.set(at.id, `${user.id} builds on it`);
      user = at;
    }
  }
}

/** What failed is evidence for as long as the daily ones go back; what is not finished may be under way elsewhere. */
function notYet(one: Dated, whole: Dated[], daily: Dated[], now: Date): string | undefined {
  const [newest] = whole;
  if (one.standing === 'good') return undefined;
  if (!newest) return 'there is no good backup';
  if (one.standing === 'unfinished') {
    const young = one.time.getTime() > Math.min(now.getTime(), newest.time.getTime()) - day;
    return young ? 'not finished, and may be under way' : undefined;
  }
  const oldest = daily.at(-1) ?? newest;
  return one.time >= oldest.time ? 'damaged, kept for a look while the daily ones go back as far' : undefined;
}

function gone(one: Dated, known: Map<string, Dated>, keep: Keep): string {
  if (one.standing === 'unfinished') return 'never finished';
  if (one.standing === 'bad') return 'damaged';
  if (!isWhole(one, known)) return `what it builds on, ${one.needs}, is not there or not good`;
  const counts = [`${keep.daily} days`, `${keep.weekly} weeks`, `${keep.monthly} months`];
  return `others stand for the ${counts.filter(text => !text.startsWith('0 ')).join(', ')} that are kept`;
}

/** Whatever stays for another reason (held, evidence) keeps what it builds on, too. */
function withNeeds(decisions: Decision[], known: Map<string, Dated>): Decision[] {
  const reasons = new Map(decisions.filter(one => one.keep).map(one => [one.id, one.reason]));
  keepNeeded([...known.values()], known, reasons);
  return decisions.map(one => {
    const reason = reasons.get(one.id);
    return reason === undefined ? one : { id: one.id, keep: true, reason };
  });
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

function weekOf(time: Date): string {
  const sinceMonday = (time.getUTCDay() + 6) % 7;
  return dayOf(new Date(time.getTime() - sinceMonday * day));
}

function monthOf(time: Date): string {
  return time.toISOString().slice(0, 7);
}
