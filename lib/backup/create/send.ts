// Sends what was collected to one store, unless that has lost all that it had; a store that fails does not stop the others.
import { Failure } from '../../errors.ts';
import { run, type Remote } from '../../host/run.ts';
import { sh } from '../../host/sh.ts';
import { doItem } from '../../report/items.ts';
import type { Store } from '../../store/store.ts';
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import type { StoredBackup } from '../catalog.ts';
import { leaveGuide } from '../restore-guide.ts';
import type { BackupRun } from './begin.ts';
import { writeBackup, type Material } from './write.ts';

export async function sendBackup(backup: BackupRun, store: Store, material: Material): Promise<void> {
  const { context, target, way, scratch } = backup;
  const { report, signal } = context;
  const holds = () => {
    if (!scratch.held()) throw new Failure(4, `${way.host.where} was lost, and with it the lock`);
  };
  try {
    await doItem(report, `Send it to ${store.name}`, async say => {
      const before = await backup.list(store);
      await verifyNotLost(way, target, store, before);
      const manifest = await writeBackup(way, store, material, before, holds, say);
      backup.done.push({ store: store.name, manifest });
      await rememberStore(way, target, store);
      const trouble = await leaveGuide(store);
      if (trouble) report.warn(`${store.name}: RESTORE.md could not be written: ${trouble}`);
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    backup.failures.push({ store, error });
  }
}

/** Which stores have had backups of a target, on its host, so that one that lost them all is not taken for a new one. */
const storesFile = (target: Target) => `${target.paths.releases}/.keeper/backup/stores`;

/** A disk that is not mounted looks like an empty folder. @throws Failure 7 when nothing is left where something was. */
async function verifyNotLost(way: Remote, target: Target, store: Store, held: readonly StoredBackup[]): Promise<void> {
  if (held.length) return;
  const file = storesFile(target);
  const had = (await run(way, sh`cat ${file} 2>/dev/null || true`, 'asking')).split('\n');
  if (!had.includes(store.name)) return;
  throw new Failure(7, `the store ${store.name} had backups of ${targetName(target)}, and has none now`, {
    advice: `is its disk mounted, its bucket the right one? if it is meant to begin anew: rm ${file} on ${target.host.name}`,
  });
}

/** It is a help and no record: where it cannot be written, the backup is no worse. */
async function rememberStore(way: Remote, target: Target, { name }: Store): Promise<void> {
  const file = storesFile(target);
  const note = sh`grep -qsxF -e ${name} ${file} || printf '%s\\n' ${name} >>${file}`;
  await run(way, note, 'remembering the store').catch(() => {});
}
