// The switch `maintenance`: the order in which a release takes over while visitors see a page that says so.
import type { Target } from '../config/target.ts';
import { explain, judge, waitUntilReady, waitUntilServing } from '../health/probes.ts';
import type { StepFailed } from '../host/keeper.ts';
import { lines } from '../host/sh.ts';
import { maintenanceOff, maintenanceStep } from '../proxy/maintenance.ts';
import { leaveGreen } from '../proxy/move.ts';
import { siteSteps } from '../proxy/site.ts';
import { runtimeOf, type Change } from '../runtime/runtime.ts';
import { blueGreenSwitch } from './blue-green.ts';
import { keepSnapshots, restoreStep, snapshotStep } from './database.ts';
import { sha7 } from './names.ts';
import type { Finish, Plan, Step } from './plan.ts';
import { prune } from './prune.ts';

/**
 * @param before steps that visitors do not notice: pulling, unpacking, checking
 * @param restores the snapshot that a rollback puts back
 * @param changesData whether the new release may change the database: snapshot, migration, and the way back for both
 */
export function maintenanceSwitch(
  target: Target,
  given: Change,
  options: { before: Step[]; changesData: boolean; restores?: string | undefined; why: string },
): Plan {
  if (target.switch === 'blue-green') return blueGreenSwitch(target, given, options);
  const { before, changesData, restores, why } = options;
  const runtime = runtimeOf(target);
  // a target that was switched blue-green before comes back to its one place
  const change = { ...given, next: { ...given.next, colour: undefined } };
  const { facts, next, was } = change;
  const { database, migrate, maintenance } = target;
  const on = facts.flag !== undefined;

  const steps: (Step | false | '' | undefined)[] = [
    ...siteSteps(target, facts),
    ...before,
    maintenanceStep(maintenance, on, why),
    was && runtime.stop(change, waitUntilServing(target.health)),
    (changesData || restores) && database && snapshotStep(target, database, change),
    restores && database && restoreStep(target, database, restores),
    changesData && migrate && runtime.migrate(change, migrate.command, migrate.service, migrate.seconds),
    runtime.start(change),
    readyStep(target, change),
    facts.colour === 'green' && target.site && leaveGreen(target.site),
  ];
  const finish: (Finish | false | '' | undefined)[] = [
    ...runtime.settleIn(change),
    !on && { title: 'Maintenance off', run: maintenanceOff(maintenance) },
    (changesData || restores) && database && keepSnapshots(target, database, change),
    changesData && prune(target, facts, change),
  ];
  return { steps: present(steps), finish: present(finish).filter(step => step.skip === undefined) };

  function readyStep(target: Target, change: Change): Step {
    const { health } = target;
    return {
      title: `Wait until ${sha7(next.sha)} is ready`,
      run: lines(runtimeOf(target).vitals(change.next), waitUntilReady(health, next.sha)),
      judge: judge(health, next.sha, Date.now() + 1000 * (600 + health.deadlineSeconds)),
      seconds: health.deadlineSeconds + 60,
    };
  }
}

function present<T extends object>(list: (T | false | '' | undefined)[]): T[] {
  return list.flatMap(one => one || []);
}

/** Why a wait ended without a ready release. */
export function explainWait(
  target: Target,
  sha: string,
): (step: Step, error: StepFailed) => { message: string; detail: string } | undefined {
  return (step, { code, answer }) =>
    code === 70 || code === 71 ? explain(step.asks ?? target.health, sha, code, answer) : undefined;
}
