// Opens a backup in scratch space, step by step as people see it; the first part that does not match the manifest ends it.
import type { Check } from '../../finding.ts';
import { Failure } from '../../errors.ts';
import { lines, sh } from '../../host/sh.ts';
import type { Item } from '../../report/items.ts';
import type { Report } from '../../report/report.ts';
import { tryDump, type Trial } from '../../database/postgres/restore-test.ts';
import { isEncrypted, type Identity } from '../encryption.ts';
import { verifyKept } from '../files/inspect-archive.ts';
import { indexName } from '../bucket/object-list.ts';
import { bucketItems } from '../bucket/verify.ts';
import { keyOf, type CompleteBackup } from '../catalog.ts';
import { whileOpening } from './damage.ts';
import { fetchPart, fetchUnpacking, judgeCopy, judgeDatabase, openDatabase, unpackDump } from './parts.ts';
import { run, type Remote } from '../../host/run.ts';
import { plainName, type Manifest, type Part } from '../manifest.ts';
import {
  inspectPacks,
  isFullPack,
  isOfFiles,
  neededFor,
  packsOf,
  scratchFlags,
  type Packs,
} from '../files/pack-chain.ts';
import { layersOf, unpacking, withoutMarks } from '../files/unpack.ts';
import { ownItems } from '../create/app-command.ts';
import { size } from '../../size.ts';
import type { Matcher } from '../restore/selection.ts';

type OpenOptions = {
  /** Which parts are needed. */
  parts: readonly Part[];
  /** What opens encrypted ones. */
  identity: Identity | undefined;
  /** The files are unpacked beside the parts, in `files`; otherwise they are only checked. */
  unpack: boolean;
  /** Gets every path. */
  finder: Matcher;
  /** Where a dump of Postgres is restored; undefined: it is only unpacked. */
  trial: Trial | undefined;
  /** How many objects of a bucket are read again; otherwise none. */
  sample?: number;
};

/** The programs that this takes. */
export function toolsToOpen({ database }: Manifest, identity: Identity | undefined): string[] {
  const more = [database?.kind === 'sqlite' && 'sqlite3', identity && 'age'];
  return ['zstd', 'tar', 'sha256sum', ...more.filter(tool => typeof tool === 'string')];
}

/**
 * Fetches the parts into `folder` on the host and holds them against the manifest; notes what it found in `checks`.
 * @throws Failure 7 at the first that is not as promised, 2 when it lacks a file that is meant.
 */
