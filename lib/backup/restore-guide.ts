// RESTORE.md at the root of every store: how to restore everything with plain tools, without bookops.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { Failure, messageOf } from '../errors.ts';
import { boundedText } from '../store/bounded-text.ts';
import type { Store } from '../store/store.ts';

/** Beside the folders of the targets, so that nothing that looks for backups comes across it. */
export const guideKey = 'RESTORE.md';

/** The same for every app, so that all that share a store agree about it. */
function guide(): string {
  return readFileSync(new URL(guideKey, import.meta.url), 'utf8');
}

/** Writes it where it is missing or another. Backups do not fail of it. @returns what is in the way. */
export async function leaveGuide(store: Store): Promise<string | undefined> {
  const wanted = guide();
  try {
    const there = await stored(store);
    if (there === wanted) return undefined;
    if (there !== undefined) await store.remove(guideKey);
    await store.put(guideKey, Readable.from([Buffer.from(wanted)]));
    return undefined;
  } catch (error) {
    // another task may have been faster
    const there = await stored(store).catch(() => undefined);
    return there === wanted ? undefined : messageOf(error);
  }
}

async function stored(store: Store): Promise<string | undefined> {
  for await (const { key } of store.list(guideKey)) if (key === guideKey) return boundedText(store, key).catch(notOurs);
  return undefined;
}

/** A file that is far too large counts as different: it is written again. */
function notOurs(error: unknown): string {
  if (error instanceof Failure && error.exit === 7) return '';
  throw error;
}
