// The resources of one backup run: the lock of the target's backups, a folder on the host, the outcome for each store.
import { secondsSince } from '../../duration.ts';
import type { Target } from '../../target/target.ts';
import { recipientsOf } from '../../target/backup-settings.ts';
import { copyTools, takeCopyAway } from '../../database/backup-copy.ts';
import type { Remote } from '../../host/run.ts';
import { pairs } from '../../log-line.ts';
import { remoteOf } from '../../runtime/runtime-of.ts';
import type { Store } from '../../store/store.ts';
import type { Context } from '../../task/context.ts';
import type { StoredBackup } from '../catalog.ts';
import type { Manifest } from '../manifest.ts';
import { baseOn, openScratch, type Scratch } from '../scratch.ts';
import { backupOf } from '../settings.ts';
import { removeUnfinished } from './write.ts';

export type BackupContext = Pick<Context, 'connect' | 'environment' | 'report' | 'signal' | 'who'> & {
  args: { wait: number | undefined };
};

export type BackupRun = {
  context: BackupContext;
  target: Target;
  way: Remote;
  scratch: Scratch;
  /** What a store has by now, without what was never finished. */
  list(store: Store): Promise<StoredBackup[]>;
  done: { store: string; manifest: Manifest }[];
  failures: { store: Store; error: unknown }[];
  /** Since its beginning. */
  seconds(): number;
  /** Removes all of it from the host. */
  end(): Promise<void>;
};

/** @throws Failure 5 while another backup, restore or prune of the target is under way, 1 when the host lacks a program */
export async function beginBackup(
  context: BackupContext,
  target: Target,
  [first]: readonly Store[],
): Promise<BackupRun> {
  const { args, who } = context;
  const { database } = target;
  const { files, command } = backupOf(target);
  const began = performance.now();
  const way = await remoteOf(target, context);
  const scratch = await openScratch(way.host, {
    base: baseOn(target),
    alone: { wait: args.wait ?? 1, holder: pairs({ by: who, action: 'backup' }) },
    tools: [
      'zstd',
      ...(database ? copyTools(database) : []),
      ...(files || command ? ['tar'] : []),
      ...(recipientsOf(target).length ? ['age'] : []),
    ],
  });
  // the first store is listed while the database is copied; an error of it is reported when its turn comes
  const listing = first && removeUnfinished(first, target);
  listing?.catch(() => {});
  return {
    context,
    target,
    way,
    scratch,
    list: store => (store === first && listing) || removeUnfinished(store, target),
    done: [],
    failures: [],
    seconds: () => secondsSince(began),
    async end() {
      // what is left all the same goes with the next backup
      await listing?.catch(() => {});
      const late = { ...way, signal: AbortSignal.timeout(20_000) };
      if (database) await takeCopyAway(late, target, database).catch(() => {});
      await scratch.end();
    },
  };
}
