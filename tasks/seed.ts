// Recreates the data of an environment from a list of users; a snapshot of the old data is kept, and production is refused.
import { planSameRelease } from '../lib/deploy/plan-release.ts';
import { verifyEnvironment } from '../lib/deploy/preflight.ts';
import { attempt } from '../lib/deploy/attempt.ts';
import { servingOrRefuse } from '../lib/release/serving.ts';
import { fillSteps, seedOf, verifySeedable } from '../lib/seed/fill.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Empty an environment’s data and fill them from a list of users; never production’s',
  examples: [
    'npx tsx tasks/seed.ts --env staging --users users.json',
    'npx tsx tasks/seed.ts --env staging --users users.json --plan',
  ],
  changes: true,
  args: {
    users: { type: 'string', value: 'file', about: 'a JSON list of users on this machine' },
  },

  async run(context) {
    const target = await context.target();
    const seed = seedOf(target);
    const { readUsers } = await import('../lib/seed/users.ts');
    const users = await readUsers(context.args.users);
    const host = await context.connect(target.host);
    return attempt(context, host, target, {
      action: 'seed',

      // Pre-flight. No impact yet.
      async choose(facts) {
        verifySeedable(target, facts);
        const now = servingOrRefuse(target, facts);
        verifyEnvironment(target, facts);
        return now;
      },

      // The app is stopped meanwhile: only then can a seed that fails be undone to the byte.
      plan: change =>
        planSameRelease(context, host, target, change, {
          changesData: true,
          fill: fillSteps(target, seed, change, users),
          why: `by ${context.who}: seed`,
        }),
    });
  },
});
