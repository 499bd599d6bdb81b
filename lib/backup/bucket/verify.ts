// Compares the copies of a bucket's objects with a backup's index: all present with their sizes, and some read again.
import type { Check } from '../../finding.ts';
import type { Item, Say } from '../../report/items.ts';
import { seldom } from '../../report/transfer-progress.ts';
import { copiesOf, readIndex, type IndexLine } from './object-list.ts';
import type { CompleteBackup } from '../catalog.ts';
import { readThrough, type Remote } from '../../host/run.ts';
import type { Manifest, Part } from '../manifest.ts';

type BucketFacts = NonNullable<Manifest['bucket']>;

/** Read in every drill when nobody says how many. */
export const fewObjects = 20;

/** Items for a drill or a restore; the index has been fetched into `folder` on the host. `sample`: how many are read. */
export function bucketItems(
  way: Remote,
  held: CompleteBackup,
  { folder, part, facts, sample }: { folder: string; part: Part; facts: BucketFacts; sample: number },
  note: (...found: Check[]) => void,
): Item[] {
  let chosen: IndexLine[] = [];
  const looking: Item = {
    title: `Look for the ${facts.objects} objects of the bucket ${facts.from} in ${held.store.name}`,
    run: async () => {
      const found = await lookFor(way, held, folder, part, sample);
      chosen = found.chosen;
      note(...judge(facts, found));
    },
  };
  const reading: Item = {
    title: `Read ${sample < facts.objects ? `${sample} of them` : 'all of them'} again`,
    run: async say => note(await reread(way, held, chosen, say)),
  };
  return sample && facts.objects ? [looking, reading] : [looking];
}

type Found = { count: number; bytes: number; odd: string[]; chosen: IndexLine[] };

async function lookFor(way: Remote, held: CompleteBackup, folder: string, part: Part, sample: number): Promise<Found> {
  const copies = copiesOf(held.manifest);
  const there = new Map<string, number>();
  for await (const { key, bytes } of held.store.list(copies)) there.set(key.slice(copies.length), bytes);
  const found: Found = { count: 0, bytes: 0, odd: [], chosen: [] };
  for await (const line of readIndex(way, folder, part)) {
    found.count++;
    found.bytes += line.bytes;
    const size = there.get(line.copy);
    if (size !== line.bytes && found.odd.length < 100)
      found.odd.push(size === undefined ? `${line.key} is missing` : `${line.key} has a different size`);
    // each has the same chance, and all need not be known before
    if (found.chosen.length < sample) found.chosen.push(line);
    else {
      const at = Math.floor(Math.random() * found.count);
      if (at < sample) found.chosen[at] = line;
    }
  }
  return found;
}

function judge(facts: BucketFacts, { count, bytes, odd }: Found): Check[] {
  const good = count === facts.objects && bytes === facts.bytes;
  const other = `${count} objects of ${bytes} bytes, and were ${facts.objects} of ${facts.bytes}`;
  return [
    { name: 'index of the bucket', good, found: good ? `${count} objects, as in the manifest` : other },
    { name: 'objects of the bucket', good: !odd.length, found: odd.length ? odd.slice(0, 5).join('; ') : 'all there' },
  ];
}

async function reread(way: Remote, held: CompleteBackup, chosen: IndexLine[], say: Say): Promise<Check> {
  const odd: string[] = [];
  const tell = seldom(say);
  for (const [index, { key, copy, sha256 }] of chosen.entries()) {
    const found = await readThrough(await held.store.get(`${copiesOf(held.manifest)}${copy}`), way.signal);
    if (found.sha256 !== sha256) odd.push(`${key} (its copy ${copy.slice(0, 12)}…) has a different checksum`);
    tell(() => `${index} of ${chosen.length} read`);
  }
  const found = odd.length ? odd.slice(0, 5).join('; ') : `${chosen.length}, as they were`;
  return { name: 'objects read again', good: !odd.length, found };
}
