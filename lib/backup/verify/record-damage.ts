// Records damage found before or outside of a drill (listing, `backups verify`, restore): a verdict beside the backup and in drills.log.
import type { Check } from '../../finding.ts';
import type { Target } from '../../target/target.ts';
import { messageOf } from '../../errors.ts';
import { putText } from '../../store/store.ts';
import type { Report } from '../../report/report.ts';
import type { Context } from '../../task/context.ts';
import { choose, Damaged, keyOf, type CompleteBackup, type StoredBackup } from '../catalog.ts';
import { backupsOf, openStores, readAt } from '../settings.ts';
import { run, type Remote } from '../../host/run.ts';
import { logVerdict, renderVerdict, verdictName, type Verdict } from '../drill/verdict.ts';

export type Damage = {
  held: StoredBackup;
  /** The checks made until then. */
  checks: readonly Check[];
  /** The message, for damage that no check names. */
  says: string;
  by: string;
  where: string;
  /** What found it. */
  found: 'verify' | 'restore' | 'drill';
};

/** The checks, with at least one bad: one with the message itself when no check failed. */
export function withBad(checks: readonly Check[], says: string): Check[] {
  return checks.every(check => check.good) ? [...checks, { name: 'opened', good: false, found: says }] : [...checks];
}

/**
 * Damage that is already in the newest verdict is not written again. If it cannot be written, that is only a warning: who
 * only verifies may have a read-only key, and the host may be gone. `onHost` undefined: the host is not asked.
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
    await putText(store, keyOf(target, id, verdictName(verdict)), renderVerdict(verdict));
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

type ChoosingContext = Pick<Context, 'connect' | 'environment' | 'positionals' | 'report' | 'signal'> & {
  args: { at: string | undefined; store: string | undefined };
};

/**
 * The backup that a person means. Damage that its listing shows is recorded, as by `reread`, before its failure is thrown;
 * `met` undefined: nothing is written.
 */
export async function chooseBackup(
  context: ChoosingContext,
  target: Target,
  met: Pick<Damage, 'by' | 'where' | 'found'> | undefined,
  onHost: (() => Promise<Remote>) | undefined,
): Promise<CompleteBackup> {
  const { args, positionals, report } = context;
  const at = args.at === undefined ? undefined : readAt(args.at);
  const all = await backupsOf(await openStores(target, context, args.store), target);
  try {
    return choose(all, { id: positionals[0], at }, target);
  } catch (error) {
    if (!(error instanceof Damaged) || !met) throw error;
    const { held } = error;
    const checks = [{ name: 'listing', good: false, found: held.fault ?? 'it is not whole' }];
    await noteDamage(target, { ...met, held, checks, says: '' }, onHost, report);
    throw error;
  }
}
