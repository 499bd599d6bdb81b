// RESTORE.md at the root of every store: how to restore everything with plain tools, without bookops.
import { readFileSync } from 'node:fs';
import { Failure, messageOf } from '../errors.ts';
import { getText, putText, type Store } from '../store/store.ts';

/** Beside the folders of the targets, so that nothing that looks for backups comes across it. */
const guideKey = 'RESTORE.md';

/** Writes it where it is missing or another. Backups do not fail of it. @returns what is in the way. */
export async function leaveGuide(store: Store): Promise<string | undefined> {
  // the same for every app, so that all that share a store agree about it
  const wanted = readFileSync(new URL(guideKey, import.meta.url), 'utf8');
  try {
    const there = await stored(store);
    if (there === wanted) return undefined;
    if (there !== undefined) await store.remove(guideKey);
    await putText(store, guideKey, wanted);
    return undefined;
  } catch (error) {
    // another task may have been faster
    const there = await stored(store).catch(() => undefined);
    return there === wanted ? undefined : messageOf(error);
  }
}

async function stored(store: Store): Promise<string | undefined> {
  for await (const { key } of store.list(guideKey)) if (key === guideKey) return getText(store, key).catch(notOurs);
  return undefined;
}

/** A file that is far too large counts as different: it is written again. */
function notOurs(error: unknown): string {
  if (error instanceof Failure && error.exit === 7) return '';
  throw error;
}
