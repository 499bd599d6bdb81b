// How the failure of a step is told: its own words, what the program printed last, and what to try.
import type { Progress } from '../plan/progress.ts';
import { StepFailed } from '../plan/keeper/step-failed.ts';
import { Failure, messageOf } from '../errors.ts';
import type { Step } from '../plan/step.ts';
import type { DeployRequest } from './request.ts';

export function adviceAt(step: Step | undefined, { advice }: DeployRequest): string | undefined {
  return typeof advice === 'function' ? advice(step) : advice;
}

export type FailureText = { message: string; reason: string; detail?: string | undefined; advice?: string | undefined };

export function toldOf(error: unknown, { current: step, said }: Progress, intention: DeployRequest): FailureText {
  if (error instanceof StepFailed && step) {
    const explained = intention.explain?.(step, error);
    const tail = said.filter(line => line.trim()).slice(-12);
    if (explained) return { message: explained.message, reason: explained.message, detail: explained.detail };
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
