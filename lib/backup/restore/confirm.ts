// The confirmation that protects production's data from a restore by mistake.
import { createInterface } from 'node:readline/promises';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import type { Context } from '../../task/context.ts';

/** @throws Failure 2 when the person does not say, by flag or by hand, that this target is meant. */
export async function confirmRestore(
  target: Target,
  said: string | undefined,
  what: string,
  { input, errors, report, signal }: Pick<Context, 'input' | 'errors' | 'report' | 'signal'>,
): Promise<void> {
  const name = `${target.app}-${target.environment}`;
  if (said !== undefined && said !== name)
    throw new Failure(2, `--confirm says ${said}, and this is ${name}: nothing was changed`);
  if (said === name || !target.environment.startsWith('prod')) return;
  report.warn(what);
  if (!input.isTTY)
    throw new Failure(2, `${name} is production: its data are only replaced by who says so`, {
      advice: `add --confirm ${name}, or run it in a terminal and type the name`,
    });
  const asking = createInterface({ input, output: errors });
  try {
    const typed = await asking.question(`type ${name} to confirm: `, { signal });
    if (typed.trim() !== name) throw new Failure(2, 'that is another name: nothing was changed');
  } finally {
    asking.close();
  }
}