export async function openBackup(
  way: Remote,
  held: CompleteBackup,
  folder: string,
  report: Report,
  checks: Check[],
  { parts, identity, unpack, finder, trial, sample = 0 }: OpenOptions,
): Promise<void> {
  const { manifest, store } = held;
  const note = (...found: Check[]) => {
    checks.push(...found);
    const bad = found.find(check => !check.good);
    if (bad) throw new Failure(7, `${held.id} in ${store.name}: ${bad.name}: ${bad.found}`);
  };
  const { database, files } = manifest;
  const partCalled = (name: string) => parts.find(part => plainName(part) === name);
  const [ofDatabase, ofDump] = [partCalled('database.sqlite.zst'), partCalled('database.dump.zst')];
  const needed = neededFor(held, parts);
  // files that are removed again need not wait until they were checked
  const atOnce = (part: Part) => unpack && isFullPack(part);
  let fault: string | undefined;
  // the database is opened beside what is fetched and unpacked meanwhile: there is work for two processors
  let opening: Promise<Check[]> | undefined;
  const items: Item[] = needed.map(one => ({
    title: `Fetch ${atOnce(one.part) ? 'and unpack ' : ''}${one.part.name}${one.held === held ? '' : ` of ${one.held.id}`} from ${store.name} (${size(one.part.bytes)})`,
    run: async say => {
      if (atOnce(one.part)) {
        const found = await fetchUnpacking(way, one, folder, `${folder}/files`, identity, say);
        note(found.check);
        fault = found.fault;
      } else note(await fetchPart(way, one, folder, identity, say));
      if (one.part === ofDatabase) {
        opening = openCopy(way, folder, one.part, database);
        opening.catch(() => {}); // its own item tells
      }
      if (one === needed.at(-1) && identity && needed.some(({ part }) => isEncrypted(part)))
        note({ name: 'decrypted', good: true, found: `with the identity that ops.yml names: ${identity.place}` });
    },
  }));
  if (ofDump && database?.kind === 'postgres') {
    items.push({
      title: 'Unpack the dump',
      run: async () =>
        note(judgeCopy(await whileOpening(() => run(way, unpackDump(folder, ofDump), 'unpacking the dump')), ofDump)),
    });
    if (trial)
      items.push({
        title: 'Restore the dump into an isolated server, check it and count its rows',
        run: async () => note(...(await tryDump(way, trial, folder, database))),
      });
  }
  const packs = parts.some(isOfFiles) ? packsOf(held) : undefined;
  if (packs && files) {
    items.push({
      title: 'Look at every name in the archive of files',
      run: async () => {
        const found = await inspectPacks(way, folder, packs, files, finder);
        if (fault === undefined) return note(found);
        verifyKept(fault);
        note({ name: 'files', good: false, found: `${found.found}; ${fault}` });
      },
    });
    if (unpack)
      items.push({
        title: packs.changes ? 'Unpack what changed since' : 'Count what was unpacked',
        run: async () => note(await unpacked(way, folder, packs, files, finder)),
      });
  }
  if (ofDatabase)
    items.push({
      title: 'Open the database, check it and count its rows',
      run: async () => note(...((await opening) ?? [])),
    });
  const [index, own] = [partCalled(indexName), partCalled('app.tar.zst') ?? partCalled('app.zst')];
  if (own && manifest.own) items.push(...ownItems(way, folder, own, manifest.own, note));
  if (index && manifest.bucket)
    items.push(...bucketItems(way, held, { folder, part: index, facts: manifest.bucket, sample }, note));
  try {
    await report.show(items);
  } catch (error) {
    // what still works in the folder ends before somebody takes it away
    await opening?.catch(() => {});
    if (!(error instanceof Failure) || error.exit !== 7) throw error;
    if (checks.every(check => check.good)) checks.push({ name: 'it can be opened', good: false, found: error.message });
    throw (await stillThere(held)) ? error : gone(held);
  }
  const [none] = finder.missing();
  if (none !== undefined) throw new Failure(2, `the backup has no ${none}`);
}

async function openCopy(way: Remote, folder: string, part: Part, facts: Manifest['database']): Promise<Check[]> {
  if (facts?.kind !== 'sqlite') throw new Failure(7, `the manifest does not say what ${part.name} holds`);
  const said = await whileOpening(() => run(way, openDatabase(folder, part), 'opening the database'));
  return judgeDatabase(said, part, facts);
}

/** The full pack was unpacked as it came; what changed since goes over it. */
async function unpacked(
  way: Remote,
  folder: string,
  packs: Packs,
  { include, count }: { include: readonly string[]; count: number },
  finder: Matcher,
): Promise<Check> {
  const into = `${folder}/files`;
  const layers = layersOf(packs, into, scratchFlags, finder.meant(), true);
  const counting = lines(sh`cd ${into} || exit 1`, sh`find ${include} -printf x | wc -c`);
  const command = lines(unpacking(folder, layers), withoutMarks(into), counting);
  const found = Number((await whileOpening(() => run(way, command, 'unpacking the files'))).trim());
  return { name: 'files unpacked', good: found === count, found: `${found} of ${count}` };
}

/** A prune in the meantime is no damage. */
async function stillThere(held: CompleteBackup): Promise<boolean> {
  for (const { store, manifest, id } of held.base ? [held, held.base] : [held]) {
    let found = false;
    for await (const { key } of store.list(keyOf(manifest, id, ''))) found ||= key.endsWith('/manifest.json');
    if (!found) return false;
  }
  return true;
}

function gone({ id, store }: CompleteBackup): Failure {
  return new Failure(1, `${id} was removed from ${store.name} just now`, { advice: 'choose another one' });
}
