// What a backup would contain and where it would go, without taking one.
import { nameOf, targetName } from '../../target/command.ts';
import { Failure } from '../../errors.ts';
import { nameOfDatabase } from '../../database/backup-copy.ts';
import type { Result } from '../../report/result.ts';
import { remoteOf } from '../../runtime/runtime-of.ts';
import type { Store } from '../../store/store.ts';
import { recipientsOf, type BackupFiles } from '../../target/backup-settings.ts';
import type { Target } from '../../target/target.ts';
import { lookAhead } from '../files/included-folders.ts';
import { backupOf } from '../settings.ts';
import type { BackupContext } from './begin.ts';

export async function planBackup(context: BackupContext, target: Target, stores: readonly Store[]): Promise<Result> {
  const { root, database } = target;
  const { files, command: own, bucket } = backupOf(target);
  const recipients = recipientsOf(target);
  const parts = [
    ...(database ? [`the database ${nameOfDatabase(database)}, as it is at one moment`] : []),
    ...(files ? files.include.map(path => `${root}/${path}`) : []),
    ...(own ? [`what the app makes by itself: ${own.words.join(' ')}`] : []),
    ...(bucket ? [`the bucket ${bucket.from.name}${bucket.prefix && `, what is below ${bucket.prefix}`}`] : []),
    ...(recipients.length ? [`encrypted for ${recipients.join(', ')}`] : []),
    ...(files ? await ahead(context, target, files) : []),
  ];
  const names = stores.map(store => store.name);
  return {
    text: `${targetName(target)} into ${names.join(', ')}:\n${parts.map(part => `  ${part}`).join('\n')}`,
    json: { ...nameOf(target), stores: names, parts },
  };
}

/** What --plan says of the patterns, and what is wrong with the folders. A host that cannot be reached keeps no plan from being shown. */
async function ahead(
  { connect, report, signal }: BackupContext,
  target: Target,
  files: BackupFiles,
): Promise<string[]> {
  try {
    const excluded = await lookAhead(await remoteOf(target, { connect, signal }), target, files);
    return excluded.map(({ pattern, count }) => `without what ${pattern} matches: ${count || 'nothing there'}`);
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== 4) throw error;
    report.warn(`the folders were not checked: ${error.message}`);
    return [];
  }
}
