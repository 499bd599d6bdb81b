// Every backup of a target at a glance: where it is, how old, what is in it, and when one was last proven.
import type { Target } from '../target/target.ts';
import { nameOf, targetName, taskCommand } from '../target/command.ts';
import { spanSince } from '../duration.ts';
import type { Result } from '../report/result.ts';
import type { Store } from '../store/store.ts';
import { size } from '../size.ts';
import { askBeforeDeploy, dataOf, rowOf, type BeforeDeployContext } from './before-deploy.ts';
import { isFinished, type StoredBackup } from './catalog.ts';
import { backupsOf } from './settings.ts';

const columns = ['backup', 'age', 'store', 'size', 'files', 'release', 'state'];

/** What was never finished is no backup, and the next one removes it. */
export async function listBackups(
  context: BeforeDeployContext,
  target: Target,
  stores: readonly Store[],
): Promise<Result> {
  const held = (await backupsOf(stores, target)).filter(isFinished);
  const before = await askBeforeDeploy(context, target);
  const proven = held.find(one => one.verdict?.good);
  const rows = held.map(one => [
    one.id,
    spanSince(one.time),
    one.store.name,
    size(one.bytes),
    kindOf(one),
    one.manifest?.release?.slice(0, 7) ?? '',
    one.fault ?? one.manifest?.shrunk[0] ?? proof(one),
  ]);
  for (const one of before) rows.push(rowOf(one, target.host.name));
  const headline = !held.length
    ? `${targetName(target)} has no backups`
    : proven?.verdict
      ? `last proven restorable: ${proven.id}, ${spanSince(new Date(proven.verdict.time))} ago, restored in ${proven.verdict.restoreSeconds} s`
      : `none was ever proven restorable: ${taskCommand('drill', target)} does it`;
  return {
    text: rows.length ? `${context.report.table(rows, { head: columns })}\n${headline}` : headline,
    json: {
      ...nameOf(target),
      beforeDeploy: before.map(dataOf),
      proven: proven?.verdict && {
        id: proven.id,
        time: proven.verdict.time,
        restoreSeconds: proven.verdict.restoreSeconds,
      },
      backups: held.map(({ id, time, store, bytes, manifest, fault, verdict }) => ({
        id,
        time: time.toISOString(),
        store: store.name,
        bytes,
        base: manifest?.base?.id ?? null,
        release: manifest?.release ?? null,
        fault: fault ?? null,
        shrunk: manifest?.shrunk ?? [],
        verdict: verdict ?? null,
      })),
    },
  };
}

/** `full`, or since when it has the changes. */
function kindOf({ manifest }: StoredBackup): string {
  if (manifest?.base) return `since ${manifest.base.id.slice(0, 16)}`;
  return manifest?.files ? 'full' : '';
}

function proof({ verdict }: StoredBackup): string {
  if (!verdict) return 'not proven';
  const when = `${verdict.time.slice(0, 16).replace('T', ' ')} on ${verdict.where}`;
  return verdict.good ? `proven ${when}` : `found damaged ${when}`;
}
