// Deploys a commit of an app. When a step fails, it and all steps before it are undone, also when this program is gone.
import { proofQuestion, verifyRestorable } from '../lib/backup/drill/last-proven.ts';
import { planNewRelease } from '../lib/deploy/plan-release.ts';
import { attempt } from '../lib/deploy/attempt.ts';
import { chooseCommit } from '../lib/deploy/artifacts.ts';
import { releaseAt, sha7 } from '../lib/release/release.ts';
import { requiredLog, verifyDisk, verifyEnvironment, verifyRanOn } from '../lib/deploy/preflight.ts';
import { verifyWatchable, watchVisitors, type Went } from '../lib/deploy/watch-traffic.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Put a commit of an app live',
  examples: [
    'npx tsx tasks/deploy.ts --env staging',
    'npx tsx tasks/deploy.ts --env staging --ref feature/toc --plan',
    'npx tsx tasks/deploy.ts --env production --sha 3f2c1ab9… --wait 5m --watch 60s',
  ],
  changes: true,
  args: {
    sha: { type: 'string', value: 'commit', about: 'the commit to put live' },
    ref: { type: 'string', value: 'name', about: 'a branch or tag; default: what the environment tracks' },
    unpushed: { type: 'boolean', about: 'deploy a commit that is on no remote branch' },
    dirty: { type: 'boolean', about: 'deploy with uncommitted changes (they are not deployed)' },
    untried: { type: 'boolean', about: 'skip the check that the environment before this one ran the commit' },
    unproven: { type: 'boolean', about: 'skip the check for a recently proven backup (proven_within)' },
    watch: {
      type: 'duration',
      value: '60s',
      about: 'then compare errors and waits in the access log with the minute before, and go back when they are worse',
    },
  },

  async run(context) {
    const { args } = context;
    const target = await context.target();
    const sha = await chooseCommit(target, args, context.environment);
    const host = await context.connect(target.host);
    const required = await requiredLog(context, target, args.untried);
    if (args.watch) await verifyWatchable(host, target);
    let unproven: string | undefined;
    let went: Went | undefined;

    const result = await attempt(context, host, target, {
      action: 'deploy',
      required: required.sameHost,
      asks: proofQuestion(target),

      // Pre-flight. No impact yet.
      async choose(facts) {
        went = undefined;
        if (facts.current === sha) return { already: sha };
        verifyEnvironment(target, facts);
        verifyDisk(target, facts);
        unproven = verifyRestorable(target, facts, args.unproven);
        if (!args.untried) verifyRanOn(target, sha, required.log ?? facts.required);
        went = { sha, was: facts.current, begun: facts.now };
        return releaseAt(target.paths.releases, facts.now, sha, facts.folders);
      },

      // Let's go. Start impacting things.
      async plan(change) {
        if (unproven) change.notes['unproven'] = unproven;
        return planNewRelease(context, host, target, change, { why: `by ${context.who}: deploy of ${sha7(sha)}` });
      },
    });
    if (!args.watch || !went || args.plan) return result;
    return watchVisitors(context, host, target, { result, went, seconds: args.watch });
  },
});
