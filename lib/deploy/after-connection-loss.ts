// After a lost connection or a killed keeper: asks the server how the attempt ended, and has it undone or finished.
import { setTimeout as pause } from 'node:timers/promises';
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Keeper } from '../plan/keeper/protocol.ts';
import { askFacts } from './ask-facts.ts';
import type { LogLine } from '../release/log.ts';

/** How long to go on asking a server that does not answer, seconds. */
const PATIENCE_SECONDS = 25;
/** How long to watch one that answers and is still at it: an undo is tried for a while. */
const BUSY_SECONDS = 240;

/**
 * The attempt's line in the log, as soon as nobody works on it any more. `settle` opens a keeper, which settles what is
 * left over. undefined: the server does not answer, or there is no line.
 * @throws Failure 6 when the leftover cannot be settled; 4 when the server is still ending the attempt
 */
export async function afterLoss(
  host: Host,
  target: Target,
  id: string,
  settle: () => Promise<Keeper>,
  signal: AbortSignal,
): Promise<LogLine | undefined> {
  const from = Date.now();
  let answered = from;
  let holder: string | undefined;
  const goesOn = () => Date.now() - answered < PATIENCE_SECONDS * 1000 && Date.now() - from < BUSY_SECONDS * 1000;
  while (goesOn() && !signal.aborted) {
    try {
      const facts = await askFacts(host, target);
      answered = Date.now();
      holder = facts.holder;
      if (facts.leftover === undefined) return facts.log.findLast(line => line.id === id);
      if (holder === undefined) await (await settle()).quit();
    } catch (error) {
      if (!(error instanceof Failure) || error.exit === 6) throw error;
      if (error.exit !== 4 && error.exit !== 5) return undefined;
    }
    await pause(700);
  }
  if (holder === undefined) return undefined;
  throw new Failure(4, `${host.name} still works on the attempt: ${holder}`, {
    advice: `it frees the target when it is done: ${taskCommand('releases', target)} tells how it ended`,
  });
}
