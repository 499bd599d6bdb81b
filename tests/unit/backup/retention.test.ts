// Which backups stay: examples that can be read, and rules that hold for thousands of made-up histories.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  keepLocal,
  keepRemote,
  planRetention,
  removalOrder,
  type Dated,
  type Keep,
} from '../../../lib/backup/retention.ts';
import { seeded } from '../../support/faults/hostile.ts';

const day = 86_400_000;
const hour = day / 24;
const now = new Date('2026-11-21T06:00:00Z');
const idOf = (time: Date, tail = 'abcdef') => `${time.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${tail}`;

/** A good backup of 100 bytes, so many nights ago at 03:00. */
function night(ago: number, more: Partial<Dated> = {}): Dated {
  const time = new Date(Date.UTC(2026, 10, 21 - ago, 3));
  return { id: idOf(time), time, standing: 'good', proven: false, bytes: 100, ...more };
}
const nights = (count: number) => Array.from({ length: count }, (_, ago) => night(ago));
const keptOf = (backups: Dated[], keep: Keep, at = now) => {
  const { decisions } = planRetention(backups, keep, at);
  return decisions.filter(one => one.keep).map(one => one.id.slice(0, 8));
};
const reasonOf = (backups: Dated[], keep: Keep, id: string) =>
  planRetention(backups, keep, now).decisions.find(one => one.id === id)?.reason ?? '';

test('a year of nights becomes fourteen days and eight weeks here, thirty days and six months far away', () => {
  assert.is(keptOf(nights(365), keepLocal).length, 14 + 8 - 3);
  assert.is(keptOf(nights(365), keepRemote).length, 30 + 6 - 2);
  assert.equal(keptOf(nights(70), { daily: 2, weekly: 3, monthly: 3 }), [
    '20261121',
    '20261120',
    '20261115',
    '20261108',
    '20261031',
    '20260930',
  ]);
});

test('every line says why', () => {
  const backups = [...nights(3), night(1, { id: '20261120T010000Z-aaaaaa', time: new Date('2026-11-20T01:00:00Z') })];
  const keep = { daily: 2, weekly: 0, monthly: 0 };
  const { decisions } = planRetention(backups, keep, now);
  assert.equal(
    decisions.map(({ id, keep: kept, reason }) => `${kept ? 'keep' : 'remove'} ${id}: ${reason}`),
    [
      'keep 20261121T030000Z-abcdef: the newest good one',
      'keep 20261120T030000Z-abcdef: the newest of the day 2026-11-20, 2 of 2',
      'remove 20261120T010000Z-aaaaaa: others stand for the 2 days that are kept',
      'remove 20261119T030000Z-abcdef: others stand for the 2 days that are kept',
    ],
  );
});

test('a server that was off for half a year keeps what it had', () => {
  const backups = nights(400).filter((_, ago) => ago > 180);
  assert.equal(keptOf(backups, keepLocal), keptOf(backups, keepLocal, new Date(now.getTime() - 180 * day)));
  assert.is(keptOf(backups, keepLocal).length, 20);
});

test('nothing goes on a night whose backup failed, is damaged, or holds less than half', () => {
  const keep = { daily: 2, weekly: 0, monthly: 0 };
  const says = (newest: Partial<Dated>, rest: Dated[] = nights(9).slice(1)) => {
    const plan = planRetention([night(0, newest), ...rest], keep, now);
    assert.is(plan.decisions.filter(one => !one.keep).length, plan.hold ? 0 : 7);
    return plan.hold ?? 'goes on';
  };
  assert.match(says({ standing: 'unfinished' }), 'is not finished');
  assert.match(says({ standing: 'bad' }), 'is not good');
  assert.match(says({ bytes: 49 }), 'less than half of the one before');
  assert.match(says({ needs: 'gone' }), 'is not good');
  assert.is(says({ bytes: 51 }), 'goes on');
});

test('a loss stays noticed until a drill says that what is left is all there is', () => {
  const keep = { daily: 2, weekly: 0, monthly: 0 };
  const since = (lost: Partial<Dated>) =>
    planRetention(
      [night(0, { bytes: 10 }), night(1, { bytes: 10, ...lost }), night(2), night(3, { proven: true }), night(4)],
      keep,
      now,
    ).hold ?? 'goes on';
  assert.match(since({}), 'less than half of the last proven one');
  assert.is(since({ proven: true }), 'goes on');
});

