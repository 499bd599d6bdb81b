// The step that waits until a version is ready, and why one never was.
import type { Health, Target } from '../config/target.ts';
import { explain, judge, waitUntilReady } from '../health/probes.ts';
import type { StepFailed } from '../host/conversation.ts';
import { lines } from '../host/sh.ts';
import { runtimeOf } from '../runtime/runtime.ts';
import type { Release } from './names.ts';
import type { Step } from './plan.ts';

/** `probes`: the target's, or those of them that a version in this place answers. */
export function readyStep(target: Target, next: Release, title: string, probes: Health = target.health): Step {
  return {
    title,
    run: lines(runtimeOf(target).vitals(next), waitUntilReady(probes, next.sha)),
    judge: judge(probes, next.sha, Date.now() + 1000 * (600 + probes.deadlineSeconds)),
    seconds: probes.deadlineSeconds + 60,
    asks: probes,
  };
}

/** Why a wait ended without a ready release. */
export function explainWait(
  target: Target,
  sha: string,
): (step: Step, error: StepFailed) => { message: string; detail: string } | undefined {
  return (step, { code, answer }) =>
    code === 70 || code === 71 ? explain(step.asks ?? target.health, sha, code, answer) : undefined;
}
