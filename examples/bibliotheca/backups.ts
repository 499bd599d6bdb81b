// Backups in the layout of Bibliotheca's own scripts: takes such a folder into the stores, or makes one of what a restore gave.
import { existsSync, type Dirent } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isBackupId, timeOf } from '../../lib/backup/manifest.ts';
import { openStores } from '../../lib/backup/settings.ts';
import { Failure } from '../../lib/errors.ts';
import { task } from '../../lib/task/task.ts';
import { importFolder } from './import.ts';
import { writeLayout } from './layout.ts';

export default task(import.meta.url, {
  about: 'Take in a folder that Bibliotheca’s own scripts made, or lay out a restored one like theirs',
  examples: [
    'npx tsx examples/bibliotheca/backups.ts import backups/2026-11-20_020000 --env production',
    'npx tsx tasks/restore.ts 20261121T030000Z-3f2c1a --env production --to ./old && npx tsx examples/bibliotheca/backups.ts layout ./old --id 20261121T030000Z-3f2c1a --env production',
  ],
  positionals: [
    {
      name: 'what',
      about:
        'import: a folder becomes a backup in the stores · layout: a restored folder becomes <time>/<app>_<time>.db, .db.sha256 and folders',
      required: true,
      choices: ['import', 'layout'],
    },
    { name: 'folder', about: 'on this machine', required: true },
  ],
  changes: true,
  args: {
    store: { type: 'string', value: 'name', about: 'import: only into this store' },
    id: { type: 'string', value: 'id', about: 'layout: of the backup that was restored' },
  },

  async run(context) {
    const { args, positionals } = context;
    const [what, given = ''] = positionals;
    const folder = resolve(context.folder, given);
    const target = await context.target();
    if (args.plan) throw new Failure(2, `${what} has no --plan: it only adds`);
    if (what === 'import') return importFolder(context, target, await openStores(target, context, args.store), folder);
    const { id = '' } = args;
    if (!isBackupId(id)) throw new Failure(2, '--id is missing: of which backup?', { advice: 'restore --to says it' });
    const files = join(folder, 'files');
    const include = (target.backup?.files?.include ?? []).filter(path => existsSync(join(files, path)));
    const name = await writeLayout(folder, target.app, timeOf(id), include);
    const left = await readdir(files, { recursive: true, withFileTypes: true }).catch((): Dirent[] => []);
    if (left.every(one => one.isDirectory())) await rm(files, { recursive: true, force: true });
    return { text: `${folder}/${name}`, json: { app: target.app, environment: target.environment, id, folder, name } };
  },
});
