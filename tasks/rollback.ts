// Rolls back to the last good release before the live one, or to a named one; the database only on request.
import { attempt } from '../lib/deploy/attempt.ts';
import { rollback } from '../lib/deploy/rollback.ts';
import { task } from '../lib/task/task.ts';

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
    'with-database': {
      type: 'boolean',
      about: 'also restore the database snapshot of that time; what was written since is lost',
    },
  },

  async run(context) {
    const { to, plan, 'with-database': withDatabase } = context.args;
    const target = await context.target();
    const host = await context.connect(target.host);
    const result = await attempt(context, host, target, rollback(context, host, target, { to, withDatabase }));
    if (target.database && !withDatabase && !plan)
      context.report.say('the database stays as it is; --with-database would have restored the snapshot of that time');
    return result;
  },
});
