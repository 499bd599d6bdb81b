// After a lost connection or a keeper that was killed: asks the server what became of the attempt, and has it settled.
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Keeper } from '../host/keeper.ts';
import { askFacts } from './facts.ts';
import type { LogLine } from './log.ts';

/** How long to go on asking a server that does not answer, seconds. */
const PATIENCE_SECONDS = 25;

/**
 * The attempt's line in the log, as soon as nobody works on it any more. `settle` opens a keeper, which settles what is
 * left over. undefined: the server does not answer, or there is no line.
 * @throws Failure 6 when the leftover cannot be settled
 */
export async function aftermath(
  host: Host,
  target: Target,
  id: string,
  settle: () => Promise<Keeper>,
  signal: AbortSignal,
): Promise<LogLine | undefined> {
  for (const until = Date.now() + PATIENCE_SECONDS * 1000; Date.now() < until && !signal.aborted;) {
    try {
      const facts = await askFacts(host, target);
      if (facts.leftover === undefined) return facts.log.findLast(line => line.id === id);
      if (facts.holder === undefined) await (await settle()).quit();
    } catch (error) {
      if (!(error instanceof Failure) || error.exit === 6) throw error;
      if (error.exit !== 4 && error.exit !== 5) return undefined;
    }
    await new Promise(resolve => setTimeout(resolve, 700));
  }
  return undefined;
}
