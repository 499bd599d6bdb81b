// The backups of an environment: lists, shows, verifies, prunes and watches them.
import { listBackups } from '../lib/backup/list.ts';
import { checkStores } from '../lib/backup/monitor/check-stores.ts';
import { afterwards, watchBackups } from '../lib/backup/monitor/watch.ts';
import { pruneBackups } from '../lib/backup/prune.ts';
import { openStores } from '../lib/backup/settings.ts';
import { showBackup } from '../lib/backup/show.ts';
import { verifyBackups } from '../lib/backup/verify/verify.ts';
import { Failure } from '../lib/errors.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'List the backups of an environment, look at one, check them, remove those that are not needed',
  examples: [
    'npx tsx tasks/backups.ts --env production',
    'npx tsx tasks/backups.ts show 20261121T030000Z --env production',
    'npx tsx tasks/backups.ts verify --env production',
    'npx tsx tasks/backups.ts prune --env production --plan',
    'npx tsx tasks/backups.ts watch --env production',
    'npx tsx tasks/backups.ts probe --env production',
  ],
  positionals: [
    {
      name: 'what',
      about:
        'list · show: what is in one · verify: read every byte again · prune: keep as many as ops.yml says · watch: check freshness and send alerts · probe: test the stores',
      choices: ['list', 'show', 'verify', 'prune', 'watch', 'probe'],
    },
    {
      name: 'which',
      about: 'show and verify: an id or its beginning; default: the newest for show, all for verify',
    },
  ],
  changes: true,
  args: { store: { type: 'string', value: 'name', about: 'only what is in this store' } },

  async ended(context, end) {
    const [what] = context.positionals;
    if ((what === 'prune' || what === 'verify') && !context.args.plan) await afterwards(context, what, end);
  },

  async run(context) {
    const { args, positionals } = context;
    const [what = 'list', which] = positionals;
    if (which !== undefined && ['list', 'prune', 'watch', 'probe'].includes(what))
      throw new Failure(2, `${what} takes no id`);
    const target = await context.target();
    if (what === 'watch') return watchBackups(context, target, args.plan);
    const stores = await openStores(target, context, args.store);
    switch (what) {
      case 'show':
        return showBackup(context, target, stores, which);
      case 'verify':
        return verifyBackups(context, target, stores, which);
      case 'prune':
        return pruneBackups(context, target, stores);
      case 'probe':
        if (args.plan)
          throw new Failure(2, 'probe changes nothing but objects of its own, so there is no --plan for it');
        return checkStores(context, target, stores);
      default:
        return listBackups(context, target, stores);
    }
  },
});
