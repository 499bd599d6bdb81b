// The step that waits until a version is ready.
import type { Target } from '../target/target.ts';
import type { Probe, Health } from '../target/health-settings.ts';
import { keepPassed } from '../release/passed-probes.ts';
import { judgeProbes, waitUntilReady, type AskedHealth } from '../health/probes.ts';
import { lines, sh } from '../host/sh.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { Facts } from '../release/facts.ts';
import type { Release } from '../release/release.ts';
import type { Step } from '../plan/step.ts';

/**
 * Waits until a release passes the probes of ops.yml. One that was live before may instead pass those that it passed then:
 * it does not change with ops.yml. `part` chooses those that a version in this place answers; `last`: when they are good, the
 * release is, and what it passed is kept.
 */
export function readyStep(
  target: Target,
  facts: Facts,
  next: Release,
  title: string,
  { part = given => given, last = true }: { part?: (health: Health) => Health; last?: boolean } = {},
): Step {
  const asked: AskedHealth = { ...part(target.health), passed: part(passedBy(target, facts, next)).probes };
  return {
    title,
    run: lines(
      runtimeOf(target).liveness(next),
      waitUntilReady(asked, next.sha),
      last &&
        sh`if [[ $good_set == today ]] && ! ( ${keepPassed(target, next, target.health.probes)} ); then echo 'which probes it passed could not be kept'; fi`,
    ),
    accept: judgeProbes(asked, next.sha),
    seconds: asked.deadlineSeconds + 60,
    probes: asked,
  };
}

/** The probes that a release passed when it went live, where they are others than today's; none when nobody knows. */
export function passedBy({ health }: Target, facts: Facts, { name }: Release): Health {
  const probes: Probe[] = facts.passed.get(name) ?? [];
  return { ...health, probes: JSON.stringify(probes) === JSON.stringify(health.probes) ? [] : probes };
}
