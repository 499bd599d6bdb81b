// The switches with one version at a time: the old one stops before the new one starts.
import { keepSnapshots, restoreStep, snapshotStep } from '../../database/snapshot.ts';
import { wayBack } from '../../health/previous-release.ts';
import { maintenanceStep, maintenanceOff } from '../../maintenance/maintenance.ts';
import { type Plan, type Step, type Finish, present } from '../../plan/step.ts';
import { isTied } from '../../proxy/site.ts';
import { routeBack } from '../../proxy/traffic.ts';
import type { Change } from '../../release/change.ts';
import { healthOf } from '../../release/colours.ts';
import { sha7 } from '../../release/release.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import type { Health } from '../../target/health-settings.ts';
import type { Target } from '../../target/target.ts';
import { prune } from '../prune-releases.ts';
import { passedBy, readyStep } from '../readiness.ts';
import { holdStep, letInStep } from './hold.ts';
import type { SwitchOptions } from './options.ts';

/** `maintenance` and `hold`: the old version is gone before the new one starts, and nothing else is in the window. */
export function oneAfterTheOther(target: Target, given: Change, options: SwitchOptions): Plan {
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
    facts.colour === 'green' && target.site && routeBack(target.site),
  ];
  const finish: (Finish | false | '' | undefined)[] = [
    // first of all: visitors are waiting
    site
      ? letInStep(site)
      : !on && { title: 'Maintenance off', run: maintenanceOff(maintenance), closesWindow: true as const },
    ...runtime.finalize(change),
    // the place that the last one had, when there are no colours any more
    was?.colour && runtime.colours && { title: `Remove ${was.colour}`, run: runtime.colours.stop(was) },
    (changesData || restores) && database && keepSnapshots(target, database, change),
    changesData && prune(target, facts, change),
  ];
  return { steps: present(steps), finish: present(finish).filter(step => step.skip === undefined) };
}
