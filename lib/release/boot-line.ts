// The one line in the crontab of the user who deploys: at boot it settles a plan that a reboot cut off.
import type { Target } from '../config/target.ts';
import { sh } from '../host/sh.ts';
import type { Facts } from './facts.ts';
import type { Plan, Step } from './plan.ts';

/** The plan with the boot line in front, where the runtime starts things at boot and cron can do it. */
export function withBootLine(target: Target, facts: Facts, plan: Plan): Plan {
  if (target.runtime.kind === 'process' || facts.bootLine || !facts.runtime.has('cron')) return plan;
  const home = `${target.paths.releases}/.keeper`;
  // cron reads % as a line break
  const line =
    `@reboot bash ${sh`${`${home}/keeper.sh`} settle ${home}`.text} # a deploy that a reboot cut off goes back`.replaceAll(
      '%',
      '\\%',
    );
  const step: Step = {
    title: 'Add the line that settles after a reboot to the crontab',
    // no undo: it does nothing unless there is something to settle, and the next deploy wants it again
    run: sh`exec 7<"$HOME" && flock 7 && { crontab -l 2>/dev/null || true; echo ${line}; } | crontab -`,
  };
  return { ...plan, steps: [step, ...plan.steps] };
}
