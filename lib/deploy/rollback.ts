// Rollback: makes an earlier good release live again, without its database, or with it on request.
import { taskCommand } from '../target/command.ts';
import type { Config } from '../config/config.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Report } from '../report/report.ts';
import { surveyed } from '../runtime/compose/survey.ts';
import { type Change } from '../release/change.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { DeployRequest } from './request.ts';
import type { PlanContext } from '../plan/context.ts';
import { earlierRelease } from './rollback-target.ts';
import type { Facts } from '../release/facts.ts';
import { snapshotOf } from '../release/log.ts';
import { collectArtifacts, registryPassword } from './artifacts.ts';
import { sha7 } from '../release/release.ts';
import { verifyEnvironment } from './preflight.ts';
import { switchFor } from './switch/switch.ts';

/** `to`: a good release by SHA or name, otherwise the last one before the live one. `from`: only while that SHA is live. */
export function rollback(
  context: PlanContext & { environment: NodeJS.ProcessEnv; config(): Promise<Config> },
  host: Host,
  target: Target,
  { to, from, withDatabase = false }: { to?: string | undefined; from?: string; withDatabase?: boolean },
): DeployRequest {
  const runtime = runtimeOf(target);
  let sha = '';
  let name = '';
  return {
    action: 'rollback',
    // of a registry that does not answer, or a port that is taken, no older database is the remedy
    advice: step =>
      target.database && !withDatabase && step && (step.probes ?? step.title === `Start ${name}`)
        ? `when the older release does not know the database of today: ${taskCommand('rollback', target)} --with-database`
        : undefined,

    async choose(facts) {
      if (from && facts.current !== from)
        return { nothing: `${sha7(from)} no longer serves, so there is nothing to go back from` };
      const earlier = earlierRelease(target, facts, to);
      if ('already' in earlier) return earlier;
      verifyEnvironment(target, facts, context.report.warn);
      ({ sha, name } = earlier);
      if (withDatabase) sayWhatIsLost(context.report, facts, snapshotOrRefuse(target, facts, sha));
      return earlier;
    },

    async plan(change) {
      const here = change.facts.folders.includes(change.next.name);
      const whole = !here
        ? {
            ...(await collectArtifacts(target, change.next.sha, context.environment, context.args)),
            again: true as const,
          }
        : isHeld(target, change)
          ? {}
          : { ...(await registryPassword(target, context.environment, context.args)), again: true as const };
      const materials = await surveyed(context, host, target, change, whole);
      return switchFor(target, change, {
        before: here ? runtime.verify(change, materials) : runtime.prepare(change, materials),
        changesData: false,
        restores: withDatabase ? snapshotOrRefuse(target, change.facts, sha).file : undefined,
        why: `by ${context.who}: rollback to ${sha7(change.next.sha)}`,
      });
    },
  };
}

/** Whether the images of a release are on the host as they were; somebody may have removed all that no container runs. */
function isHeld({ runtime }: Target, { facts, next }: Change): boolean {
  if (runtime.kind !== 'compose') return true;
  return (facts.answers.get('held') ?? '').split('\n').some(tag => tag.startsWith(`${next.name}.`));
}

function snapshotOrRefuse(target: Target, facts: Facts, sha: string): { file: string; time: string } {
  const found = target.database && snapshotOf(facts.log, sha);
  if (found) return found;
  throw new Failure(2, `the log has no snapshot of the database from when ${sha7(sha)} was replaced`, {
    advice: 'without --with-database only the release goes back',
  });
}

function sayWhatIsLost(report: Report, facts: Facts, { time }: { time: string }): void {
  const minutes = Math.round((facts.now.getTime() - Date.parse(time)) / 60_000);
  report.warn(
    `the database goes back to ${time}: what was written in these ${minutes} minutes is lost (a snapshot of it is kept)`,
  );
}
