// Which stores have had backups of a target, remembered on its host, so that a store that lost them all is not taken for a new one.
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { sh } from '../../host/sh.ts';
import type { Store } from '../../store/store.ts';
import type { StoredBackup } from '../catalog.ts';
import { run, type Remote } from '../../host/run.ts';

const fileOf = (target: Target) => `${target.paths.releases}/.keeper/backup/stores`;

/** A disk that is not mounted looks like an empty folder. @throws Failure 7 when nothing is left where something was. */
export async function verifyNotLost(
  way: Remote,
  target: Target,
  store: Store,
  held: readonly StoredBackup[],
): Promise<void> {
  if (held.length) return;
  const file = fileOf(target);
  const had = (await run(way, sh`cat ${file} 2>/dev/null || true`, 'asking')).split('\n');
  if (!had.includes(store.name)) return;
  throw new Failure(7, `the store ${store.name} had backups of ${targetName(target)}, and has none now`, {
    advice: `is its disk mounted, its bucket the right one? if it is meant to begin anew: rm ${file} on ${target.host.name}`,
  });
}

/** It is a help and no record: where it cannot be written, the backup is no worse. */
export async function rememberStore(way: Remote, target: Target, { name }: Store): Promise<void> {
  const file = fileOf(target);
  const note = sh`grep -qsxF -e ${name} ${file} || printf '%s\\n' ${name} >>${file}`;
  await run(way, note, 'remembering the store').catch(() => {});
}
