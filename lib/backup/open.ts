// A backup opened in scratch space, step by step as people see it; the first thing that is not as promised ends it.
import { Failure } from '../errors.ts';
import { lines, script, sh } from '../host/sh.ts';
import type { Item, Report } from '../report.ts';
import { tryDump, type Trial } from '../postgres/prove.ts';
import { keyOf, type Whole } from './catalog.ts';
import { fetchPart, inspectFiles, judgeCopy, judgeDatabase, openDatabase, unpackDump } from './examine.ts';
import { perform, type Way } from './flow.ts';
import type { Manifest, Part } from './manifest.ts';
import { size } from './settings.ts';
import type { Check } from './verdict.ts';

type Wanted = {
  /** Which parts are needed. */
  parts: readonly Part[];
  /** The files are unpacked beside the parts, in `files`; otherwise they are only looked at. */
  unpack: boolean;
  /** Is told the path of every entry of the archive. */
  each?: (path: string) => void;
  /** Where a dump of Postgres is restored; undefined: it is only unpacked. */
  trial: Trial | undefined;
};

/** The programs that this takes. */
export function toolsToOpen({ database }: Manifest): string[] {
  return ['zstd', 'tar', 'sha256sum', ...(database?.kind === 'sqlite' ? ['sqlite3'] : [])];
}

/**
 * Fetches the parts into `folder` on the host and holds them against the manifest; notes what it found in `checks`.
 * @throws Failure 7 at the first that is not as promised.
 */
export async function openBackup(
  way: Way,
  held: Whole,
  folder: string,
  report: Report,
  checks: Check[],
  { parts, unpack, each, trial }: Wanted,
): Promise<void> {
  const { manifest, store } = held;
  const note = (...found: Check[]) => {
    checks.push(...found);
    const bad = found.find(check => !check.good);
    if (bad) throw new Failure(7, `${held.id} in ${store.name}: ${bad.name}: ${bad.found}`);
  };
  const items: Item[] = parts.map(part => ({
    title: `Fetch ${part.name} from ${store.name} (${size(part.bytes)})`,
    run: async say => note(await fetchPart(way, held, part, folder, say)),
  }));
  const { database, files } = manifest;
  const [ofDatabase, ofDump, ofFiles] = (['database.sqlite.zst', 'database.dump.zst', 'files.tar.zst'] as const).map(
    name => parts.find(part => part.name === name),
  );
  if (ofDatabase && database?.kind === 'sqlite')
    items.push({
      title: 'Open the database, check it and count its rows',
      run: async () => {
        const { command } = openDatabase(folder, ofDatabase);
        note(...judgeDatabase(await perform(way, command, 'opening the database'), ofDatabase, database));
      },
    });
  if (ofDump && database?.kind === 'postgres') {
    items.push({
      title: 'Unpack the dump',
      run: async () => note(judgeCopy(await perform(way, unpackDump(folder, ofDump), 'unpacking the dump'), ofDump)),
    });
    if (trial)
      items.push({
        title: 'Restore the dump where nobody sees it, check it and count its rows',
        run: async () => note(...(await tryDump(way, trial, folder, database))),
      });
  }
  if (ofFiles && files) {
    items.push({
      title: 'Look at every name in the archive of files',
      run: async () => note(await inspectFiles(way, folder, ofFiles, files, each)),
    });
    if (unpack)
      items.push({
        title: 'Unpack the files',
        run: async () => {
          const command = lines(
            script('set -euo pipefail'),
            sh`mkdir ${`${folder}/files`}`,
            sh`zstd -dqc ${`${folder}/${ofFiles.name}`} | tar --extract --preserve-permissions --no-same-owner --directory=${`${folder}/files`} --file=-`,
            sh`cd ${`${folder}/files`} && find ${files.include} -printf x | wc -c`,
          );
          const count = Number((await perform(way, command, 'unpacking the files')).trim());
          note({ name: 'files unpacked', good: count === files.count, found: `${count} of ${files.count}` });
        },
      });
  }
  try {
    await report.show(items);
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== 7) throw error;
    if (checks.every(check => check.good)) checks.push({ name: 'it can be opened', good: false, found: error.message });
    throw (await stillThere(held)) ? error : gone(held);
  }
}

/** A prune in the meantime is no damage. */
async function stillThere({ store, manifest, id }: Whole): Promise<boolean> {
  for await (const { key } of store.list(keyOf(manifest, id, ''))) if (key.endsWith('/manifest.json')) return true;
  return false;
}

function gone({ id, store }: Whole): Failure {
  return new Failure(1, `${id} was removed from ${store.name} in this moment`, { advice: 'choose another one' });
}
