// The switch `blue-green`: the next version starts beside the live one, and visitors move when it is ready.
import { targetName, taskCommand } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { lines } from '../../host/sh.ts';
import { drain, routeTo } from '../../proxy/traffic.ts';
import { isTied } from '../../proxy/site.ts';
import { type Change } from '../../release/change.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import { otherColour, probesAround, type Colour } from '../../release/colours.ts';
import { keepSnapshots, liveSnapshotStep } from '../../database/snapshot.ts';
import { sha7 } from '../../release/release.ts';
import { present, type Finish, type Plan, type Step } from '../../plan/step.ts';
import { prune } from '../prune-releases.ts';
import { passedBy, readyStep } from '../readiness.ts';
import type { SwitchOptions } from './options.ts';

/** Finishing steps have 300 s each, and the app needs some of them to stop. */
const longestDrain = 240;

/** Takes what switchFor takes. @throws Failure 2 or 3 for what cannot be done with two versions at once. */
export function blueGreenSwitch(
  target: Target,
  change: Change,
  { before, changesData, restores }: SwitchOptions,
): Plan {
  const { site, database, migrate, health } = target;
  const runtime = runtimeOf(target);
  const { colours } = runtime;
  const who = targetName(target);
  if (!site || !colours)
    throw new Failure(3, `${who} cannot be switched blue-green: it needs site, and compose or systemd`);
  if (restores)
    throw new Failure(
      2,
      `${who} cannot put back a database while the switch is blue-green: the old version writes on`,
      {
        advice: 'set switch: maintenance in ops.yml for this rollback, or go back without --with-database',
      },
    );
  if (site.drainSeconds > longestDrain)
    throw new Failure(
      3,
      `${who}: site.drain is ${site.drainSeconds} s, and a blue-green switch waits at most ${longestDrain} s`,
    );

  if (!isTied(change.facts))
    throw new Failure(1, `${site.proxy} does not read the site of ${who} yet, so visitors could not be moved`, {
      advice: `${taskCommand('site apply', target)} says what to type as root`,
    });

  // what served before there were colours has blue's ports
  const { was } = change;
  const colour: Colour = was ? otherColour(was.colour ?? 'blue') : 'blue';
  const left: Colour = otherColour(colour);
  const next = { ...change.next, colour };
  const ours: Change = { ...change, next };
  const asked = probesAround(health, site, colour);
  if (!asked.before.probes.length)
    throw new Failure(
      3,
      `${who} has no probe at a port of site.upstreams, so nothing could tell that ${colour} is ready`,
      {
        advice: `health: ready: http://127.0.0.1:${site.upstreams[0]?.port ?? 4000}/…`,
      },
    );

  // a release that went live before without such a probe does so again
  const passed = passedBy(target, change.facts, next).probes;
  const asksVisitors =
    asked.after.probes.length > 0 &&
    (!passed.length || probesAround({ ...health, probes: passed }, site, colour).after.probes.length > 0);

  const steps: (Step | false | undefined)[] = [
    ...before,
    colours.start(ours, site),
    changesData && database && liveSnapshotStep(target, database, ours),
    changesData && migrate && runtime.migrate(ours, migrate.command, migrate.service, migrate.seconds),
    { ...runtime.start(ours), probed: true },
    readyStep(target, change.facts, next, `Wait until ${sha7(next.sha)} is ready (${colour})`, {
      part: one => probesAround(one, site, colour).before,
      last: !asksVisitors,
    }),
    {
      title: `Route traffic to ${colour}`,
      run: lines(routeTo(site, colour), colours.route(next)),
      // who came in the meantime is served to the end before the candidate goes
      undo: lines(was && colours.route(was), routeTo(site, was ? left : 'blue'), was && drain(site, colour)),
      seconds: 60,
    },
    asksVisitors &&
      readyStep(target, change.facts, next, `Ask ${sha7(next.sha)} the way visitors do`, {
        part: one => probesAround(one, site, colour).after,
      }),
  ];
  const finish: (Finish | false | undefined)[] = [
    ...runtime.finalize(ours),
    was && {
      title: `Drain and stop ${was.name}`,
      // the next deploy takes away what is left there, and no boot starts it
      cleanup: true,
      run: lines(drain(site, left), colours.stop(was)),
    },
    changesData && database && keepSnapshots(target, database, ours),
    changesData && prune(target, change.facts, ours),
  ];
  return { steps: present(steps), finish: present(finish).filter(step => step.skip === undefined) };
}
