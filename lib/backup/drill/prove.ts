// One drill: restores a backup into scratch space, opens it, counts it, starts the app from it; its verdict is kept beside the backup and in drills.log.
import { secondsSince } from '../../duration.ts';
import type { Check } from '../../finding.ts';
import type { Target } from '../../target/target.ts';
import { thisMachine } from '../../target/host-settings.ts';
import { Failure, messageOf } from '../../errors.ts';
import { trialOf } from '../../database/postgres/restore-test.ts';
import { remoteOn, run } from '../../host/run.ts';
import { remoteOf } from '../../runtime/runtime-of.ts';
import { putText } from '../../store/store.ts';
import type { Context } from '../../task/context.ts';
import { fewObjects } from '../bucket/verify.ts';
import { keyOf, type CompleteBackup } from '../catalog.ts';
import { identityFor } from '../encryption.ts';
import { matcher } from '../restore/selection.ts';
import { baseAnywhere, baseOn, openScratch } from '../scratch.ts';
import { openBackup, toolsToOpen } from '../verify/open.ts';
import { verifyRoom } from '../verify/parts.ts';
import { withBad } from '../verify/record-damage.ts';
import { appChecks } from './app-checks.ts';
import { logVerdict, renderVerdict, verdictName, type Verdict } from './verdict.ts';

export type DrillContext = Pick<Context, 'connect' | 'environment' | 'report' | 'signal' | 'who'> & {
  args: { here: boolean; all: boolean };
};

/** @returns the verdict, and what is wrong with the backup when it is not good */
export async function proveBackup(
  context: DrillContext,
  target: Target,
  held: CompleteBackup,
): Promise<{ verdict: Verdict; bad: Failure | undefined }> {
  const { args, report } = context;
  const { parts, files } = held.manifest;
  const identity = await identityFor(target, held, context.environment);
  const way = await remoteOn(args.here ? thisMachine : target.host, context);
  const scratch = await openScratch(way.host, {
    base: args.here ? baseAnywhere : baseOn(target),
    tools: toolsToOpen(held.manifest, identity),
  });
  const { folder } = scratch;
  const checks: Check[] = [];
  const began = performance.now();
  let bad: Failure | undefined;
  let restored: number | undefined;
  try {
    verifyRoom(held, scratch.free, way.host.where, { packAtOnce: true });
    await openBackup(way, held, folder, report, checks, {
      parts,
      identity,
      unpack: true,
      sample: args.all ? Infinity : fewObjects,
      finder: matcher({ paths: files?.include ?? [], single: false }),
      trial: trialOf(target, args.here),
    });
    restored = performance.now();
    await appChecks(way, { target, held, folder, atHome: !args.here }, report, checks);
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== 7) throw error;
    bad = error;
  } finally {
    await scratch.end();
  }
  const verdict: Verdict = {
    version: 1,
    backup: held.id,
    store: held.store.name,
    time: new Date(scratch.now.getTime() + performance.now() - began).toISOString(),
    where: args.here ? 'another machine' : target.host.name,
    by: context.who,
    good: !bad,
    restoreSeconds: secondsSince(began, restored),
    checks: bad ? withBad(checks, bad.message) : checks,
  };
  return { verdict, bad };
}

/** @throws Failure when it cannot be written; on the host only when the drill was there */
export async function recordVerdict(
  { args, connect, report, signal }: DrillContext,
  target: Target,
  held: CompleteBackup,
  verdict: Verdict,
): Promise<void> {
  await putText(held.store, keyOf(target, held.id, verdictName(verdict)), renderVerdict(verdict));
  try {
    await run(await remoteOf(target, { connect, signal }), logVerdict(target, verdict), 'writing drills.log');
  } catch (error) {
    // a drill elsewhere is for the day on which the server is gone
    if (!args.here) throw error;
    report.warn(`the verdict is not in drills.log: ${messageOf(error)}`);
  }
}
