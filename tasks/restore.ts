// Restores a backup: into an empty folder here, or in place of an environment's data, which are moved aside first.
import { targetName } from '../lib/target/command.ts';
import type { Check } from '../lib/finding.ts';
import { resolve } from 'node:path';
import { identityFor } from '../lib/backup/encryption.ts';
import { remoteOn } from '../lib/host/run.ts';
import { confirmRestore } from '../lib/backup/restore/confirm.ts';
import { restoreToFolder } from '../lib/backup/restore/to-folder.ts';
import { restoreToTarget } from '../lib/backup/restore/to-target.ts';
import { chooseBackup, noteDamage } from '../lib/backup/verify/record-damage.ts';
import { selectionOf } from '../lib/backup/restore/selection.ts';
import { Failure } from '../lib/errors.ts';
import { spanSince } from '../lib/duration.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Restore a backup: the data of an environment, or into a folder here',
  examples: [
    'npx tsx tasks/restore.ts --env production --to ./restored',
    'npx tsx tasks/restore.ts --env production --at 2026-11-20 --plan',
    'npx tsx tasks/restore.ts 20261121T030000Z --env production --confirm book-production',
    'npx tsx tasks/restore.ts --env production --only shared/uploads/cover.jpg',
  ],
  positionals: [{ name: 'which', about: 'an id or its beginning; default: the newest' }],
  changes: true,
  args: {
    at: { type: 'string', value: 'time', about: 'the newest up to that day or time (UTC) instead' },
    store: { type: 'string', value: 'name', about: 'from this store' },
    to: {
      type: 'string',
      value: 'folder',
      about: 'into this empty folder on this machine; the environment stays as it is',
    },
    only: {
      type: 'list',
      value: 'path',
      about: 'only this file or folder, relative to the root; the app keeps running',
    },
    'bucket-exact': { type: 'boolean', about: 'also move aside what was added to the bucket later' },
    confirm: { type: 'string', value: 'app-environment', about: 'restore production without a question: its name' },
  },

  async run(context) {
    const { args, report, who } = context;
    const checks: Check[] = [];
    const target = await context.target();
    const met = { by: who, where: 'another machine', found: 'restore' } as const;
    const onItsHost = args.to === undefined ? () => remoteOn(target.host, context) : undefined;
    const held = await chooseBackup(context, target, args.plan ? undefined : met, onItsHost);
    const wanted = selectionOf(target, held, args.only);
    const identity = args.plan ? undefined : await identityFor(target, held, context.environment);

    if (args.to !== undefined) {
      if (args.plan) throw new Failure(2, '--to changes nothing but its folder, so there is no --plan for it');
      const folder = resolve(context.folder, args.to);
      return noting(() => restoreToFolder(context, held, wanted, identity, folder, checks), 'another machine');
    }
    const what = `${targetName(target)} goes back to ${held.manifest.time.slice(0, 16)}Z, ${spanSince(held.time)} ago; what was written since is moved aside`;
    if (!args.plan) await confirmRestore(target, args.confirm, what, context);
    return noting(() => restoreToTarget(context, target, held, wanted, identity, checks), target.host.name);

    /** Damage that shows only now is written down, as a drill does; the host is asked only where it was in use already. */
    async function noting<T>(work: () => Promise<T>, where: string): Promise<T> {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Failure) || error.exit !== 7) throw error;
        await noteDamage(target, { ...met, held, checks, says: error.message, where }, onItsHost, report);
        throw error;
      }
    }
  },
});
