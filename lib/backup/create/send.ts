// Sends what was collected to one store, and records the outcome: a store that fails does not stop the others.
import { Failure } from '../../errors.ts';
import type { Store } from '../../store/store.ts';
import { leaveGuide } from '../restore-guide.ts';
import type { BackupRun } from './begin.ts';
import { rememberStore, verifyNotLost } from './known-stores.ts';
import { writeBackup, type Material } from './write.ts';

export async function sendBackup(backup: BackupRun, store: Store, material: Material): Promise<void> {
  const { context, target, way, scratch } = backup;
  const { report, signal } = context;
  const holds = () => {
    if (!scratch.held()) throw new Failure(4, `${way.host.where} was lost, and with it the lock`);
  };
  try {
    await report.show([
      {
        title: `Send it to ${store.name}`,
        async run(say) {
          const before = await backup.list(store);
          await verifyNotLost(way, target, store, before);
          const manifest = await writeBackup(way, store, material, before, holds, say);
          backup.done.push({ store: store.name, manifest });
          await rememberStore(way, target, store);
          const trouble = await leaveGuide(store);
          if (trouble) report.warn(`${store.name}: RESTORE.md could not be written: ${trouble}`);
        },
      },
    ]);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    backup.failures.push({ store, error });
  }
}
