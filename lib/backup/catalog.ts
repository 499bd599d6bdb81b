// The backups of a target in a store, read from its listing: each complete, damaged, or unfinished.
import { taskCommand, type TargetName } from '../target/command.ts';
import { Failure } from '../errors.ts';
import { getText, largestText, type Store } from '../store/store.ts';
import { isBackupId, manifestName, partOf, prefixOf, readManifest, timeOf, type Manifest } from './manifest.ts';
import { isVerdictName, readVerdict, type Verdict } from './drill/verdict.ts';

export type StoredBackup = {
  store: Store;
  id: string;
  /** Without a manifest, what the id says. */
  time: Date;
  keys: { key: string; bytes: number }[];
  /** Bytes in the store. */
  bytes: number;
  manifest: Manifest | undefined;
  /** The backup with the full pack that this one has only the changes to. */
  base?: CompleteBackup;
  /** What the listing alone shows to be wrong. */
  fault: string | undefined;
  /** Of the newest drill. */
  verdict: Verdict | undefined;
};

/** A backup that can be asked for. */
export type CompleteBackup = StoredBackup & { manifest: Manifest };

export function isComplete(held: StoredBackup): held is CompleteBackup {
  return held.manifest !== undefined && held.fault === undefined;
}

/** What has a manifest. */
export function isFinished({ keys }: Pick<StoredBackup, 'keys'>): boolean {
  return keys.some(({ key }) => key.endsWith(`/${manifestName}`));
}

/** Hourly backups of ten years, with all their parts and verdicts, are about as many. */
const mostObjects = 500_000;

/** Newest first. What has no manifest was never finished. */
export async function backupsIn(store: Store, target: TargetName): Promise<StoredBackup[]> {
  const byId = new Map<string, StoredBackup['keys']>();
  const prefix = prefixOf(target);
  let count = 0;
  for await (const object of store.list(prefix)) {
    const [id = ''] = object.key.slice(prefix.length).split('/');
    if (!isBackupId(id)) continue;
    if (++count > mostObjects)
      throw new Failure(7, `the store ${store.name} lists more than ${mostObjects} objects as backups`, {
        advice: `look at what is in it below ${prefix}`,
      });
    const keys = byId.get(id);
    if (keys) keys.push(object);
    else byId.set(id, [object]);
  }
  const found: StoredBackup[] = [];
  for (const [id, keys] of byId) found.push(await look(store, target, id, keys));
  for (const one of found) join(one, found);
  return found.toSorted((a, b) => b.time.getTime() - a.time.getTime() || (a.id < b.id ? 1 : -1));
}

/** What is wrong with a full pack is wrong with all that build on it. */
function join(held: StoredBackup, all: readonly StoredBackup[]): void {
  const wanted = held.manifest?.base;
  if (!wanted || held.fault !== undefined) return;
  const base = all.find(one => one.id === wanted.id);
  const damaged = (why: string) => void (held.fault = `its full pack, ${wanted.id}, ${why}`);
  if (!base) return damaged('is not there');
  if (!isComplete(base)) return damaged(`is damaged: ${base.fault ?? ''}`);
  const pack = partOf(base.manifest, 'files.tar.zst');
  if (pack?.sha256 !== wanted.sha256) return damaged('has changed');
  held.base = base;
}

async function look(store: Store, target: TargetName, id: string, keys: StoredBackup['keys']): Promise<StoredBackup> {
  const name = ({ key }: { key: string }) => key.slice(key.lastIndexOf('/') + 1);
  const held: StoredBackup = {
    store,
    id,
    time: timeOf(id),
    keys,
    bytes: keys.reduce((sum, one) => sum + one.bytes, 0),
    manifest: undefined,
    fault: undefined,
    verdict: undefined,
  };
  const written = keys.find(one => name(one) === manifestName);
  if (!written) return { ...held, fault: 'it was never finished' };
  // what is listed as so large is not even asked for
  if (written.bytes > largestText) return { ...held, fault: `its manifest is larger than ${largestText / 1e6} MB` };
  try {
    const manifest = readManifest(await getText(store, keyOf(target, id, manifestName)), { ...target, id });
    held.manifest = manifest;
    held.time = new Date(manifest.time);
    const odd = manifest.parts.find(part => keys.find(one => name(one) === part.name)?.bytes !== part.bytes);
    if (odd)
      held.fault = keys.some(one => name(one) === odd.name)
        ? `${odd.name} has a different size`
        : `${odd.name} is missing`;
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== 7) throw error;
    held.fault = error.message;
  }
  const newest = keys.map(name).filter(isVerdictName).toSorted().at(-1);
  if (newest) {
    try {
      const verdict = readVerdict(await getText(store, keyOf(target, id, newest)));
      if (verdict?.backup === id) held.verdict = verdict;
    } catch (error) {
      // a verdict that is none proves nothing, and the backup is no worse
      if (!(error instanceof Failure) || error.exit !== 7) throw error;
    }
  }
  return held;
}

export function keyOf(target: TargetName, id: string, name: string): string {
  return `${prefixOf(target)}${id}/${name}`;
}

/** The one that was meant cannot be restored, as its listing shows already. */
export class Damaged extends Failure {
  readonly held: StoredBackup;
  constructor(held: StoredBackup, target: TargetName) {
    super(7, `the backup ${held.id} in ${held.store.name} is damaged: ${held.fault ?? ''}`, {
      advice: `name another one: ${taskCommand('backups', target)} lists them`,
    });
    this.held = held;
  }
}

/**
 * @param wanted an id or its beginning; and of those the newest, or the newest that is not younger than `at`
 * @throws Failure 2 when there is none like that, Damaged when the one that is meant is damaged
 */
export function choose(
  held: readonly StoredBackup[],
  { id, at }: { id: string | undefined; at: Date | undefined },
  target: TargetName,
): CompleteBackup {
  const finished = held.filter(isFinished);
  const found = finished.filter(
    one => (id === undefined || one.id.startsWith(id)) && (at === undefined || one.time.getTime() <= at.getTime()),
  );
  const what = `${id === undefined ? '' : ` ${id}`}${at ? ` from before ${at.toISOString()}` : ''}`;
  const [first] = found;
  if (!first)
    throw new Failure(2, `there is no backup${what}`, { advice: `${taskCommand('backups', target)} lists them` });
  const ids = new Set(found.map(one => one.id));
  if (id !== undefined && ids.size > 1)
    throw new Failure(2, `${id} could be ${[...ids].join(' or ')}`, { advice: 'give more characters of it' });
  // one store may have lost what another still has
  const whole = found.find((one): one is CompleteBackup => one.id === first.id && isComplete(one));
  if (whole) return whole;
  throw new Damaged(first, target);
}
