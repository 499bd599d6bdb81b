// Restarts the live release, through the same steps and with the same undo as a deploy.
import { planSameRelease } from '../lib/deploy/plan-release.ts';
import { attempt } from '../lib/deploy/attempt.ts';
import { servingOrRefuse } from '../lib/release/serving.ts';
import { verifyEnvironment } from '../lib/deploy/preflight.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Stop and start what serves, and wait until it is ready',
  examples: ['npx tsx tasks/restart.ts --env staging', 'npx tsx tasks/restart.ts --env production --plan'],
  changes: true,

  async run(context) {
    const target = await context.target();
    const host = await context.connect(target.host);
    return attempt(context, host, target, {
      action: 'restart',

      async choose(facts) {
        const now = servingOrRefuse(target, facts);
        verifyEnvironment(target, facts);
        return now;
      },

      plan: change =>
        planSameRelease(context, host, target, change, {
          changesData: false,
          why: `by ${context.who}: restart`,
        }),
    });
  },
});
