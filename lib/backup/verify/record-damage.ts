// Records damage found before or outside of a drill (listing, `backups verify`, restore): a verdict beside the backup and in drills.log.
import type { Check } from '../../finding.ts';
import { Readable } from 'node:stream';
import type { Target } from '../../target/target.ts';
import { messageOf } from '../../errors.ts';
import type { Report } from '../../report/report.ts';
import { Damaged, keyOf, type StoredBackup } from '../catalog.ts';
import { run, type Remote } from '../../host/run.ts';
import { logVerdict, renderVerdict, verdictName, type Verdict } from '../drill/verdict.ts';

export type Damage = {
  held: StoredBackup;
  /** What was looked at until then. */
  checks: readonly Check[];
  /** In words, for what no check names. */
  says: string;
  by: string;
  where: string;
  /** What looked at it. */
  found: 'verify' | 'restore' | 'drill';
};

/** The checks, with one that is bad: the words themselves when what failed was none of them. */
export function withBad(checks: readonly Check[], says: string): Check[] {
  return checks.every(check => check.good) ? [...checks, { name: 'opened', good: false, found: says }] : [...checks];
}

/**
 * Damage that the newest verdict already tells of is not written again. What cannot be written is told and changes nothing: who
 * only reads may have a key that only reads, and the host may be gone. `onHost` undefined: it is not asked.
 */
export async function noteDamage(
  target: Target,
  { held, checks: looked, says, by, where, found }: Damage,
  onHost: (() => Promise<Remote>) | undefined,
  report: Pick<Report, 'warn'>,
): Promise<void> {
  const checks = withBad(looked, says);
  const { id, store, verdict: known } = held;
  const bad = (all: readonly Check[]) => JSON.stringify(all.filter(check => !check.good));
  if (known && !known.good && bad(known.checks) === bad(checks)) return;
  const time = new Date().toISOString();
  const verdict: Verdict = { version: 1, backup: id, store: store.name, time, where, by, good: false, restoreSeconds: 0, checks }; // prettier-ignore
  try {
    await store.put(keyOf(target, id, verdictName(verdict)), Readable.from([Buffer.from(renderVerdict(verdict))]));
  } catch (error) {
    report.warn(`the verdict is not beside ${id} in ${store.name}: ${messageOf(error)}`);
  }
  if (!onHost) return;
  try {
    await run(await onHost(), logVerdict(target, verdict, found === 'drill' ? undefined : found), 'writing drills.log');
  } catch (error) {
    report.warn(`the verdict of ${id} is not in drills.log: ${messageOf(error)}`);
  }
}

/** Chooses a backup; one that is damaged is noted before its failure goes on, as `reread` notes it. */
export async function notingDamage<T>(
  target: Target,
  met: Pick<Damage, 'by' | 'where' | 'found'>,
  choosing: () => T,
  onHost: (() => Promise<Remote>) | undefined,
  report: Pick<Report, 'warn'>,
): Promise<T> {
  try {
    return choosing();
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    const { held } = error;
    const checks = [{ name: 'listing', good: false, found: held.fault ?? 'it is not whole' }];
    await noteDamage(target, { ...met, held, checks, says: '' }, onHost, report);
    throw error;
  }
}
