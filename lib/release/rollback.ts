// Going back: the release that was good before, put live again without its database, or with it when that was asked for.
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import type { Report } from '../report.ts';
import { runtimeOf } from '../runtime/runtime.ts';
import type { Intention, Surroundings } from './attempt.ts';
import { earlierRelease } from './earlier.ts';
import type { Facts } from './facts.ts';
import { snapshotOf } from './log.ts';
import { gather } from './materials.ts';
import { sha7 } from './names.ts';
import { verifyEnvironment } from './preflight.ts';
import { explainWait } from './ready.ts';
import { switchFor } from './switch.ts';

/** `to`: a good release by SHA or name, otherwise the last one before the one that serves. `from`: only while that SHA serves. */
export function rollback(
  context: Surroundings & { environment: NodeJS.ProcessEnv },
  target: Target,
  { to, from, withDatabase = false }: { to?: string | undefined; from?: string; withDatabase?: boolean },
): Intention {
  const runtime = runtimeOf(target);
  let sha = '';
  return {
    action: 'rollback',
    advice:
      target.database && !withDatabase
        ? `when the older release does not know the database of today: npx tsx tasks/rollback.ts --env ${target.environment} --with-database`
        : undefined,
    explain: (step, error) => explainWait(target, sha)(step, error),

    async choose(facts) {
      if (from && facts.current !== from)
        return { nothing: `${sha7(from)} does not serve any more, so there is nothing to go back from` };
      const earlier = earlierRelease(target, facts, to);
      if ('nothing' in earlier) return earlier;
      verifyEnvironment(target, facts, context.report.warn);
      sha = earlier.sha;
      if (withDatabase) sayWhatIsLost(context.report, facts, snapshotOrRefuse(target, facts, sha));
      return earlier;
    },

    async plan(change) {
      const here = change.facts.folders.includes(change.next.name);
      const materials = here ? {} : await gather(target, change.next.sha, context.environment, context.args);
      return switchFor(target, change, {
        before: here ? runtime.recheck(change) : runtime.prepare(change, materials),
        changesData: false,
        restores: withDatabase ? snapshotOrRefuse(target, change.facts, sha).file : undefined,
        why: `by ${context.who}: rollback to ${sha7(change.next.sha)}`,
      });
    },
  };
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
