// Collects the parts of a backup before anything is sent: the database copied as it is at one moment, then the list of files.
import { copyForBackup, missingDatabase } from '../../database/backup-copy.ts';
import { targetName } from '../../target/command.ts';
import { Failure } from '../../errors.ts';
import { run } from '../../host/run.ts';
import { sh } from '../../host/sh.ts';
import type { Item } from '../../report/items.ts';
import { surveyFiles } from '../files/survey.ts';
import { backupId } from '../manifest.ts';
import { backupOf } from '../settings.ts';
import { makeOwn } from './app-command.ts';
import type { BackupRun } from './begin.ts';
import type { Material } from './write.ts';

/** How long a deploy is waited for when nobody says. */
const patience = 600;

/** @throws Failure 7 when there is nothing to back up, 5 while a deploy is under way */
export async function collectMaterial({ context, target, way, scratch }: BackupRun): Promise<Material> {
  const { args, report, who } = context;
  const { database } = target;
  const { files, command: own, bucket } = backupOf(target);
  const id = backupId(scratch.now);
  const { folder } = scratch;
  const material: Material = {
    target,
    id,
    now: scratch.now,
    by: who,
    release: undefined,
    snapshot: undefined,
    survey: undefined,
    own: undefined,
    source: bucket && (await import('../../store/s3/app-bucket.ts')).s3Source(bucket, context),
    scratch: folder,
  };
  const items: Item[] = [];
  if (database)
    items.push({
      title: 'Copy the database as it is now',
      async run() {
        const seconds = args.wait ?? patience;
        material.snapshot = await copyForBackup(way, { target, database, id, folder, seconds });
      },
    });
  if (files)
    items.push({
      title: `Scan ${files.include.join(', ')}`,
      async run(say) {
        material.survey = await surveyFiles(way, target, files, { id, scratch: folder });
        for (const { pattern, count } of material.survey.excluded) say(`exclude ${pattern}: ${count} left out`);
      },
    });
  if (own)
    items.push({
      title: `Run the app's backup command: ${own.words.join(' ')}`,
      run: async () => void (material.own = await makeOwn(way, target, own, folder)),
    });
  await report.show(items);

  const nothing = database ? missingDatabase(database) : 'no database';
  if (!material.snapshot && !material.survey && !material.own && !material.source)
    throw new Failure(7, `${targetName(target)} has nothing to back up: there is ${nothing} yet`);
  if (database && !material.snapshot) report.warn(`there is ${nothing} yet: only the files are backed up`);
  const said = await run(way, sh`cat ${`${target.paths.releases}/current_release`} 2>/dev/null || true`, 'asking');
  return { ...material, release: said.trim() || undefined };
}
