// Proves a backup: restores it into scratch space, opens it, counts it, and records a dated verdict.
import { proveBackup, recordVerdict } from '../lib/backup/drill/prove.ts';
import { afterwards } from '../lib/backup/monitor/watch.ts';
import { chooseBackup } from '../lib/backup/verify/record-damage.ts';
import { Failure } from '../lib/errors.ts';
import { remoteOn } from '../lib/host/run.ts';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Prove that a backup can be restored: unpack it, open it, check and count it, and record the verdict',
  examples: [
    'npx tsx tasks/drill.ts --env production',
    'npx tsx tasks/drill.ts 20261121T030000Z --env production --store s3 --here',
  ],
  positionals: [{ name: 'which', about: 'an id or its beginning; default: the newest' }],
  args: {
    at: { type: 'string', value: 'time', about: 'the newest up to that day or time (UTC) instead' },
    store: { type: 'string', value: 'name', about: 'from this store' },
    here: { type: 'boolean', about: 'on this machine and not on the server' },
    all: { type: 'boolean', about: 'read every object of a bucket again, and not only some' },
  },

  ended: (context, end) => afterwards(context, 'drill', end),

  async run(context) {
    const { report, who } = context;
    const target = await context.target();
    const met = { by: who, where: 'another machine', found: 'drill' } as const;
    const held = await chooseBackup(context, target, met, () => remoteOn(target.host, context));

    const { verdict, bad } = await proveBackup(context, target, held);
    await recordVerdict(context, target, held, verdict);
    if (bad)
      throw new Failure(7, `${targetName(target)} has a backup that cannot be relied on: ${bad.message}`, {
        detail: bad.detail || undefined,
        advice: bad.advice ?? `take another one now: ${taskCommand('backup', target)}`,
      });
    const found = verdict.checks.map(check => [`  ${check.name}`, check.found]);
    return {
      text: `${held.id} of ${targetName(target)} is proven: restored from ${held.store.name} in ${verdict.restoreSeconds} s\n${report.table(found)}`,
      json: { ...nameOf(target), verdict },
    };
  },
});
