// The outcome of a backup, for people and for programs; one that is missing in a store, or lost much, is a failure.
import { nameOf, targetName } from '../../target/command.ts';
import { Failure, messageOf } from '../../errors.ts';
import type { Result } from '../../report/result.ts';
import { size } from '../../size.ts';
import type { Manifest } from '../manifest.ts';
import type { BackupRun } from './begin.ts';

/** @throws what the first store that failed has thrown; Failure 7 when much is gone since the backup before */
export function backupResult({ context, target, done, failures, seconds }: BackupRun): Result {
  const { report } = context;
  const names = done.map(one => one.store).join(', ');
  for (const { store, error } of failures.slice(1)) report.warn(`${store.name}: ${messageOf(error)}`);
  const [failure] = failures;
  if (failure) {
    if (names) report.warn(`it is complete in ${names}, and in no other store`);
    throw failure.error;
  }
  const [first] = done;
  if (!first) throw new TypeError('a backup without a store: a bug in tasks/backup.ts');
  const { manifest } = first;
  const { id, files, own, bucket, shrunk } = manifest;
  for (const note of [files, own, bucket].flatMap(one => one?.noted.slice(0, 40) ?? [])) report.warn(note);
  const what = `${targetName(target)} is backed up as ${id}`;
  if (shrunk.length)
    throw new Failure(7, `${what}, and much is gone since the one before: ${shrunk[0] ?? ''}`, {
      detail: shrunk.join('\n'),
      advice: 'look at the app; nothing is pruned while this is the newest backup',
    });
  const took = seconds();
  return {
    text: `${what}: ${told(manifest)} → ${names}, in ${took} s`,
    json: {
      ...nameOf(target),
      id,
      seconds: took,
      stores: done.map(one => ({ store: one.store, bytes: bytesOf(one.manifest) })),
      manifest,
    },
  };
}

function told(manifest: Manifest): string {
  const { database, files, own, bucket } = manifest;
  const rows = Object.values(database?.tables ?? {}).reduce((sum, one) => sum + one, 0);
  const parts = [
    database && `${rows} rows in ${Object.keys(database.tables).length} tables`,
    files && `${files.count} files and folders`,
    own && `what the app made itself`,
    bucket && `${bucket.objects} objects of a bucket (${bucket.copied} of them new)`,
    `${size(bytesOf(manifest))} stored${manifest.base ? `, what changed since ${manifest.base.id}` : ''}`,
  ];
  return parts.filter(Boolean).join(', ');
}

function bytesOf({ parts }: Manifest): number {
  return parts.reduce((sum, part) => sum + part.bytes, 0);
}
