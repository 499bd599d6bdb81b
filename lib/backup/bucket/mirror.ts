// Incremental backup of a bucket: each object is copied to the store once, and the index of a backup names the copy of each object.
import type { Say } from '../../report/items.ts';
import { seldom } from '../../report/transfer-progress.ts';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { sh, type Command } from '../../host/sh.ts';
import { packedFile } from '../../host/packing.ts';
import type { AppBucket, ListedObject } from '../../store/s3/app-bucket.ts';
import type { Store } from '../../store/store.ts';
import { copiesOf, copyName, fetchIndex, indexName, renderLine, type IndexLine } from './object-list.ts';
import { isComplete, type StoredBackup } from '../catalog.ts';
import { measure, readThrough, writeStream, type Remote } from '../../host/run.ts';
import type { Manifest, Part } from '../manifest.ts';

/** Objects on their way at once: of many small ones each costs several round trips. */
const atOnce = 4;
const tries = 3;

type BucketFacts = NonNullable<Manifest['bucket']>;

/**
 * Brings the store's copies up to date and stores their index. Copies of an interrupted run are found again and
 * read, not copied. Only for who has the target's lock. `scratch` is on the host, for the index while it grows; `put` stores
 * what a command there prints. @throws whatever the bucket or the store says.
 */
export async function sendBucket(
  way: Remote,
  store: Store,
  { target, source, scratch }: { target: Target; source: AppBucket; scratch: string },
  before: readonly StoredBackup[],
  put: (name: string, command: Command, atMost: undefined, raw: string) => Promise<{ bytes: number; sha256: string }>,
  say: Say,
): Promise<{ part: Part; facts: BucketFacts }> {
  const copies = copiesOf(target);
  const there = new Map<string, number>();
  for await (const { key, bytes } of store.list(copies)) there.set(key.slice(copies.length), bytes);
  const known = await knownFrom(way, before, scratch, there);
  const { prefix = '' } = target.backup?.bucket ?? {};
  const facts: BucketFacts = { from: source.name, prefix, objects: 0, bytes: 0, copied: 0, noted: [] };
  const note = (what: string) => void (facts.noted.length < 1000 && facts.noted.push(what));
  const tell = seldom(say);

  const keep = async (one: ListedObject): Promise<IndexLine | undefined> => {
    if (way.signal.aborted) throw way.signal.reason;
    const copy = copyName(one);
    const was = known.get(copy);
    if (was) return { ...one, copy, ...was };
    // one that is not whole is no copy, and nothing is ever overwritten
    if (there.has(copy) && there.get(copy) !== one.bytes) await store.remove(`${copies}${copy}`);
    const whole = there.get(copy) === one.bytes;
    const found = whole ? await adopt(store, source, `${copies}${copy}`, one) : await copyOnce(copy, one);
    if (!found) note(`vanished: ${one.key}`);
    else if (found.bytes !== one.bytes) note(`changed while it was read: ${one.key}`);
    return found && { ...one, copy, ...found };
  };
  const copyOnce = async (copy: string, { key }: ListedObject): Promise<KnownCopies | undefined> => {
    for (let turn = 1; ; turn++) {
      const found = await source.read(key);
      if (!found) return undefined;
      const meter = measure();
      // the store hears of a broken line by the stream that it reads
      pipeline(found.body, meter.stream).catch(() => {});
      try {
        const { bytes } = await store.put(`${copies}${copy}`, meter.stream, found.bytes);
        facts.copied++;
        return { bytes, sha256: meter.sha256(), headers: found.headers };
      } catch (error) {
        if (turn === tries || way.signal.aborted || (error instanceof Failure && error.exit === 3)) throw error;
        say(`once more: ${key}`);
      }
    }
  };

  async function* rendered(): AsyncGenerator<Buffer> {
    let batch = '';
    for await (const line of inOrder(source.list(), atOnce, keep)) {
      if (!line) continue;
      facts.objects++;
      facts.bytes += line.bytes;
      batch += renderLine(line);
      if (batch.length > 65_536) {
        yield Buffer.from(batch);
        batch = '';
      }
      tell(() => `${facts.objects} objects, ${facts.copied} of them copied`);
    }
    if (batch) yield Buffer.from(batch);
  }

  const file = `${scratch}/${indexName.replace('.zst', '')}`;
  const meter = measure();
  await writeStream(
    way,
    sh`cat >${file}`,
    Readable.from(rendered(), { objectMode: false }),
    meter.stream,
    'writing the index',
  );
  const raw = { rawBytes: meter.bytes(), rawSha256: meter.sha256() };
  const { bytes, sha256 } = await put(indexName, packedFile(file, []), undefined, raw.rawSha256);
  return { part: { name: indexName, bytes, sha256, ...raw }, facts };
}

type KnownCopies = Pick<IndexLine, 'bytes' | 'sha256' | 'headers'>;

/** What the newest backup in this store says of copies that are there. One that cannot be read only costs time. */
async function knownFrom(
  way: Remote,
  before: readonly StoredBackup[],
  scratch: string,
  there: ReadonlyMap<string, number>,
): Promise<Map<string, KnownCopies>> {
  const known = new Map<string, KnownCopies>();
  for (const held of before.filter(isComplete)) {
    if (!held.manifest.bucket) continue;
    try {
      for await (const { copy, bytes, sha256, headers } of fetchIndex(way, held, scratch))
        if (there.get(copy) === bytes) known.set(copy, { bytes, sha256, headers });
      return known;
    } catch (error) {
      if (way.signal.aborted || !(error instanceof Failure) || error.exit !== 7) throw error;
      known.clear();
    }
  }
  return known;
}

/** A copy that no index knows: read, so that its checksum is that of what is stored. */
async function adopt(
  store: Store,
  source: AppBucket,
  copy: string,
  { key }: ListedObject,
): Promise<KnownCopies | undefined> {
  const headers = await source.headersOf(key);
  if (!headers) return undefined;
  return { ...(await readThrough(await store.get(copy))), headers };
}

/** Works on several at once and gives the results in the order of the items. */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  most: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const one = work(item);
      one.catch(() => {}); // it shows when it is its turn
      waiting.push(one);
      if (waiting.length < most) continue;
      const first = waiting.shift();
      if (first) yield await first;
    }
    for (let one = waiting.shift(); one; one = waiting.shift()) yield await one;
  } finally {
    await Promise.allSettled(waiting);
  }
}
