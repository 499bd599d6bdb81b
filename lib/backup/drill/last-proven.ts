// When a backup was last proven restorable, from drills.log on the host: for status and the doctor; and the refusal of a deploy without one.
import { isBackupId, timeOf } from '../manifest.ts';
import { targetName, taskCommand } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { span, spanSince } from '../../duration.ts';
import { Failure } from '../../errors.ts';
import { sh, type Command } from '../../host/sh.ts';
import type { Facts } from '../../release/facts.ts';
import { readPairs } from '../../log-line.ts';
import { stateFile, readState } from '../../alert/state.ts';

/** One line of drills.log. */
export type Drilled = {
  time: Date;
  backup: string;
  /** When the backup itself was taken, by its name; the drill's time where the name does not say. */
  taken: Date;
  store: string;
  good: boolean;
  restoreSeconds: number | undefined;
  reason: string | undefined;
  /** What checked it, when it was no drill. */
  found?: 'verify' | 'restore';
};

export type Proof = {
  /** The newest good verdict of a backup that was not found damaged since. */
  proven: Drilled | undefined;
  /** The newest verdict, when it was bad. */
  failed: Drilled | undefined;
  /** When the last backup succeeded, as far as the host knows. */
  backedUp: Date | undefined;
};

/** Without a rule of ops.yml, what is older than a month is no news any more. */
const usual = 31 * 86_400;

/** On the host: a line per drill. */
export function drillsLog({ paths }: Target): string {
  return `${paths.releases}/drills.log`;
}

/** Lines of the facts question; nothing for a target without backups. */
export function proofQuestion(target: Target): Command | undefined {
  if (!target.backup) return undefined;
  return sh`tail -c 100000 ${drillsLog(target)} 2>/dev/null | fact drills; head -c 20000 ${stateFile(target)} 2>/dev/null | fact backups`;
}

/** undefined for a target without backups. */
export function proofOf(target: Target, facts: Pick<Facts, 'answers'>): Proof | undefined {
  if (!target.backup) return undefined;
  const drills = readDrills(facts.answers.get('drills') ?? '', target);
  const last = drills.at(-1);
  const good = readState(facts.answers.get('backups') ?? '').find(one => one.subject === 'backup')?.good;
  return {
    proven: standingProofs(drills).at(-1),
    failed: last?.good === false ? last : undefined,
    backedUp: good,
  };
}

/** Of verdicts, oldest first, the good ones of backups that were not found damaged since. */
export function standingProofs(drills: readonly Drilled[]): Drilled[] {
  const damaged = new Set<string>();
  const found = drills.toReversed().filter(({ good, backup, store }) => {
    if (!good) damaged.add(`${backup} ${store}`);
    return good && !damaged.has(`${backup} ${store}`);
  });
  return found.toReversed();
}

/** The drills of a log, oldest first; a line that is none is passed over. */
export function readDrills(text: string, { environment }: Pick<Target, 'environment'>): Drilled[] {
  return text.split('\n').flatMap(line => {
    const [, stamp = '', rest = ''] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)$/s.exec(line) ?? [];
    const time = new Date(stamp);
    const { env, backup, store = '', verdict, seconds, reason, found } = readPairs(rest);
    if (Number.isNaN(time.getTime()) || env !== environment || !backup) return [];
    if (verdict !== 'good' && verdict !== 'bad') return [];
    const restoreSeconds = seconds !== undefined && /^\d+(\.\d+)?$/.test(seconds) ? Number(seconds) : undefined;
    const good = verdict === 'good';
    const by: Pick<Drilled, 'found'> = found === 'verify' || found === 'restore' ? { found } : {};
    return [
      { time, backup, taken: isBackupId(backup) ? timeOf(backup) : time, store, good, restoreSeconds, reason, ...by },
    ];
  });
}

/** Whether the proven backup is as young as it should be, by the host's clock. */
export function isProven(target: Target, { proven }: Pick<Proof, 'proven'>, now: Date): boolean {
  const most = target.backup?.provenSeconds ?? usual;
  return proven !== undefined && now.getTime() - proven.taken.getTime() <= most * 1000;
}

/** `proven 3 h ago (20261121T030000Z-3f2c1a, restored in 19 s)` */
export function proofInWords({ proven, failed, backedUp }: Proof, now: Date): string {
  const ago = (time: Date) => `${spanSince(time, now)} ago`;
  const restored = (one: Drilled) => (one.restoreSeconds === undefined ? '' : `, restored in ${one.restoreSeconds} s`);
  return [
    proven ? `proven ${ago(proven.time)} (${proven.backup}${restored(proven)})` : 'never proven',
    failed && `the ${failed.found ?? 'drill'} of ${failed.backup} ${ago(failed.time)} was bad`,
    backedUp && `last backup ${ago(backedUp)}`,
  ]
    .filter(Boolean)
    .join('; ');
}

/** The same for programs. */
export function proofAsData(proof: Proof, target: Target, now: Date) {
  const told = (one: Drilled | undefined) =>
    one && {
      backup: one.backup,
      time: one.time.toISOString(),
      store: one.store,
      restoreSeconds: one.restoreSeconds,
      reason: one.reason,
      found: one.found ?? 'drill',
    };
  return {
    proven: told(proof.proven) ?? null,
    failed: told(proof.failed) ?? null,
    backedUp: proof.backedUp?.toISOString() ?? null,
    good: isProven(target, proof, now) && !proof.failed,
  };
}

/**
 * What ops.yml asks of the backups before a deploy. A target on which nothing serves yet has nothing to lose.
 * @returns what the override passed over, for the release's line. @throws Failure 1 without it.
 */
export function verifyRestorable(target: Target, facts: Facts, unproven: boolean): string | undefined {
  const proof = proofOf(target, facts);
  const most = target.backup?.provenSeconds;
  if (!proof || most === undefined || (!facts.current && !facts.linked)) return undefined;
  if (isProven(target, proof, facts.now)) return undefined;
  const { proven } = proof;
  const found = proven
    ? `the last proven backup is from ${spanSince(proven.taken, facts.now)} ago`
    : 'no backup was ever proven';
  if (unproven) return found;
  throw new Failure(1, `${targetName(target)} wants a proven backup from the last ${span(most)}, and ${found}`, {
    advice: `${taskCommand('backup', target)} && ${taskCommand('drill', target)}, then again; or override with --unproven`,
  });
}
