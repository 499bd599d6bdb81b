// How a release takes over: which switch, and for those with one version at a time the order of the steps.
import type { Health, Target } from '../../target/target.ts';
import { wayBack } from '../../health/previous.ts';
import { holdStep, letInStep } from './hold.ts';
import { maintenanceOff, maintenanceStep } from '../../maintenance/maintenance.ts';
import { leaveGreen } from '../../proxy/traffic.ts';
import { isTied, siteSteps } from '../../proxy/site.ts';
import { withVisits } from './public-probe.ts';
import { runtimeOf, type Change } from '../../runtime/runtime.ts';
import { blueGreenSwitch } from './blue-green.ts';
import { keepSnapshots, restoreStep, snapshotStep } from '../../database/snapshot.ts';
import { sha7 } from '../../release/release.ts';
import { present, type Finish, type Plan, type Step } from '../../plan/step.ts';
import { prune } from '../prune-releases.ts';
import { healthOf } from '../../release/colours.ts';
import { passedBy, readyStep } from '../readiness.ts';

export type SwitchOptions = {
  /** Steps that visitors do not notice: pulling, unpacking, checking. */
  before: Step[];
  /** Whether the new release may change the database: snapshot, migration, and the way back for both. */
  changesData: boolean;
  /** The snapshot that a rollback puts back. */
  restores?: string | undefined;
  /** What the maintenance flag says for people who look at it. */
  why: string;
  /** While nothing runs: what makes the data anew, around the migration; `migrates` is for data that come from another time. */
  fill?: { first: Step[]; last: Step[]; migrates?: true };
};

/** The plan of the switch that ops.yml names, with the proof of what visitors saw. */
export function switchFor(target: Target, change: Change, options: SwitchOptions): Plan {
  const plan =
    // data that are made anew cannot be shared by two versions meanwhile
    target.switch === 'blue-green' && !options.fill
      ? blueGreenSwitch(target, change, options)
      : oneAfterTheOther(target, change, options);
  const whole = { ...plan, steps: [...siteSteps(target, change.facts), ...plan.steps] };
  return withVisits(target, change.facts, change.id, whole);
}

/** `maintenance` and `hold`: the old version is gone before the new one starts, and nothing else is in the window. */
function oneAfterTheOther(target: Target, given: Change, options: SwitchOptions): Plan {
  const { before, changesData, restores, why, fill } = options;
  const runtime = runtimeOf(target);
  // a target that was switched blue-green before comes back to its one place
  const change = { ...given, next: { ...given.next, colour: undefined } };
  const { facts, next, was } = change;
  const { database, migrate, maintenance, health } = target;
  const on = facts.flag !== undefined;
  const served = (asked: Health) => healthOf(asked, target.site, was?.colour);
  // a proxy that does not read our site knows of no waiting: the flag is what an older configuration may test
  const site = target.switch === 'hold' && isTied(facts) ? target.site : undefined;

  const steps: (Step | false | '' | undefined)[] = [
    ...before,
    site ? holdStep(target, site, on) : maintenanceStep(maintenance, on, why),
    was && runtime.stop(change, wayBack(served(health), served(passedBy(target, facts, was)).probes)),
    (changesData || restores) && database && snapshotStep(target, database, change),
    restores && database && restoreStep(target, database, change, restores),
    ...(fill?.first ?? []),
    (changesData || fill?.migrates) &&
      migrate &&
      runtime.migrate(change, migrate.command, migrate.service, migrate.seconds),
    ...(fill?.last ?? []),
    runtime.start(change),
    readyStep(target, facts, next, `Wait until ${sha7(next.sha)} is ready`),
    facts.colour === 'green' && target.site && leaveGreen(target.site),
  ];
  const finish: (Finish | false | '' | undefined)[] = [
    // first of all: visitors are waiting
    site
      ? letInStep(site)
      : !on && { title: 'Maintenance off', run: maintenanceOff(maintenance), closesWindow: true as const },
    ...runtime.settleIn(change),
    (changesData || restores) && database && keepSnapshots(target, database, change),
    changesData && prune(target, facts, change),
  ];
  return { steps: present(steps), finish: present(finish).filter(step => step.skip === undefined) };
}