test('the last proven one stays however old it is, and what a kept difference builds on', () => {
  const proven = night(300, { proven: true });
  const full = night(250);
  const difference = night(0, { needs: full.id });
  const backups = [difference, ...nights(200).slice(1), full, night(260), proven, night(310, { proven: true })];
  const keep = { daily: 3, weekly: 0, monthly: 0 };
  assert.is(reasonOf(backups, keep, proven.id), 'the last proven one');
  assert.is(reasonOf(backups, keep, full.id), `${difference.id} builds on it`);
  assert.is(keptOf(backups, keep).length, 5);
});

test('a wrong clock takes no place: what seems to come from the future stays and does not count', () => {
  const odd = night(-3000);
  const keep = { daily: 3, weekly: 0, monthly: 0 };
  assert.equal(keptOf([odd, ...nights(9)], keep).slice(1), keptOf(nights(9), keep));
  assert.match(reasonOf([odd, ...nights(9)], keep, odd.id), 'future');
  assert.is(keptOf(nights(9), keep, new Date(0)).length, 9, 'here the clock of this machine is wrong');
});

test('what is damaged stays for a look for a while, what never finished for a day', () => {
  const keep = { daily: 3, weekly: 0, monthly: 0 };
  const kept = (one: Dated) => keptOf([...nights(9).filter(({ id }) => id !== one.id), one], keep).length - 3;
  assert.is(kept(night(2, { standing: 'bad' })), 1);
  assert.is(kept(night(5, { standing: 'bad' })), 0);
  assert.is(kept(night(5, { standing: 'unfinished' })), 0);
  const young = new Date(now.getTime() - 10 * hour);
  assert.is(kept({ ...night(0), id: idOf(young, 'bbbbbb'), time: young, standing: 'unfinished' }), 1);
});

test('the nights on which clocks change are nights like others', () => {
  // every night at the same hour in Berlin: two hours ahead of UTC from 29 March to 25 October, then one
  const at = (hours: number) =>
    Array.from({ length: 240 }, (_, ago) => {
      const date = Date.UTC(2026, 10, 2 - ago, hours);
      const summer = date >= Date.UTC(2026, 2, 29, 3) && date < Date.UTC(2026, 9, 25, 3);
      const time = new Date(date - (summer ? 2 : 1) * hour);
      return { ...night(0), id: idOf(time), time };
    });
  for (let hours = 0; hours < 24; hours++) {
    const backups = at(hours);
    const plan = planRetention(backups, { daily: 10, weekly: 4, monthly: 8 }, new Date(Date.UTC(2026, 10, 2, 12)));
    const kept = plan.decisions.filter(one => one.keep).map(({ id }) => id);
    const days = new Set(kept.map(id => id.slice(0, 8)));
    assert.is(days.size, kept.length, 'one of each day');
    // where the hour falls on the day before in summer only, October has a day without one, and the ten go a day further back
    const tenth = [...days].toSorted().at(-10) ?? '';
    assert.ok(tenth >= '20261023', `${hours} o'clock: ${tenth}`);
    for (const month of ['202604', '202607', '202610'])
      assert.ok(
        [...days].some(one => one.startsWith(month)),
        month,
      );
  }
});

// Rules for made-up histories; each is made anew from its number, so a failure can be looked at.

function random(seed: number) {
  const next = seeded(seed * 2_654_435_761 + 1);
  const below = (limit: number) => Math.floor(next() * limit);
  return { next, below, chance: (share: number) => next() < share };
}
type Random = ReturnType<typeof random>;

