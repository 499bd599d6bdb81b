// Deploys to one environment exactly the SHA that is live in another: from staging to production.
import { targetName, taskCommand } from '../lib/target/command.ts';
import { proofQuestion, verifyRestorable } from '../lib/backup/drill/last-proven.ts';
import { Failure } from '../lib/errors.ts';
import { planNewRelease } from '../lib/deploy/plan-release.ts';
import { attempt } from '../lib/deploy/attempt.ts';
import { serving } from '../lib/release/serving.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { wholeCommit } from '../lib/deploy/artifacts.ts';
import { releaseAt, sha7 } from '../lib/release/release.ts';
import { verifyDisk, verifyEnvironment } from '../lib/deploy/preflight.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Put what staging serves live in production',
  examples: [
    'npx tsx tasks/promote.ts --env production',
    'npx tsx tasks/promote.ts --env production --from staging --plan',
  ],
  changes: true,
  args: {
    from: { type: 'string', value: 'environment', about: 'where to take the SHA from; default: what it requires' },
    unproven: { type: 'boolean', about: 'skip the check for a recently proven backup (proven_within)' },
  },

  async run(context) {
    const target = await context.target();
    const from = context.args.from ?? target.requires;
    if (!from)
      throw new Failure(2, `ops.yml does not say which environment goes before ${target.environment}`, {
        advice: `add requires: staging under ${target.environment}, or --from staging`,
      });
    if (from === target.environment) throw new Failure(2, `${from} cannot be promoted to itself`);
    const first = (await context.config()).find(target.app, from);
    const there = serving(first, await askFacts(await context.connect(first.host), first));
    if (!there)
      throw new Failure(1, `${targetName(first)} serves nothing yet`, {
        advice: taskCommand('deploy', first),
      });
    const sha = await wholeCommit(first, there.sha, context.environment);
    context.report.say(`${from} serves ${sha7(sha)}`);

    let unproven: string | undefined;
    const host = await context.connect(target.host);
    return attempt(context, host, target, {
      action: 'promote',
      asks: proofQuestion(target),

      async choose(facts) {
        if (facts.current === sha) return { already: sha };
        verifyEnvironment(target, facts);
        verifyDisk(target, facts);
        unproven = verifyRestorable(target, facts, context.args.unproven);
        return releaseAt(target.paths.releases, facts.now, sha, facts.folders);
      },

      async plan(change) {
        if (unproven) change.notes['unproven'] = unproven;
        return planNewRelease(context, host, target, change, {
          why: `by ${context.who}: promotion of ${sha7(sha)} from ${from}`,
        });
      },
    });
  },
});
