// How a release takes over: which switch, and for those with one version at a time the order of the steps.
import type { Target } from '../../target/target.ts';
import { siteSteps } from '../../proxy/site.ts';
import { whileProbing } from './public-probe.ts';
import { type Change } from '../../release/change.ts';
import { blueGreenSwitch } from './blue-green.ts';
import { type Plan } from '../../plan/step.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import { replacedByRuntime } from './self-replacing.ts';
import type { SwitchOptions } from './options.ts';
import { oneAfterTheOther } from './stop-first.ts';

/** The plan of the switch that ops.yml names, with the proof of what visitors saw. */
export function switchFor(target: Target, change: Change, options: SwitchOptions): Plan {
  if (runtimeOf(target).replaces) return replacedByRuntime(target, change, options);
  const plan =
    // two versions cannot share data while they are recreated
    target.switch === 'blue-green' && !options.fill
      ? blueGreenSwitch(target, change, options)
      : oneAfterTheOther(target, change, options);
  const whole = { ...plan, steps: [...siteSteps(target, change.facts), ...plan.steps] };
  return whileProbing(target, change.facts, change.id, whole);
}
