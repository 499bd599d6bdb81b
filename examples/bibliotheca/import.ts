// A backup that Bibliotheca's own scripts made, taken into the stores as one of ours: counted, packed, and listed by its own time.
import { copyFile, cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { targetName } from '../../lib/target/command.ts';
import type { Target } from '../../lib/target/target.ts';
import type { SqliteDatabase } from '../../lib/target/database-settings.ts';
import { thisMachine } from '../../lib/target/host-settings.ts';
import { Failure } from '../../lib/errors.ts';
import { pairs } from '../../lib/log-line.ts';
import type { Store } from '../../lib/store/store.ts';
import type { Context } from '../../lib/task/context.ts';
import type { Result } from '../../lib/report/result.ts';
import { recipientsOf } from '../../lib/target/backup-settings.ts';
import { run, type Remote } from '../../lib/host/run.ts';
import { placesOf, readLayout } from './layout.ts';
import { backupId, type Manifest } from '../../lib/backup/manifest.ts';
import { surveyFiles } from '../../lib/backup/files/survey.ts';
import { baseAnywhere, baseOn, openScratch } from '../../lib/backup/scratch.ts';
import { readSnapshot, snapshotCommand } from '../../lib/database/sqlite/backup-copy.ts';
import { writeBackup } from '../../lib/backup/create/write.ts';

type ImportContext = Pick<Context, 'connect' | 'report' | 'signal' | 'who'> & { args: { wait: number | undefined } };

/** The folder stays as it is: a copy of it is laid out like the target, and backed up as one. */
export async function importFolder(
  around: ImportContext,
  target: Target,
  stores: readonly Store[],
  from: string,
): Promise<Result> {
  const { connect, report, signal, who, args } = around;
  const layout = await readLayout(from);
  const places = placesOf(target, layout.folders);
  if (layout.database !== undefined && target.database?.kind !== 'sqlite')
    throw new Failure(3, `${from} has a SQLite database, and ${targetName(target)} has none in ops.yml`);

  const lock = await openScratch(await connect(target.host), {
    base: baseOn(target),
    alone: { wait: args.wait ?? 1, holder: pairs({ by: who, action: 'import' }) },
    tools: [],
  });
  const host = await connect(thisMachine);
  const way: Remote = { host, signal, appUser: undefined };
  const id = backupId(layout.time);
  let manifest: Manifest | undefined;
  try {
    const scratch = await openScratch(host, {
      base: baseAnywhere,
      tools: ['zstd', 'tar', 'sqlite3', 'sha256sum', ...(recipientsOf(target).length ? ['age'] : [])],
    });
    try {
      const root = join(scratch.folder, 'root');
      const standIn = laidOut(target, root);
      await report.show([
        {
          title: `Copy ${from}`,
          run: async () => {
            await mkdir(root, { mode: 0o700 });
            if (layout.database !== undefined) await copyFile(join(from, layout.database), join(root, 'database.db'));
            for (const { folder, path } of places) {
              await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o700 });
              await cp(join(from, folder), join(root, path), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true }); // prettier-ignore
            }
          },
        },
      ]);
      const paths = places.map(({ path }) => path);
      const files = paths.length ? { include: paths, exclude: [], as: undefined } : undefined;
      const encrypt = target.backup?.encrypt;
      const meant: Target = { ...standIn, backup: { stores: [], files, keep: undefined, ...(encrypt && { encrypt }) } };
      const { database } = standIn;
      const snapshot = database && readSnapshot(await run(way, snapshotCommand(meant, database, id, 60), 'copying the database'), meant, database, id); // prettier-ignore
      const survey = files && (await surveyFiles(way, meant, files, { id, scratch: scratch.folder }));
      if (!snapshot && !survey) throw new Failure(2, `${from} has neither a database nor folders`);
      const holds = () => {
        if (!lock.held()) throw new Failure(4, 'the connection was lost, and with it the lock');
      };
      const material = { target: meant, id, now: layout.time, by: who, release: undefined, snapshot, survey };
      const more = { own: undefined, source: undefined, scratch: scratch.folder };
      for (const store of stores)
        await report.show([
          {
            title: `Send it to ${store.name}`,
            run: async say => void (manifest = await writeBackup(way, store, { ...material, ...more }, [], holds, say)),
          },
        ]);
    } finally {
      await scratch.end();
    }
  } finally {
    await lock.end();
  }
  const names = stores.map(store => store.name);
  return {
    text: `${from} is ${id} of ${targetName(target)} now → ${names.join(', ')}`,
    json: { app: target.app, environment: target.environment, id, stores: names, manifest },
  };
}

/** The target as it would be if its data were in that folder here. */
function laidOut(target: Target, root: string): Target & { database: SqliteDatabase | undefined } {
  const { database } = target;
  const file = join(root, 'database.db');
  return {
    ...target,
    host: thisMachine,
    root,
    paths: { releases: join(root, 'releases'), current: join(root, 'current'), shared: join(root, 'shared') },
    runtime: { kind: 'process', start: 'true', shared: [], install: undefined },
    database:
      database?.kind === 'sqlite'
        ? { ...database, file, as: undefined, snapshots: join(root, 'snapshots') }
        : undefined,
  };
}
