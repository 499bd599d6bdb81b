// The interface of every kind of store: put, get, list and remove whole objects; and texts in one, with a size limit.
import { Readable } from 'node:stream';
import { Failure } from '../errors.ts';
import type { Finding } from '../finding.ts';
import type { Host } from '../host/host.ts';
import type { HostSettings } from '../target/host-settings.ts';
import type { S3Around } from './s3/client.ts';

/**
 * Keys are words of letters, digits and `.` `_` `-`, joined by `/`; those that begin with a dot are the store's own.
 * An object is there whole or not at all: a body that fails, and a program that is killed, leave nothing that is listed.
 */
export type Store = {
  /** The name in ops.yml. */
  readonly name: string;
  /** Stores what `body` gives; `atMost` is a guess of its bytes from above, for what may be larger than 7 GiB. @throws the body's own error; Failure 1 when the key is taken, as nothing is ever overwritten, or when the store refuses. */
  put(key: string, body: Readable, atMost?: number): Promise<{ bytes: number }>;
  /** @throws Failure 7 when there is no such object. An error after its beginning is that of the stream. */
  get(key: string): Promise<Readable>;
  /** Objects whose key begins with `prefix`, in any order. */
  list(prefix: string): AsyncIterable<{ key: string; bytes: number }>;
  /** What is not there counts as removed. */
  remove(key: string): Promise<void>;
  /** Removes what killed uploads left under `prefix`; only for who knows that none is under way there. @returns how many. */
  sweep(prefix: string): Promise<number>;
  /** Bytes that it has left; undefined: nobody can know, as of a bucket. */
  free(): Promise<number | undefined>;
  /** What only this kind of store knows of itself, for who backs up below `prefix`; `needed`: the bytes of a backup. */
  examine(prefix: string, needed: number): Promise<Finding[]>;
};

/** What begins the last part of a key of something that is still on its way. */
export const unfinished = '.unfinished-';

/** @throws TypeError for what is no key: a bug, as keys are made here. */
export function verifyKey(key: string): void {
  if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(key)) throw new TypeError(`not a key of a store: ${JSON.stringify(key)}`);
}

/** The deepest folder that has everything with this prefix. */
export function folderAbove(prefix: string): string {
  return prefix.slice(0, Math.max(0, prefix.lastIndexOf('/')));
}

/** `connect` is the task's own, so that one connection serves a host and a store on it, and ends with the task. */
export type StoreContext = S3Around & { connect: (settings: HostSettings) => Promise<Host> };

/**
 * Most bytes of a text of ours: manifests (with 100,000 tables about 7 MB), verdicts, RESTORE.md. What is
 * larger is not read to its end: a store may list and return anything.
 */
export const largestText = 8_000_000;

/** @throws Failure 7 when there is no such object, or when it is larger than `largestText`. */
export async function getText(store: Store, key: string): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // leaving the loop ends the stream
  for await (const piece of (await store.get(key)) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > largestText) throw new Failure(7, `${key} in ${store.name} is larger than ${largestText / 1e6} MB`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

export async function putText(store: Store, key: string, text: string): Promise<void> {
  await store.put(key, Readable.from([Buffer.from(text)]));
}
