// Writes a drill's verdict down: beside the backup in its store, and in drills.log on the target's host.
import { Readable } from 'node:stream';
import type { Target } from '../../target/target.ts';
import { messageOf } from '../../errors.ts';
import { run } from '../../host/run.ts';
import { remoteOf } from '../../runtime/runtime-of.ts';
import { keyOf, type CompleteBackup } from '../catalog.ts';
import type { DrillContext } from './prove.ts';
import { logVerdict, renderVerdict, verdictName, type Verdict } from './verdict.ts';

/** @throws Failure when it cannot be written; on the host only when the drill was there */
export async function recordVerdict(
  { args, connect, report, signal }: DrillContext,
  target: Target,
  held: CompleteBackup,
  verdict: Verdict,
): Promise<void> {
  const body = Readable.from([Buffer.from(renderVerdict(verdict))]);
  await held.store.put(keyOf(target, held.id, verdictName(verdict)), body);
  try {
    await run(await remoteOf(target, { connect, signal }), logVerdict(target, verdict), 'writing drills.log');
  } catch (error) {
    // a drill elsewhere is for the day on which the server is gone
    if (!args.here) throw error;
    report.warn(`the verdict is not in drills.log: ${messageOf(error)}`);
  }
}
