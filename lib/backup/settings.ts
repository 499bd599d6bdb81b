// The settings of a target's backups, for tasks: its stores, opened, and the backups in them.
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Backup } from '../target/backup-settings.ts';
import { Failure } from '../errors.ts';
import { openStore } from '../store/open.ts';
import type { StoreContext, Store } from '../store/store.ts';
import { backupsIn, type StoredBackup } from './catalog.ts';

/** @throws Failure 3 when ops.yml says nothing of backups. */
export function backupOf(target: Target): Backup {
  if (target.backup) return target.backup;
  throw new Failure(3, `${targetName(target)} has no backup in ops.yml`, {
    advice:
      'stores: { disk: { kind: path, folder: /mnt/backups } } at the top, and backup: { stores: [disk] } for the app',
  });
}

/** The stores of the target, or the one that is named. @throws Failure 2 when it has none of that name. */
export async function openStores(target: Target, around: StoreContext, only: string | undefined): Promise<Store[]> {
  const { stores } = backupOf(target);
  const meant = stores.filter(one => only === undefined || one.name === only);
  if (!meant.length)
    throw new Failure(2, `${targetName(target)} has no store ${only ?? ''}`, {
      advice: `it has ${stores.map(one => one.name).join(', ')}`,
    });
  return Promise.all(meant.map(one => openStore(one, around)));
}

/** Newest first, over all stores. */
export async function backupsOf(stores: readonly Store[], target: Target): Promise<StoredBackup[]> {
  const found = await Promise.all(stores.map(store => backupsIn(store, target)));
  return found.flat().toSorted((a, b) => b.time.getTime() - a.time.getTime() || (a.id < b.id ? 1 : -1));
}

/** A moment as people type it: a date, or a date and a time, by UTC. @throws Failure 2 for anything else. */
export function readAt(text: string): Date {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)Z?)?$/.exec(text) ?? [];
  const found = new Date(day === undefined ? Number.NaN : `${day}T${time ?? '23:59:59'}Z`);
  if (!Number.isNaN(found.getTime())) return found;
  throw new Failure(2, `${JSON.stringify(text)} is not a date`, {
    advice: 'write --at 2026-11-20 (its end) or --at 2026-11-20T14:30, both UTC',
  });
}
