// The @reboot line in the deploy user's crontab: at boot it undoes or finishes a plan that a reboot interrupted.
import type { Target } from '../target/target.ts';
import { addLine, cronLine, runOwn } from './crontab.ts';
import { sh, type Command } from '../host/sh.ts';
import type { Facts } from '../release/facts.ts';
import type { Plan, Step } from '../plan/step.ts';

/** The plan with the boot line in front, where the runtime starts things at boot and cron can do it. */
export function withBootLine(target: Target, facts: Facts, plan: Plan): Plan {
  if (target.runtime.kind === 'process' || facts.bootLine || !facts.answers.has('cron')) return plan;
  const step: Step = {
    title: 'Add the line that settles after a reboot to the crontab',
    // no undo: it does nothing unless there is something to settle, and the next deploy wants it again
    run: addLine(bootLine(target), atBoot(sh`bash ${keeperOf(target)} ${settle(target)}`)),
  };
  return { ...plan, steps: [step, ...plan.steps] };
}

/** Nothing has checked the keeper's file before it runs, so the line does. */
export function bootLine(target: Target): string {
  return atBoot(runOwn(keeperOf(target), settle(target)));
}

function atBoot(command: Command): string {
  return cronLine('@reboot', command, 'a deploy that a reboot cut off goes back');
}

function keeperOf(target: Target): string {
  return `${target.paths.releases}/.keeper/keeper.sh`;
}

function settle(target: Target): Command {
  return sh`settle ${`${target.paths.releases}/.keeper`}`;
}
