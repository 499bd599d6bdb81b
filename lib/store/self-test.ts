// Tests a store with objects under probe/: whether the next backup will be stored, found, read back and, later, removed.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { failure, good, warning, type Finding } from '../finding.ts';
import { Failure, messageOf } from '../errors.ts';
import { secondsSince } from '../duration.ts';
import { sha256 } from '../host/checksum.ts';
import { readThrough } from '../host/run.ts';
import { putText, type Store } from './store.ts';

const MiB = 1024 * 1024;
/** More than a store of kind s3 sends in one piece, so that it needs two. */
const twoParts = 8 * MiB + 1000;
/** Seconds that a listing may lag behind. */
const patience = 15;

/** The first finding is whether anything can be stored at all. Leaves nothing behind where it may remove. */
export async function probeStore(store: Store): Promise<Finding[]> {
  const place = `probe/${randomBytes(8).toString('hex')}`;
  const [small, large, half] = ['small', 'large', 'half'].map(name => `${place}/${name}`) as [string, string, string];
  const findings: Finding[] = [];
  const tried: string[] = [];
  /** @returns whether it could be done. */
  const attempt = async (check: string, work: () => Promise<Finding>): Promise<boolean> => {
    const found = await work().catch((error: unknown) => {
      if (error instanceof Failure && error.exit >= 130) throw error;
      const advice = error instanceof Failure ? error.advice : undefined;
      return failure(check, messageOf(error), advice ?? `look at the store ${store.name}`);
    });
    findings.push(found);
    return found.state !== 'failure';
  };
  const roundTrip = (check: string, key: string, bytes: number) => async () => {
    const body = randomBytes(bytes);
    const began = performance.now();
    await store.put(key, Readable.from(pieces(body)));
    tried.push(key);
    const stored = performance.now();
    if ((await readThrough(await store.get(key))).sha256 !== sha256(body))
      return failure(check, 'what is read is not what was written', `no backup in ${store.name} can be relied on`);
    return good(check, `${bytes} bytes in ${secondsSince(began, stored)} s, and back in ${secondsSince(stored)} s`);
  };

  try {
    if (!(await attempt('storing', roundTrip('storing', small, 1000)))) return findings;
    await attempt('listing', () => listed(store, small));
    await attempt('overwriting', async () => {
      try {
        await putText(store, small, 'other');
      } catch {
        return good('overwriting', 'what is there is never replaced');
      }
      return failure('overwriting', 'a second object took the place of the first', 'use another store');
    });
    await attempt('large upload', roundTrip('large upload', large, twoParts));
    await attempt('cut-off upload', () => cutOff(store, half));
  } finally {
    if (tried.length) findings.push(await removed(store, tried));
  }
  return findings;
}

/** A listing that lags is reported, as the newest backup is then missing for a while. */
async function listed(store: Store, key: string): Promise<Finding> {
  for (const began = performance.now(); ; await pause(500)) {
    const found: string[] = [];
    for await (const one of store.list(key)) found.push(one.key);
    const late = performance.now() - began;
    if (found.includes(key))
      return late < 5000
        ? good('listing', 'shows at once what was stored')
        : warning('listing', `showed a new object only after ${Math.round(late / 1000)} s`, 'wait a minute between a backup and its drill'); // prettier-ignore
    if (late > patience * 1000)
      return failure('listing', `does not show what was stored ${patience} s ago`, 'a backup there would not be found');
  }
}

async function cutOff(store: Store, key: string): Promise<Finding> {
  const end = new Error('cut off on purpose');
  const body = Readable.from(
    (async function* () {
      yield* pieces(randomBytes(twoParts));
      throw end;
    })(),
  );
  const error: unknown = await store.put(key, body).catch((thrown: unknown) => thrown);
  if (error !== end)
    return failure('cut-off upload', `failed with an unexpected error: ${messageOf(error)}`, 'look at the store');
  for await (const one of store.list(key))
    return failure('cut-off upload', `left ${one.key} as if it were whole`, 'half a backup would pass for one');
  const left = await store.sweep(key);
  return left
    ? warning('cut-off upload', 'leaves parts, which had to be swept', 'the next backup does so too')
    : good('cut-off upload', 'leaves nothing');
}

/** Without the right to remove, backups are taken all the same, and prune runs elsewhere with another key. */
async function removed(store: Store, keys: readonly string[]): Promise<Finding> {
  try {
    for (const key of keys) await store.remove(key);
    const left: string[] = [];
    for (const key of keys) for await (const one of store.list(key)) left.push(one.key);
    if (!left.length) return good('removing', 'allowed');
    return warning('removing', `says that it did, and still lists ${left.join(', ')}`, 'is the bucket locked?');
  } catch (error) {
    if (error instanceof Failure && error.exit >= 130) throw error;
    return warning(
      'removing',
      `refused: ${messageOf(error)}`,
      `backups can be taken, but not pruned with this key; ${keys.join(' and ')} stay`,
    );
  }
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += 65_536) yield body.subarray(at, at + 65_536);
}