/** Nights at a local hour whose distance to UTC changes in spring and autumn; gaps, failures, copies, wrong clocks. */
function history(dice: Random): { backups: Dated[]; keep: Keep; at: Date } {
  const length = [3, 20, 60, 400][dice.below(4)] ?? 20;
  const [zone, at] = [dice.below(27) - 12, dice.below(24)];
  const [gaps, failures, drills] = [dice.next() * 0.5, dice.next() * 0.3, dice.next() * 0.3];
  const fullEvery = 1 + dice.below(8);
  const backups: Dated[] = [];
  let full: string | undefined;
  for (let ago = length; ago >= 0; ago--) {
    if (dice.chance(gaps)) continue;
    for (let copies = dice.chance(0.05) ? 3 : 1; copies > 0; copies--) {
      const month = new Date(now.getTime() - ago * day).getUTCMonth();
      const summer = month > 2 && month < 10 ? 1 : 0;
      const skew = dice.chance(0.02) ? (dice.below(3) - 1) * dice.below(5000) * hour : (dice.next() - 0.5) * hour;
      const time = new Date(Date.UTC(2026, 10, 21 - ago, at - zone - summer) + skew);
      const standing = dice.chance(failures) ? (dice.chance(0.5) ? 'bad' : 'unfinished') : 'good';
      const needs = ago % fullEvery === 0 ? undefined : full;
      const bytes = dice.chance(0.03) ? dice.below(60) : 80 + dice.below(40);
      const one: Dated = {
        id: idOf(time, String(backups.length)),
        time,
        standing,
        proven: dice.chance(drills),
        bytes,
        needs,
      };
      if (needs === undefined) full = one.id;
      backups.push(one);
    }
  }
  if (dice.chance(0.1)) backups.splice(dice.below(backups.length), 1); // somebody took one away, perhaps a full pack
  const keep = { daily: dice.below(31), weekly: dice.below(10), monthly: dice.below(8) };
  return { backups, keep, at: dice.chance(0.1) ? new Date(now.getTime() + (dice.below(800) - 400) * day) : now };
}

/** The rules once more, said in another way than the planner's. */
function restorable(one: Dated | undefined, known: Map<string, Dated>, depth = 0): boolean {
  if (one?.standing !== 'good' || depth > known.size) return false;
  return one.needs === undefined || restorable(known.get(one.needs), known, depth + 1);
}
const byId = (backups: Dated[]) => new Map(backups.map(one => [one.id, one]));
const buckets = {
  daily: (time: Date) => Math.floor(time.getTime() / day),
  weekly: (time: Date) => Math.floor((Math.floor(time.getTime() / day) + 3) / 7),
  monthly: (time: Date) => time.getUTCFullYear() * 12 + time.getUTCMonth(),
};
const periods = ['daily', 'weekly', 'monthly'] as const;
function believable(backups: Dated[], at: Date): Dated[] {
  const known = byId(backups);
  return backups.filter(one => one.time.getTime() <= at.getTime() + day && restorable(one, known));
}
const latest = (backups: Dated[]) => backups.toSorted((one, other) => +other.time - +one.time)[0];

function check(backups: Dated[], keep: Keep, at: Date, dice: Random): void {
  const plan = planRetention(backups, keep, at);
  const keptIds = new Set(plan.decisions.filter(one => one.keep).map(({ id }) => id));
  const kept = backups.filter(({ id }) => keptIds.has(id));
  const good = believable(backups, at);
  const left = believable(kept, at);

  assert.is(plan.decisions.length, new Set(backups.map(({ id }) => id)).size, 'each has one decision');
  assert.ok(
    plan.decisions.every(({ reason }) => reason.length > 5),
    'each says why',
  );
  for (const period of periods) {
    const had = [...new Set(good.map(({ time }) => buckets[period](time)))].sort((one, other) => other - one);
    const has = new Set(left.map(({ time }) => buckets[period](time)));
    assert.ok(
      had.slice(0, keep[period]).every(bucket => has.has(bucket)),
      `${period}: fewer than asked`,
    );
  }
  const last = latest(good);
  if (last)
    assert.ok(
      left.some(one => +one.time === +last.time),
      'the newest good one stays',
    );
  const proven = latest(good.filter(one => one.proven));
  if (proven)
    assert.ok(
      left.some(one => one.proven && +one.time === +proven.time),
      'the last proven one stays',
    );
  const [known, knownKept] = [byId(backups), byId(kept)];
  for (const one of kept.filter(each => restorable(each, known)))
    assert.ok(restorable(one, knownKept), 'a kept one lost what it builds on');

  // cut off after any of its removals, a prune leaves nothing that could be restored before and cannot any more
  const going = removalOrder(plan, backups);
  assert.equal(going.toSorted(), plan.decisions.filter(one => !one.keep).map(({ id }) => id).toSorted()); // prettier-ignore
  const still = new Set(backups.map(({ id }) => id));
  for (const id of going) {
    still.delete(id);
    const users = backups.filter(one => one.needs === id && still.has(one.id));
    assert.equal(users, [], `${id} goes before what builds on it`);
  }

  const newest = latest(backups.filter(one => one.time.getTime() <= at.getTime() + day));
  const previous = latest(good.filter(one => one !== newest));
  if (newest && (!good.includes(newest) || (previous && newest.bytes * 2 < previous.bytes)))
    assert.is(kept.length, backups.length, 'something went on a bad night');

  const shuffled = backups.map(one => ({ one, at: dice.next() })).sort((one, other) => one.at - other.at);
  assert.equal(
    planRetention(
      shuffled.map(({ one }) => one),
      keep,
      at,
    ),
    plan,
    'the order of a listing matters',
  );
  assert.equal(planRetention([...backups, ...backups], keep, at), plan, 'a doubled page matters');
  assert.ok(
    planRetention(kept, keep, at).decisions.every(one => one.keep),
    'a second run removes more',
  );
}

