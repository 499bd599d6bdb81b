// Backups of a folder of files night after night without a task around them: taken into a store, opened, and compared.
import type { Check } from '../../../lib/finding.ts';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Identity } from '../../../lib/backup/encryption.ts';
import { backupsIn, isComplete, type StoredBackup, type CompleteBackup } from '../../../lib/backup/catalog.ts';
import type { Remote } from '../../../lib/host/run.ts';
import { backupId, type Manifest } from '../../../lib/backup/manifest.ts';
import { openBackup } from '../../../lib/backup/verify/open.ts';
import { surveyFiles } from '../../../lib/backup/files/survey.ts';
import { writeBackup } from '../../../lib/backup/create/write.ts';
import { matcher } from '../../../lib/backup/restore/selection.ts';
import type { Target } from '../../../lib/target/target.ts';
import type { BackupFiles, Encryption } from '../../../lib/target/backup-settings.ts';
import { localHost } from '../../../lib/host/local.ts';
import type { Report } from '../../../lib/report/report.ts';
import { folderStore } from '../../../lib/store/folder/store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { sample } from '../target/targets.ts';
import { fingerprint } from '../book/book.ts';

export type Nights = {
  folder: string;
  root: string;
  target: Target;
  store: Store;
  way: Remote;
  /** The folder of the files. */
  uploads: string;
  /** What was said of the choice of packs in the last night. */
  said: string[];
  /** `meanwhile` happens between the look at the files and their reading. */
  backUp(more?: { at?: Date; meanwhile?: () => void }): Promise<Manifest>;
  held(): Promise<StoredBackup[]>;
  /** Opens the newest one, or that one, and gives the folder of its files; throws as a drill would. */
  open(id?: string, identity?: Identity): Promise<{ files: string; checks: Check[] }>;
  clean(): void;
};

/** Shows nothing. */
export const quiet = {
  show: async items => {
    for (const item of items) await item.run(() => {});
  },
  warn: () => {},
} as Partial<Report> as Report;

export function makeNights(files: Partial<BackupFiles> = {}, encrypt?: Encryption): Nights {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-nights-'));
  const root = join(folder, "it's a root");
  const uploads = join(root, 'shared/uploads');
  const keeper = join(root, 'releases/.keeper/backup');
  for (const path of [uploads, keeper]) mkdirSync(path, { recursive: true });
  const target = sample(
    {
      database: undefined,
      backup: {
        stores: [],
        keep: undefined,
        files: { include: ['shared/uploads'], exclude: [], as: undefined, fullEverySeconds: 7 * 86_400, ...files },
        ...(encrypt && { encrypt }),
      },
    },
    root,
  );
  const host = localHost('here', { environment: process.env, terminal: undefined, signal: undefined });
  const way: Remote = { host, signal: new AbortController().signal, appUser: undefined };
  const store = folderStore('disk', join(folder, 'store'));
  const nights: Nights = {
    folder,
    root,
    target,
    store,
    way,
    uploads,
    said: [],
    async backUp({ at = new Date(), meanwhile = () => {} } = {}) {
      const wanted = nights.target.backup?.files;
      if (!wanted) throw new Error('no files');
      const scratch = mkdtempSync(join(keeper, 'scratch.'));
      try {
        const id = backupId(at);
        const survey = await surveyFiles(way, nights.target, wanted, { id, scratch });
        meanwhile();
        nights.said.length = 0;
        const material = { target: nights.target, id, now: at, by: 'ana', release: undefined, snapshot: undefined, survey, own: undefined, source: undefined, scratch }; // prettier-ignore
        return await writeBackup(way, store, material, await nights.held(), () => {}, line => nights.said.push(line)); // prettier-ignore
      } finally {
        rmSync(scratch, { recursive: true });
      }
    },
    held: () => backupsIn(store, nights.target),
    async open(id, identity) {
      const held = (await nights.held()).find(
        (one): one is CompleteBackup => isComplete(one) && (!id || one.id === id),
      );
      if (!held) throw new Error(`no ${id ?? 'backup'}`);
      const scratch = mkdtempSync(join(folder, 'opened-'));
      const { parts, files: packed } = held.manifest;
      const checks: Check[] = [];
      const found = matcher({ paths: packed?.include ?? [], single: false });
      const how = { parts, identity, unpack: true, finder: found, trial: undefined };
      await openBackup(way, held, scratch, quiet, checks, how);
      return { files: join(scratch, 'files'), checks };
    },
    clean() {
      execFileSync('chmod', ['-R', 'u+rwX', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return nights;
}

/** Everything about a folder that a restore has to bring back: names in their bytes, kinds, rights, times, content. */
export function contentOf(folder: string): string[] {
  const found: string[] = [];
  const walk = (below: Buffer) => {
    for (const name of readdirSync(Buffer.concat([Buffer.from(`${folder}/`), below]), { encoding: 'buffer' })) {
      const path = below.length ? Buffer.concat([below, Buffer.from('/'), name]) : name;
      const full = Buffer.concat([Buffer.from(`${folder}/`), path]);
      const stat = lstatSync(full);
      const what = stat.isSymbolicLink()
        ? `link ${readlinkSync(full)}`
        : stat.isFile()
          ? `file ${fingerprint(full)} ${stat.nlink}`
          : 'folder';
      const time = stat.isSymbolicLink() ? '' : ` ${(stat.mode & 0o7777).toString(8)} ${stat.mtimeMs}`;
      found.push(`${path.toString('latin1')} ${what}${time}`);
      if (stat.isDirectory()) walk(path);
    }
  };
  walk(Buffer.alloc(0));
  return found.toSorted();
}
