// Goes back to the last good release before the one that serves, or to one that is named; the database only when told.
import type { Target } from '../lib/config/target.ts';
import { Failure } from '../lib/errors.ts';
import { attempt } from '../lib/release/attempt.ts';
import { gather } from '../lib/release/materials.ts';
import { sha7 } from '../lib/release/names.ts';
import { verifyEnvironment } from '../lib/release/preflight.ts';
import { earlierRelease } from '../lib/release/earlier.ts';
import { explainWait, switchFor } from '../lib/release/switch.ts';
import { runtimeOf } from '../lib/runtime/runtime.ts';
import type { Facts } from '../lib/release/facts.ts';
import { snapshotOf } from '../lib/release/log.ts';
import type { Report } from '../lib/report.ts';
import { task } from '../lib/task.ts';

export default task(import.meta.url, {
  about: 'Go back to the last good release before the one that serves',
  examples: [
    'npx tsx tasks/rollback.ts --env production',
    'npx tsx tasks/rollback.ts --env production --to 9b1e77c',
    'npx tsx tasks/rollback.ts --env staging --with-database --plan',
  ],
  changes: true,
  args: {
    to: { type: 'string', value: 'sha', about: 'a good release: its SHA (7 digits or more) or its name' },
    'with-database': { type: 'boolean', about: 'also put back the database of then; what was written since is lost' },
  },

  async run(context) {
    const target = await context.target();
    const host = await context.connect(target.host);
    const runtime = runtimeOf(target);
    const withDatabase = context.args['with-database'];
    let sha = '';

    const result = await attempt(context, host, target, {
      action: 'rollback',
      advice:
        target.database && !withDatabase
          ? `when the older release does not know the database of today: npx tsx tasks/rollback.ts --env ${target.environment} --with-database`
          : undefined,
      explain: (step, error) => explainWait(target, sha)(step, error),

      async choose(facts) {
        const earlier = earlierRelease(target, facts, context.args.to);
        if ('nothing' in earlier) return earlier;
        verifyEnvironment(target, facts);
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
    });
    if (target.database && !withDatabase && !context.args.plan)
      context.report.say('the database stays as it is; --with-database would have put back the one of then');
    return result;
  },
});

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
