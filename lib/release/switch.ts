// The switch `maintenance`: the order in which a release takes over while visitors see a page that says so.
import type { Target } from '../config/target.ts';
import { explain, judge, waitUntilReady, waitUntilServing } from '../health/probes.ts';
import type { StepFailed } from '../host/keeper.ts';
import { lines, sh } from '../host/sh.ts';
import { maintenanceOff, maintenanceStep } from '../proxy/maintenance.ts';
import { siteSteps } from '../proxy/site.ts';
import { runtimeOf, type Change } from '../runtime/runtime.ts';
import { keepSnapshots, restoreStep, snapshotStep } from './database.ts';
import type { Facts } from './facts.ts';
import { goodReleases } from './log.ts';
import { sha7 } from './names.ts';
import type { Finish, Plan, Step } from './plan.ts';

/**
 * @param before steps that visitors do not notice: pulling, unpacking, checking
 * @param restores the snapshot that a rollback puts back
 * @param changesData whether the new release may change the database: snapshot, migration, and the way back for both
 */
export function maintenanceSwitch(
  target: Target,
  change: Change,
  {
    before,
    changesData,
    restores,
    why,
  }: { before: Step[]; changesData: boolean; restores?: string | undefined; why: string },
): Plan {
  const runtime = runtimeOf(target);
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
  return (_step, { code, answer }) =>
    code === 70 || code === 71 ? explain(target.health, sha, code, answer) : undefined;
}

/** Removes what no rollback can want any more. The set that stays is computed first. */
function prune(target: Target, facts: Facts, change: Change): Finish {
  const good = goodReleases(facts.log)
    .filter(one => one.sha !== change.next.sha)
    .map(one => one.release ?? `adopted_${sha7(one.sha)}`);
  const kept = new Set([...good.slice(-(target.keep - 1)), change.next.name, ...(change.was ? [change.was.name] : [])]);
  const path = (name: string) => `${target.paths.releases}/${name}`;
  const old = facts.folders.filter(name => !kept.has(name)).map(path);
  return {
    title: old.length === 1 ? 'Remove 1 old release' : `Remove ${old.length} old releases`,
    cleanup: true,
    ...(old.length === 0 ? { skip: 'none' } : {}),
    run: old.length ? runtimeOf(target).remove(old) : sh`true`,
  };
}