const histories = process.env.BOOKOPS_TORTURE === '1' ? 20_000 : 300;

test('the rules hold for made-up histories', () => {
  let removed = 0;
  let held = 0;
  const met = { gaps: 0, summers: 0, winters: 0, failures: 0, doubles: 0, wrongClocks: 0, losses: 0, missing: 0 };
  for (let seed = 1; seed <= histories; seed++) {
    const dice = random(seed);
    const { backups, keep, at } = history(dice);
    const plan = planRetention(backups, keep, at);
    removed += plan.decisions.filter(one => !one.keep).length;
    held += plan.hold ? 1 : 0;
    const days = backups.map(({ time }) => buckets.daily(time)).toSorted((one, other) => one - other);
    const known = byId(backups);
    met.gaps += days.some((each, index) => each - (days[index - 1] ?? each) > 1) ? 1 : 0;
    met.summers += backups.some(({ time }) => time.getUTCMonth() === 6) ? 1 : 0;
    met.winters += backups.some(({ time }) => time.getUTCMonth() === 0) ? 1 : 0;
    met.failures += backups.some(({ standing }) => standing !== 'good') ? 1 : 0;
    met.doubles += new Set(days).size < days.length ? 1 : 0;
    met.wrongClocks += backups.some(({ time }) => time.getTime() > at.getTime() + day) ? 1 : 0;
    met.losses += backups.some(({ bytes }) => bytes < 50) ? 1 : 0;
    met.missing += backups.some(({ needs }) => needs !== undefined && !known.has(needs)) ? 1 : 0;
    try {
      check(backups, keep, at, dice);
    } catch (error) {
      throw new Error(`history ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  for (const [what, count] of Object.entries(met))
    assert.ok(count > histories / 100, `${count} histories with ${what}`);
  assert.ok(
    removed > histories * 10 && held > histories / 20 && held < histories / 1.2,
    `${removed} removed, ${held} held`,
  );
});

test('pruning every night for years leaves what pruning once at the end would', () => {
  for (let seed = 1; seed <= histories / 50; seed++) {
    const dice = random(seed + 1e6);
    const keep = { daily: 1 + dice.below(20), weekly: dice.below(10), monthly: dice.below(8) };
    const all: Dated[] = [];
    let stored: Dated[] = [];
    for (let ago = 300; ago >= 0; ago--) {
      if (dice.chance(0.1)) continue;
      const made = night(ago, { standing: dice.chance(0.1) ? 'unfinished' : 'good', bytes: 80 + dice.below(40) });
      all.push(made);
      const plan = planRetention([...stored, made], keep, new Date(made.time.getTime() + hour));
      const keptIds = new Set(plan.decisions.filter(one => one.keep).map(({ id }) => id));
      stored = [...stored, made].filter(({ id }) => keptIds.has(id));
    }
    const end = all.at(-1)?.time ?? now;
    for (const period of periods) {
      const had = [...new Set(believable(all, end).map(({ time }) => buckets[period](time)))].slice(-keep[period]);
      const has = new Set(believable(stored, end).map(({ time }) => buckets[period](time)));
      assert.ok(keep[period] === 0 || had.every(bucket => has.has(bucket)), `history ${seed}, ${period}`);
    }
    assert.ok(stored.length <= keep.daily + keep.weekly + keep.monthly + 40, `${stored.length} stay`);
  }
});
test.run();
