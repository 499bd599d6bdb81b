// Restores the objects of a bucket from a backup: as files in a folder here, or back into the bucket that the app uses.
import type { Say } from '../../report/items.ts';
import { seldom } from '../../report/transfer-progress.ts';
import { createWriteStream } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../errors.ts';
import type { AppBucket } from '../../store/s3/app-bucket.ts';
import { inOrder } from './mirror.ts';
import { copiesOf, readIndex, type IndexLine } from './object-list.ts';
import type { CompleteBackup } from '../catalog.ts';
import { measure, type Remote } from '../../host/run.ts';
import type { Part } from '../manifest.ts';

const atOnce = 4;
/** For objects whose key cannot be a path: each under the name of its copy, and names.jsonl says which is which. */
const oddNames = '.odd-names';

/** Where a key may be written below a folder; undefined: nowhere under its own name. */
export function pathFor(key: string): string | undefined {
  if (/[\p{Cc}\p{Cs}]/u.test(key)) return undefined;
  const parts = key.split('/');
  const plain = parts.every(part => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255);
  return plain && parts[0] !== oddNames ? key : undefined;
}

/** Writes every object of the index below `to`, an empty folder on this machine. @throws Failure 7 for the first that is damaged. */
export async function bucketIntoFolder(
  way: Remote,
  held: CompleteBackup,
  folder: string,
  part: Part,
  to: string,
): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  const write = async (line: IndexLine) => {
    const path = pathFor(line.key);
    // a key can be a folder for another one, and then only one of them can have its name
    if (path !== undefined && (await written(held, line, join(to, path), way.signal))) return;
    await written(held, line, join(to, oddNames, line.copy), way.signal);
    await appendFile(join(to, oddNames, 'names.jsonl'), `${JSON.stringify({ file: line.copy, key: line.key })}\n`);
  };
  for await (const _ of inOrder(readIndex(way, folder, part), atOnce, write));
}

/** @returns false when something else has that name. */
async function written(held: CompleteBackup, line: IndexLine, file: string, signal: AbortSignal): Promise<boolean> {
  const taken = (error: unknown) =>
    error instanceof Error && 'code' in error && ['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG'].includes(String(error.code)); // prettier-ignore
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await pipeline(await checked(held, line), createWriteStream(file, { flags: 'wx', mode: 0o600 }), { signal });
    return true;
  } catch (error) {
    if (taken(error)) return false;
    throw error;
  }
}

/** The bytes of an object; the stream fails when they are not those of the day of the backup. */
async function checked(
  { store, manifest }: CompleteBackup,
  { key, copy, bytes, sha256 }: IndexLine,
): Promise<Readable> {
  const body = await store.get(`${copiesOf(manifest)}${copy}`);
  const meter = measure();
  const end = new Transform({
    transform: (piece: Buffer, _encoding, done) => done(null, piece),
    flush(done) {
      const good = meter.bytes() === bytes && meter.sha256() === sha256;
      done(good ? null : new Failure(7, `the copy of ${key} in ${store.name} is not what was stored`));
    },
  });
  pipeline(body, meter.stream, end).catch(() => {}); // the reader of `end` gets the error
  return end;
}

/**
 * Puts back what the bucket does not have, or has otherwise; what is replaced is put aside in the bucket first.
 * `exact`: what came later goes aside too.
 */
export async function bucketBack(
  way: Remote,
  held: CompleteBackup,
  request: { folder: string; part: Part; source: AppBucket; stamp: string; exact: boolean },
  say: Say,
): Promise<{ put: number; aside: number; removed: number }> {
  const { folder, part, source, stamp, exact } = request;
  const there = new Map<string, string>();
  const looks = ({ etag, bytes }: { etag: string; bytes: number }) => `${etag} ${bytes}`;
  for await (const one of source.list()) there.set(one.key, looks(one));
  const done = { put: 0, aside: 0, removed: 0 };
  const tell = seldom(say);
  const put = async (line: IndexLine) => {
    if (way.signal.aborted) throw way.signal.reason;
    const now = there.get(line.key);
    there.delete(line.key);
    if (now === looks(line)) return;
    if (now !== undefined) {
      await source.putAside(line.key, stamp);
      done.aside++;
    }
    await source.put(line.key, await checked(held, line), line.bytes, line.headers);
    done.put++;
    tell(() => `${done.put} objects restored`);
  };
  for await (const _ of inOrder(readIndex(way, folder, part), atOnce, put));
  if (exact)
    for (const key of there.keys()) {
      await source.putAside(key, stamp);
      await source.remove(key);
      done.removed++;
    }
  return done;
}
