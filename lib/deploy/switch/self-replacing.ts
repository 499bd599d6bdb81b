// The switch of a runtime that moves visitors by itself: it starts the next version beside the live one, and stops that when it is healthy.
import { wayBack } from '../../health/previous-release.ts';
import { present, type Finish, type Plan, type Step } from '../../plan/step.ts';
import type { Change } from '../../release/change.ts';
import { sha7, samePlace } from '../../release/release.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import type { Target } from '../../target/target.ts';
import { prune } from '../prune-releases.ts';
import { passedBy, readyStep } from '../readiness.ts';
import type { SwitchOptions } from './options.ts';

export function replacedByRuntime(target: Target, change: Change, { before, changesData }: SwitchOptions): Plan {
  const { facts, next, was } = change;
  const runtime = runtimeOf(target);
  const again = samePlace(next, was);
  const steps: (Step | false | undefined)[] = [
    ...before,
    again && was && runtime.stop(change, wayBack(target.health, passedBy(target, facts, was).probes)),
    runtime.start(change),
    readyStep(target, facts, next, `Wait until ${sha7(next.sha)} is ready`),
  ];
  const finish: (Finish | false)[] = [...runtime.finalize(change), changesData && prune(target, facts, change)];
  return { steps: present(steps), finish: present(finish).filter(step => step.skip === undefined) };
}
