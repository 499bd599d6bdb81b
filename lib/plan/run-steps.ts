// A change on a target outside a deploy: under the same lock and with the same undo, but no attempt and no line in the release log.
import { targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { StepFailed } from './keeper/failures.ts';
import type { Keeper } from './keeper/protocol.ts';
import { openKeeper } from './keeper/open.ts';
import type { Result } from '../report/result.ts';
import type { PlanContext } from './context.ts';
import { pairs } from '../log-line.ts';
import type { Step } from './step.ts';
import { showUndos, shownSteps, type Progress } from './progress.ts';

export type StepsRequest = {
  /** What others who wait read: `action=certificate`. */
  action: string;
  steps: Step[];
  /** Explains why a step failed; undefined: its last lines are enough. `said` is what it printed. */
  explain?(step: Step, said: string[]): Failure | undefined;
};

/** Runs steps under the target's lock; when one fails, those that began are undone. @returns the plan, as --plan shows it. @throws Failure 1 undone · 5 locked · 6 an undo failed · 130/143 interrupted and undone */
export async function runSteps(
  around: PlanContext,
  host: Host,
  target: Target,
  { action, steps, explain }: StepsRequest,
): Promise<Result> {
  const plan = planOf(steps);
  if (around.args.plan) return plan;
  const { report, who, signal } = around;
  const keeper = await openKeeper(host, {
    releases: target.paths.releases,
    id: 'none',
    logHead: '',
    holder: pairs({ by: who, action }),
    client: who,
    appUser: undefined,
    wait: around.args.wait ?? 0,
    recover: taskCommand('recover', target),
  });
  const progress: Progress = { current: undefined, said: [] };
  keeper.begin(steps, []);
  try {
    await report.show(shownSteps(keeper, steps, signal, progress));
  } catch (error) {
    const failed = error instanceof StepFailed || signal.aborted || (error instanceof Failure && error.exit === 1);
    if (!failed) throw error; // the connection is gone, and the keeper undoes by itself
    await undo(keeper, steps, around, target);
    const { current, said } = progress;
    throw (error instanceof StepFailed && current && explain?.(current, said)) || error;
  }
  await keeper.quit();
  return plan;
}

async function undo(keeper: Keeper, steps: Step[], { report, signal }: PlanContext, target: Target): Promise<void> {
  keeper.abort(signal.aborted ? 'aborted' : 'reverted', '');
  const { failed } = await showUndos(keeper, steps, report);
  if ((await keeper.ended()) === 'stuck')
    throw new Failure(6, `an undo failed: ${targetName(target)} needs manual repair`, {
      ...(failed && { detail: failed.said.join('\n') }),
      advice: `repair what stopped it, then: ${taskCommand('recover', target)}`,
    });
}

function planOf(steps: Step[]): Result {
  return {
    text: steps
      .map(
        ({ title, skip, run }, at) =>
          `${at + 1}. ${title}${skip ? ` (skipped: ${skip})` : `\n   ${run.text.split('\n').join('\n   ')}`}`,
      )
      .join('\n'),
    json: {
      steps: steps.map(({ title, skip, run, undo }) => ({
        title,
        run: run.text,
        ...(skip && { skip }),
        ...(undo && { undo: undo.text }),
      })),
    },
  };
}
