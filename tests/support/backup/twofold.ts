// Data with two stores, a folder and a bucket behind a line that can be bad, for series of backups that are broken off or go wrong.
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backupsIn, type StoredBackup } from '../../../lib/backup/catalog.ts';
import { reread } from '../../../lib/backup/verify/verify.ts';
import { folderStore } from '../../../lib/store/folder/store.ts';
import { s3Store } from '../../../lib/store/s3/store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { startFaults, type Faults } from '../store/faults.ts';
import { startSwift } from '../store/swift.ts';
import { makeData, target, type Data } from './data.ts';

export type Twofold = Data & {
  faults: Faults;
  stores: { disk: Store; far: Store };
  held(store: 'disk' | 'far'): Promise<StoredBackup[]>;
  /** What is wrong with what a store has, in words; none when every backup is whole and as it was written. */
  damage(store: 'disk' | 'far', only?: (held: StoredBackup) => boolean): Promise<string[]>;
  /** What broken runs have left: scratch, copies, half objects, uploads that nobody ended. */
  left(): Promise<string[]>;
  end(): Promise<void>;
};

const bucket = 'twofold';

/** The files are so large that an upload has two parts. */
export async function makeTwofold(keep?: string): Promise<Twofold> {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'; // tasks do so themselves
  const swift = await startSwift();
  const faults = await startFaults(swift.port);
  const place = `bucket: ${bucket}, endpoint: '${faults.endpoint}', key: { file: ./S3_KEY }, secret: { file: ./S3_SECRET }`;
  const data = makeData({
    stores: { disk: '{ kind: path, folder: ./store }', far: `{ kind: s3, ${place} }` },
    ...(keep === undefined ? {} : { keep }),
  });
  const settings = await swift.bucket(bucket);
  for (const [file, value] of Object.entries(swift.environment)) writeFileSync(join(data.folder, file), `${value}\n`);
  writeFileSync(join(data.uploads, 'big'), randomBytes(9 * 1024 * 1024));
  data.sql(`PRAGMA journal_mode = WAL;
    CREATE TABLE chapters (title, body); INSERT INTO chapters SELECT value, hex(randomblob(500)) FROM generate_series(1, 200);
    CREATE TABLE readers (name); INSERT INTO readers SELECT value FROM generate_series(1, 100)`);
  const { signal } = new AbortController();
  const stores = {
    disk: folderStore('disk', join(data.folder, 'store')),
    far: s3Store(settings, { environment: swift.environment, signal }),
  };
  const scratch = join(data.root, 'releases/.keeper/backup');
  const snapshots = join(data.root, 'backups/snapshots');
  const names = (folder: string, like: RegExp) =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => like.test(name))
      : [];
  return {
    ...data,
    faults,
    stores,
    held: store => backupsIn(stores[store], target),
    async damage(store, only = () => true) {
      const found: string[] = [];
      for (const one of (await backupsIn(stores[store], target)).filter(only))
        for (const check of await reread(one, new Map(), signal, () => {}))
          if (!check.good) found.push(`${one.id} in ${store}: ${check.name}: ${check.found}`);
      return found;
    },
    left: async () => [
      ...names(scratch, /^scratch\.[^/]*$/),
      ...names(snapshots, /^\.backup-/),
      ...names(join(data.folder, 'store'), /\.unfinished-/),
      ...(await swift.unfinished(bucket)),
    ],
    async end() {
      data.clean();
      await faults.stop();
      await swift.stop();
    },
  };
}
