// The plan that makes a release live: find what it needs, prepare or verify it beside the live release, then switch.
import type { Target } from '../target/target.ts';
import type { Host } from '../host/host.ts';
import type { Plan } from '../plan/step.ts';
import type { Change } from '../release/change.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import { surveyed, type SurveyContext } from '../runtime/compose/survey.ts';
import { collectMaterials } from './artifacts.ts';
import type { SwitchOptions } from './switch/options.ts';
import { switchFor } from './switch/switch.ts';

/** A release that is not on the host yet. @throws Failure 2 without its commit, 3 without its compose file or a secret */
export async function planNewRelease(
  context: SurveyContext & { args: { plan: boolean } },
  host: Host,
  target: Target,
  change: Change,
  options: Omit<SwitchOptions, 'before' | 'changesData'>,
): Promise<Plan> {
  const before = runtimeOf(target).prepare(change, await collectMaterials(context, host, target, change));
  return switchFor(target, change, { before, changesData: true, ...options });
}

/** One whose folder and images are on the host. */
export async function planSameRelease(
  context: SurveyContext,
  host: Host,
  target: Target,
  change: Change,
  options: Omit<SwitchOptions, 'before'>,
): Promise<Plan> {
  const before = runtimeOf(target).verify(change, await surveyed(context, host, target, change, {}));
  return switchFor(target, change, { before, ...options });
}
