// Backs up an environment: the database as it is at one moment, then the files, into each of its stores.
import { beginBackup } from '../lib/backup/create/begin.ts';
import { collectMaterial } from '../lib/backup/create/collect.ts';
import { planBackup } from '../lib/backup/create/plan.ts';
import { backupResult } from '../lib/backup/create/result.ts';
import { sendBackup } from '../lib/backup/create/send.ts';
import { afterwards } from '../lib/backup/monitor/watch.ts';
import { openStores } from '../lib/backup/settings.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Back up the database and the files of an environment',
  examples: [
    'npx tsx tasks/backup.ts --env production',
    'npx tsx tasks/backup.ts --env production --store disk',
    '0 3 * * * cd /opt/ops && npx tsx tasks/backup.ts --env production && npx tsx tasks/drill.ts --env production',
  ],
  changes: true,
  args: {
    store: { type: 'string', value: 'name', about: 'only this store (default: all of the environment)' },
  },

  async ended(context, end) {
    if (!context.args.plan) await afterwards(context, 'backup', end);
  },

  async run(context) {
    const target = await context.target();
    const stores = await openStores(target, context, context.args.store);
    if (context.args.plan) return planBackup(context, target, stores);

    // one at a time: it has the lock of the target's backups until its end
    const backup = await beginBackup(context, target, stores);
    try {
      const material = await collectMaterial(backup);
      for (const store of stores) await sendBackup(backup, store, material);
    } finally {
      await backup.end();
    }
    return backupResult(backup);
  },
});
