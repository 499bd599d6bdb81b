// Copies of a bucket's objects that no backup needs any more.
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import type { Item } from '../../report/report.ts';
import type { Store } from '../../store/store.ts';
import { copiesOf, indexName, readIndex } from './object-list.ts';
import { isComplete, type StoredBackup } from '../catalog.ts';
import { fetchPart } from '../verify/parts.ts';
import type { Remote } from '../../host/run.ts';
import { manifestName } from '../manifest.ts';

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
    const has = (name: string) => held.keys.some(({ key }) => key.endsWith(`/${name}`));
    try {
      if (!isComplete(held)) {
        if (has(manifestName) && has(indexName))
          return [{ title, skip: `${held.id} is damaged, and may need any`, run: async () => {} }];
        continue;
      }
      const part = held.manifest.parts.find(one => one.name === indexName);
      if (!part) continue;
      const { good } = await fetchPart(way, { held, part }, scratch, undefined, () => {});
      if (!good) throw new Failure(7, 'its checksum does not match');
      for await (const { copy } of readIndex(way, scratch, part)) spare.delete(`${copies}${copy}`);
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
