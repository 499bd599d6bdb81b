// Creates an instance, or deploys another commit to it: its ports and its end time are on the server before anything else.
import type { Target } from '../target/target.ts';
import type { InstanceData } from '../target/instance-settings.ts';
import { nameOf, targetName, taskCommand } from '../target/command.ts';
import { attempt } from '../deploy/attempt.ts';
import { planNewRelease } from '../deploy/plan-release.ts';
import { verifyDisk, verifyEnvironment } from '../deploy/preflight.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { PlanContext } from '../plan/context.ts';
import { releaseAt, sha7 } from '../release/release.ts';
import type { Result } from '../report/result.ts';
import { fillSteps, seedOf, verifySeedable } from '../seed/fill.ts';
import type { Users } from '../seed/users.ts';
import type { Context } from '../task/context.ts';
import { verifyPlace } from './checks.ts';
import { portsFor, type InstanceFacts } from './lease.ts';
import { minuteOf } from './list.ts';
import { createSteps } from './steps.ts';
import { copyOf, urlOf } from './target.ts';

export type CreateContext = PlanContext &
  Pick<Context, 'config' | 'environment'> & { args: { data: InstanceData | undefined; users: string | undefined } };

/** `end` in seconds since 1970. @throws Failure 1 or 2 for what speaks against it, before anything is changed */
export async function createInstance(
  context: CreateContext,
  host: Host,
  base: Target,
  { facts, leases, now }: InstanceFacts,
  { name, sha, end }: { name: string; sha: string; end: number },
): Promise<Result> {
  const { args, who } = context;
  const was = leases.find(lease => lease.name === name);

  // Pre-flight. No impact yet.
  verifyPlace(base, facts);
  const ports = portsFor(base, name, leases);
  const copy = copyOf(base, name, ports);
  const mark = { name, end, made: was?.made ?? now, ports, by: who };
  const data = args.data ?? base.instances?.data ?? 'empty';
  if (was && args.data !== undefined)
    throw new Failure(2, `${name} has its data already`, {
      advice: `leave out --data, or first: ${taskCommand(`instance down --name ${name}`, base)}`,
    });
  if (data === 'snapshot' && base.database?.kind !== 'sqlite')
    throw new Failure(2, `${targetName(base)} has no SQLite database in ops.yml to copy`, {
      advice: 'leave out --data snapshot',
    });
  const fill = was || data !== 'seed' ? undefined : { seed: seedOf(base), users: await usersOf(args.users) };
  if (!fill && args.users !== undefined) throw new Failure(2, '--users goes with --data seed');
  if (fill) verifySeedable(base, facts);
  if (!was) verifyEnvironment(base, facts);

  const done = await attempt(context, host, copy, {
    action: 'deploy',
    advice: `what a first release leaves is taken away within a minute; then try again: ${taskCommand(`instance up --name ${name}`, base)}`,

    async choose(own) {
      if (Boolean(was?.sha) !== Boolean(own.current))
        throw new Failure(1, `${name} was made or ended by another run just now`, {
          advice: taskCommand('instance list', base),
        });
      if (was) verifyEnvironment(copy, own);
      verifyDisk(base, facts);
      return releaseAt(copy.paths.releases, own.now, sha, own.folders);
    },

    // Let's go. Start impacting things.
    async plan(change) {
      const { steps, finish } = await planNewRelease(context, host, copy, change, {
        // there is nothing to empty yet
        ...(fill && { fill: { ...fillSteps(copy, fill.seed, change, fill.users), first: [] } }),
        why: `by ${who}: ${sha7(sha)}`,
      });
      return {
        steps: [...createSteps({ base, copy, mark, was, data, patience: args.wait ?? 60 }), ...steps],
        finish,
      };
    },
  });
  if (args.plan) return done;
  const url = urlOf(copy);
  return {
    text: `${done.text}\n${url} until ${minuteOf(end)}, when the server itself ends it`,
    json: { ...nameOf(base), name, url, end: minuteOf(end), ports, sha, deploy: done.json },
  };
}

async function usersOf(file: string | undefined): Promise<Users> {
  const { readUsers } = await import('../seed/users.ts');
  return readUsers(file);
}
