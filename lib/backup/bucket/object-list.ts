// The index of a bucket in a backup: one line of JSON per object, and where in the store its copy is.
import { createHash } from 'node:crypto';
import { sha256 } from '../../host/checksum.ts';
import * as v from 'valibot';
import { Failure } from '../../errors.ts';
import { lines, script, sh } from '../../host/sh.ts';
import type { ListedObject } from '../../store/s3/app-bucket.ts';
import { asDamage } from '../verify/damage.ts';
import { readStream, recordsOf, type Remote } from '../../host/run.ts';
import type { CompleteBackup } from '../catalog.ts';
import { partOf, prefixOf, type Part } from '../manifest.ts';
import { fetchPart } from '../verify/parts.ts';

export const indexName = 'bucket-index.jsonl.zst';

const text = v.optional(v.string());
const lineSchema = v.object({
  key: v.string(),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  /** As the bucket reported them at that moment. */
  etag: v.string(),
  modified: v.string(),
  /** It becomes the last part of a key of the store. */
  copy: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  headers: v.object({
    ContentType: text,
    ContentEncoding: text,
    ContentDisposition: text,
    ContentLanguage: text,
    CacheControl: text,
    Metadata: v.optional(v.record(v.string(), v.string())),
  }),
});
export type IndexLine = v.InferOutput<typeof lineSchema>;

/** What begins the key of every copy. They are shared by all backups of the target in one store. */
export function copiesOf(target: { app: string; environment: string }): string {
  return `${prefixOf(target)}bucket/objects/`;
}

/** One name for one object as it was at one time: known before it is read, and never that of anything else. */
export function copyName({ key, bytes, etag, modified }: ListedObject): string {
  return sha256(JSON.stringify([key, bytes, etag, modified]));
}

export function renderLine(line: IndexLine): string {
  return `${JSON.stringify(line)}\n`;
}

/** @throws Failure 7 for what is no line of an index. */
export function readLine(written: string): IndexLine {
  let value: unknown;
  try {
    value = JSON.parse(written);
  } catch {
    value = undefined;
  }
  const parsed = v.safeParse(lineSchema, value);
  if (parsed.success) return parsed.output;
  throw new Failure(7, `the index of the bucket has a line that cannot be read: ${written.slice(0, 100)}`);
}

/** The index of a backup, fetched into `folder` on the host; nothing when it has none. @throws Failure 7 when it is damaged. */
export async function* fetchIndex(way: Remote, held: CompleteBackup, folder: string): AsyncGenerator<IndexLine> {
  const part = partOf(held.manifest, indexName);
  if (!part) return;
  const { good, found } = await fetchPart(way, { held, part }, folder, undefined, () => {});
  if (!good) throw new Failure(7, found);
  yield* readIndex(way, folder, part);
}

/**
 * Reads the index that was fetched into `folder` on the host, line by line, never more than was promised.
 * @throws Failure 7 when it is not, to the byte, what was written.
 */
export async function* readIndex(way: Remote, folder: string, part: Part): AsyncGenerator<IndexLine> {
  const file = `${folder}/${part.name}`;
  const command = lines(script('set -o pipefail'), sh`zstd -dqc ${file} | head -c ${part.rawBytes + 1}`);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const unpacked = readStream(way, command, 'unpacking the index of the bucket');
    for await (const found of recordsOf(unpacked, 10, 'the index of the bucket'))
      for (const line of found) {
        hash.update(line).update('\n');
        bytes += line.length + 1;
        yield readLine(line.toString());
      }
  } catch (error) {
    throw asDamage(error);
  }
  if (bytes !== part.rawBytes || hash.digest('hex') !== part.rawSha256)
    throw new Failure(7, 'the index of the bucket is not what was written');
}
