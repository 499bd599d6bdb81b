// Copies of a bucket's objects that no backup needs any more.
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import type { Item } from '../../report/items.ts';
import type { Store } from '../../store/store.ts';
import { copiesOf, fetchIndex, indexName } from './object-list.ts';
import { isComplete, isFinished, type StoredBackup } from '../catalog.ts';
import type { Remote } from '../../host/run.ts';

/**
 * The removal of what none of the backups that stay names, as an item; nothing when there are no copies. Only for who has
 * the target's lock. As long as one of the indexes cannot be read, nothing is removed.
 */
export async function spareCopies(
  way: Remote,
  store: Store,
  target: Target,
  kept: readonly StoredBackup[],
  scratch: string,
): Promise<Item[]> {
  const copies = copiesOf(target);
  const spare = new Set<string>();
  for await (const { key } of store.list(copies)) spare.add(key);
  if (!spare.size) return [];
  const title = `Remove copies of the bucket from ${store.name} that no backup needs`;
  for (const held of kept) {
    try {
      if (isComplete(held))
        for await (const { copy } of fetchIndex(way, held, scratch)) spare.delete(`${copies}${copy}`);
      else if (isFinished(held) && held.keys.some(({ key }) => key.endsWith(`/${indexName}`)))
        return [{ title, skip: `${held.id} is damaged, and may need any`, run: async () => {} }];
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== 7) throw error;
      return [{ title, skip: `the index of ${held.id} cannot be read: ${error.message}`, run: async () => {} }];
    }
  }
  if (!spare.size) return [];
  return [
    {
      title: `${title} (${spare.size})`,
      run: async () => {
        for (const key of spare) {
          if (way.signal.aborted) throw way.signal.reason;
          await store.remove(key);
        }
      },
    },
  ];
}
