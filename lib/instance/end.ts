// Ends an instance now, or extends one that is live.
import type { Target } from '../target/target.ts';
import { nameOf, targetName, taskCommand } from '../target/command.ts';
import { span } from '../duration.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { PlanContext } from '../plan/context.ts';
import { runSteps } from '../plan/run-steps.ts';
import { sha7 } from '../release/release.ts';
import type { Result } from '../report/result.ts';
import type { InstanceFacts } from './lease.ts';
import { minuteOf } from './list.ts';
import { downStep, extendStep } from './steps.ts';
import { copyOf, instancesFolder, urlOf } from './target.ts';

/** Changes of a live instance have a lock of their own, so that they do not wait for a deploy of the base. */
function withOwnLock(base: Target): Target {
  return { ...base, paths: { ...base.paths, releases: instancesFolder(base) } };
}

export async function removeInstance(
  context: PlanContext,
  host: Host,
  base: Target,
  { leases }: InstanceFacts,
  name: string,
): Promise<Result> {
  if (!leases.some(lease => lease.name === name))
    context.report.warn(`${targetName(base)} has no instance ${name}; removing what may be left of one`);
  const steps = [downStep(base, name)];
  const shown = await runSteps(context, host, withOwnLock(base), { action: 'instance-down', steps });
  if (context.args.plan) return shown;
  const json = { ...nameOf(base), name, gone: true };
  return { text: `${name} is removed with everything it had`, json };
}

/** `ttl` in seconds from now. @throws Failure 2 when there is none of that name */
export async function extendInstance(
  context: PlanContext,
  host: Host,
  base: Target,
  { leases, now }: InstanceFacts,
  { name, ttl }: { name: string; ttl: number },
): Promise<Result> {
  const was = leases.find(lease => lease.name === name);
  if (!was)
    throw new Failure(2, `${targetName(base)} has no instance ${name}`, {
      advice: `${leases.length ? `there is ${leases.map(lease => lease.name).join(', ')}; ` : ''}${taskCommand(`instance up --name ${name}`, base)}`,
    });
  const steps = [extendStep(base, was, now + ttl)];
  const shown = await runSteps(context, host, withOwnLock(base), { action: 'instance-extend', steps });
  if (context.args.plan) return shown;
  const [url, end] = [urlOf(copyOf(base, name, was.ports)), minuteOf(now + ttl)];
  return {
    text: `${name} serves ${was.sha ? sha7(was.sha) : 'nothing yet'} at ${url} until ${end}, for ${span(ttl)} from now`,
    json: { ...nameOf(base), name, url, end, sha: was.sha },
  };
}
