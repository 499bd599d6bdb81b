// The one line in the crontab of the user who deploys: at boot it settles a plan that a reboot cut off.
import type { Target } from '../config/target.ts';
import { addLine, cronLine } from '../cron/crontab.ts';
import { sh } from '../host/sh.ts';
import type { Facts } from './facts.ts';
import type { Plan, Step } from './plan.ts';

/** The plan with the boot line in front, where the runtime starts things at boot and cron can do it. */
export function withBootLine(target: Target, facts: Facts, plan: Plan): Plan {
  if (target.runtime.kind === 'process' || facts.bootLine || !facts.runtime.has('cron')) return plan;
  const home = `${target.paths.releases}/.keeper`;
  const line = cronLine(
    '@reboot',
    sh`bash ${`${home}/keeper.sh`} settle ${home}`,
    'a deploy that a reboot cut off goes back',
  );
  const step: Step = {
    title: 'Add the line that settles after a reboot to the crontab',
    // no undo: it does nothing unless there is something to settle, and the next deploy wants it again
    run: addLine(line),
  };
  return { ...plan, steps: [step, ...plan.steps] };
}
