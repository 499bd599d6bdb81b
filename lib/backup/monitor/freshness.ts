// The state of a target's backups, store by store: whether there are recent, complete and proven ones, and space for the next.
import { taskCommand } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import type { StoreSettings } from '../../target/backup-settings.ts';
import { span, spanSince } from '../../duration.ts';
import { Failure, messageOf } from '../../errors.ts';
import type { Observation } from '../../alert/state.ts';
import { openStore } from '../../store/open.ts';
import type { StoreContext, Store } from '../../store/store.ts';
import { backupsIn, isComplete, type StoredBackup, type CompleteBackup } from '../catalog.ts';
import { isProven, standingProofs, type Drilled } from '../drill/last-proven.ts';
import { backupOf } from '../settings.ts';
import { size } from '../../size.ts';

/** One check, good or not; `says` is the message in either case. */
export type Concern = Observation & { says: string; advice?: string | undefined };

export type InStore = {
  name: string;
  /** Newest first; undefined: the store could not be read. */
  held: StoredBackup[] | undefined;
};

export type BackupState = { stores: InStore[]; concerns: Concern[]; proven: Drilled | undefined };

/** What a late one may be late: a night that took longer, a clock that was changed. */
const patience = (every: number) => every + Math.max(1800, every / 4);

/** The tasks whose results are remembered; everything else is only checked. */
export const runs = ['backup', 'drill', 'prune', 'verify'];

/** Every subject that looking and doing can have, for a target as ops.yml has it now. */
export function subjectsOf(target: Target): string[] {
  const stores = backupOf(target).stores.flatMap(({ name }) =>
    ['store', 'age', 'shrunk', 'room'].map(what => `${what}:${name}`),
  );
  return [...runs, ...(target.backup?.provenSeconds === undefined ? [] : ['proof']), ...stores];
}

/** `now` is the host's clock where it could be asked; `drills` come from its log. */
export async function backupState(
  target: Target,
  { now, drills, around }: { now: Date; drills: readonly Drilled[]; around: StoreContext },
): Promise<BackupState> {
  const found = await Promise.all(backupOf(target).stores.map(store => lookInto(store, target, now, around)));
  const verdicts = found.flatMap(({ held }) => held ?? []).flatMap(one => drilledOf(one) ?? []);
  const byTime = [...drills, ...verdicts].toSorted((one, other) => one.time.getTime() - other.time.getTime());
  const proven = standingProofs(byTime)
    .toSorted((one, other) => one.taken.getTime() - other.taken.getTime() || one.time.getTime() - other.time.getTime())
    .at(-1);
  return {
    stores: found.map(({ name, held }) => ({ name, held })),
    concerns: [...found.flatMap(one => one.concerns), ...proofConcern(target, proven, now)],
    proven,
  };
}

async function lookInto(
  settings: StoreSettings,
  target: Target,
  now: Date,
  around: StoreContext,
): Promise<InStore & { concerns: Concern[] }> {
  const { name } = settings;
  try {
    const store = await openStore(settings, around);
    const held = await backupsIn(store, target);
    const concerns: Concern[] = [
      well(`store:${name}`, `the store ${name} can be read again`),
      ...standing(target, name, held, now),
    ];
    const whole = held.find(isComplete);
    return { name, held, concerns: [...concerns, ...(whole ? await roomFor(target, store, whole) : [])] };
  } catch (error) {
    const advice = error instanceof Failure ? error.advice : undefined;
    const says = `the store ${name} cannot be read: ${messageOf(error)}`;
    return { name, held: undefined, concerns: [{ subject: `store:${name}`, bad: true, says, advice }] };
  }
}

/** Whether one store has a good backup that is young enough, and whether much is gone in the newest. */
export function standing(target: Target, store: string, held: readonly StoredBackup[], now: Date): Concern[] {
  const every = target.backup?.everySeconds;
  const newest = held.find(isComplete);
  const age = newest && (now.getTime() - newest.time.getTime()) / 1000;
  const late =
    age === undefined
      ? `${store} has no backup that is whole`
      : every !== undefined && age > patience(every)
        ? `the newest backup in ${store} is ${span(age)} old, and one is meant to come every ${span(every)}`
        : undefined;
  const found = [
    late === undefined
      ? well(`age:${store}`, `${store} has a young backup again`)
      : { subject: `age:${store}`, bad: true, says: late, advice: taskCommand('backup', target) },
  ];
  if (!newest) return found;
  const [gone] = newest.manifest.shrunk;
  if (gone === undefined) return [...found, well(`shrunk:${store}`, `the newest backup in ${store} has lost nothing`)];
  const advice = `look at the app; ${taskCommand(`backups show ${newest.id}`, target)}`;
  return [...found, { subject: `shrunk:${store}`, bad: true, says: `${newest.id} in ${store}: ${gone}`, advice }];
}

function well(subject: string, says: string): Concern {
  return { subject, bad: false, says };
}

/** Two more like the newest must fit. */
async function roomFor(target: Target, store: Store, newest: CompleteBackup): Promise<Concern[]> {
  const free = await store.free();
  if (free === undefined) return [];
  const subject = `room:${store.name}`;
  if (free >= 2 * newest.bytes) return [well(subject, `${store.name} has room again`)];
  const says = `${store.name} has ${size(free)} left, and a backup takes ${size(newest.bytes)}`;
  const advice = `make room there, or keep fewer: backup.keep in ops.yml, then ${taskCommand('backups prune', target)} --plan`;
  return [{ subject, bad: true, says, advice }];
}

function proofConcern(target: Target, proven: Drilled | undefined, now: Date): Concern[] {
  if (target.backup?.provenSeconds === undefined) return [];
  if (isProven(target, { proven }, now)) return [well('proof', 'a young backup is proven restorable')];
  const most = span(target.backup.provenSeconds);
  const says = proven
    ? `the last proven backup is from ${spanSince(proven.taken, now)} ago, and ${most} is the most`
    : 'no backup was ever proven restorable';
  return [{ subject: 'proof', bad: true, says, advice: taskCommand('drill', target) }];
}

function drilledOf({ id, time, store, verdict }: StoredBackup): Drilled | undefined {
  if (!verdict) return undefined;
  return {
    time: new Date(verdict.time),
    backup: id,
    taken: time,
    store: store.name,
    good: verdict.good,
    restoreSeconds: verdict.restoreSeconds,
    reason: undefined,
  };
}
