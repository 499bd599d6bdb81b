// Chooses the full pack that the changes of a backup are relative to, per store from its listing; without one, all files are packed.
import type { BackupFiles } from '../../target/backup-settings.ts';
import { span } from '../../duration.ts';
import { isComplete, isFinished, type StoredBackup, type CompleteBackup } from '../catalog.ts';
import { partOf, type Manifest } from '../manifest.ts';

export type Base = {
  held: CompleteBackup;
  /** Of files.tar.zst there, which the manifest of the changes repeats. */
  sha256: string;
  inventory: string;
  files: NonNullable<Manifest['files']>;
};
type Choice = { base: Base } | { why: string };

const day = 86_400;

/** `why` is for people: what makes this one a full pack. Only ever the newest full pack is built on. */
export function chooseBase(
  held: readonly StoredBackup[],
  files: BackupFiles,
  recipients: readonly string[],
  now: Date,
): Choice {
  const { fullEverySeconds: every } = files;
  if (every === undefined) return { why: 'every backup is whole: mode is tarball' };
  const finished = held.filter(isFinished);
  // what cannot be read could be a full pack, too
  const full = finished.find(one => !one.manifest || (one.manifest.files && !one.manifest.base));
  if (!full) return { why: 'the store has none yet' };
  if (!isComplete(full)) return { why: `the last one, ${full.id}, is damaged: ${full.fault ?? ''}` };
  const found = full.manifest.files;
  const pack = partOf(full.manifest, 'files.tar.zst');
  if (!found || !pack) return { why: 'the store has none yet' };

  // it does not count as good when backups are pruned, and neither would what builds on it
  if (full.manifest.shrunk.length) return { why: `much was suddenly gone when ${full.id} was taken` };
  const doubted = finished.find(
    one => one.verdict?.good === false && (one.id === full.id || one.manifest?.base?.id === full.id),
  );
  if (doubted) return { why: `a drill of ${doubted.id} found it damaged` };
  // cron may start the backup a few minutes earlier than a week ago
  const age = (now.getTime() - full.time.getTime()) / 1000;
  if (age > every - Math.min(3600, every / 10)) return { why: `the last one is ${span(age)} old` };
  if (age < -day) return { why: `the last one, ${full.id}, is from the future: a clock was or is wrong` };
  const same = (one: readonly string[], other: readonly string[] = []) => one.join('\0') === other.join('\0');
  if (!same(files.include, found.include) || !same(files.exclude, found.exclude))
    return { why: 'ops.yml names other files than it did' };
  if (!same(recipients, full.manifest.recipients)) return { why: 'ops.yml names other recipients than it did' };
  if (found.inventory === undefined) return { why: `of the last one, ${full.id}, no inventory was kept` };
  return { base: { held: full, sha256: pack.sha256, inventory: found.inventory, files: found } };
}
