// Reverts a deploy after a step failed or was interrupted: the undos, shown one by one, and the message about them.
import { Failure, messageOf } from '../errors.ts';
import { explainProbes } from '../health/probes.ts';
import { StepFailed } from '../plan/keeper/failures.ts';
import type { Step } from '../plan/step.ts';
import type { Outcome } from '../plan/keeper/keeper.ts';
import { showUndos, type Progress, type Undone } from '../plan/progress.ts';
import { sha7 } from '../release/release.ts';
import { targetName, taskCommand } from '../target/command.ts';
import type { DeployRequest, PlanRun } from './request.ts';

/** @returns what is to be thrown. Rejects with the Failure of a connection or a keeper that went meanwhile. */
export async function revert(run: PlanRun, progress: Progress, error: unknown): Promise<unknown> {
  const { around, ready, keeper } = run;
  const interrupted = around.signal.aborted;
  const told = toldOf(error, progress, run);
  keeper.abort(
    interrupted ? 'aborted' : 'reverted',
    interrupted ? `interrupted during: ${progress.current?.title ?? 'the start'}` : told.reason,
  );
  const undone = await showUndos(keeper, ready.plan.steps, around.report);
  return endOf(run, progress, await keeper.ended(), told, undone);
}

function endOf(
  { around, target, intention, ready }: PlanRun,
  progress: Progress,
  outcome: Outcome,
  told: FailureText,
  { failed, back }: Undone,
): unknown {
  if (outcome === 'stuck')
    return new Failure(6, `${told.message}; and then an undo failed: ${targetName(target)} needs manual repair`, {
      detail: [told.detail, failed && `the undo of “${failed.title}” said:`, ...(failed?.said ?? [])]
        .filter(Boolean)
        .join('\n'),
      advice: `repair what stopped the undo, then: ${taskCommand('recover', target)}; with --plan it shows what is left, and maintenance stays on until then`,
    });
  if (around.signal.aborted) return around.signal.reason;
  const { was } = ready.change;
  const stays = !was
    ? back.join('; ') || 'nothing was left behind'
    : back.length
      ? `${sha7(was.sha)} is back, but ${back.join('; ')}`
      : `${sha7(was.sha)} is still live`;
  return new Failure(1, `${told.message} (${outcome}: ${stays})`, {
    ...(told.detail ? { detail: told.detail } : {}),
    advice: told.advice ?? adviceAt(progress.current, intention) ?? `${taskCommand('logs', target)}, then deploy again`,
  });
}

function adviceAt(step: Step | undefined, { advice }: DeployRequest): string | undefined {
  return typeof advice === 'function' ? advice(step) : advice;
}

type FailureText = { message: string; reason: string; detail?: string | undefined; advice?: string | undefined };

function toldOf(error: unknown, { current: step, said }: Progress, { target, ready }: PlanRun): FailureText {
  if (error instanceof StepFailed && step) {
    const { code, answer } = error;
    if (code === 70 || code === 71) {
      const why = explainProbes(step.probes ?? target.health, ready.change.next.sha, code, answer);
      return { ...why, reason: why.message };
    }
    const tail = said.filter(line => line.trim()).slice(-12);
    // the name of the command, and tar's last word, tell nothing of the cause
    const last = tail.findLast(line => !/^this failed: |Exiting with failure status/.test(line)) ?? tail.at(-1);
    return {
      message: `${step.title}: ${error.message}`,
      reason: `${step.title}: ${error.message}${last ? `: ${last}` : ''}`.slice(0, 400),
      detail: tail.join('\n'),
    };
  }
  if (error instanceof Failure)
    return { message: error.message, reason: error.message, detail: error.detail, advice: error.advice };
  return { message: messageOf(error), reason: messageOf(error) };
}
