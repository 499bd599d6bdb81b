// What every place for backups can do, whatever it is made of: take, give, tell and forget whole objects.
import type { Readable } from 'node:stream';

/**
 * Keys are words of letters, digits and `.` `_` `-`, joined by `/`; those that begin with a dot are the store's own.
 * An object is there whole or not at all: a body that fails, and a program that is killed, leave nothing that is listed.
 */
export type Store = {
  /** The name in ops.yml. */
  readonly name: string;
  /** Stores what `body` gives; `atMost` is a guess of its bytes from above, for what may be larger than 78 GiB. @throws the body's own error; Failure 1 when the key is taken, as nothing is ever overwritten, or when the store refuses. */
  put(key: string, body: Readable, atMost?: number): Promise<{ bytes: number }>;
  /** @throws Failure 7 when there is no such object. An error after its beginning is that of the stream. */
  get(key: string): Promise<Readable>;
  /** Objects whose key begins with `prefix`, in any order. */
  list(prefix: string): AsyncIterable<{ key: string; bytes: number }>;
  /** What is not there counts as removed. */
  remove(key: string): Promise<void>;
  /** Removes what killed uploads left under `prefix`; only for who knows that none is under way there. @returns how many. */
  sweep(prefix: string): Promise<number>;
};
