// Reads a text from a store, with a size limit: a store may list and return anything.
import { Failure } from '../errors.ts';
import type { Store } from './store.ts';

/**
 * Most bytes of a text of ours: manifests (with 100,000 tables about 7 MB), verdicts, RESTORE.md. What is
 * larger is not read to its end.
 */
export const mostText = 8_000_000;

/** @throws Failure 7 when there is no such object, or when it is larger than `most`, of which no more is read then. */
export async function boundedText(store: Store, key: string, most = mostText): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // leaving the loop ends the stream
  for await (const piece of (await store.get(key)) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > most) throw new Failure(7, `${key} in ${store.name} is larger than ${most / 1e6} MB`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
