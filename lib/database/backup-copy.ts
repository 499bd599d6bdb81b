// The copy of a database for a backup, whatever kind it is: made while deploys may run, counted, and removed again.
import type { Target } from '../target/target.ts';
import type { Database } from '../target/database-settings.ts';
import { Failure, messageOf } from '../errors.ts';
import { dumpCommand, readDump } from './postgres/dump.ts';
import type { Snapshot } from './copy-between-deploys.ts';
import { run, type Remote } from '../host/run.ts';
import { readSnapshot, removeBackupCopies, snapshotCommand } from './sqlite/backup-copy.ts';

/** `folder` is the scratch on the host; `seconds` is how long a deploy is waited for. @returns undefined when there is no database yet. @throws Failure 5 while a deploy is under way, 1 with the program's own message. */
export async function copyForBackup(
  way: Remote,
  request: { target: Target; database: Database; id: string; folder: string; seconds: number },
): Promise<Snapshot | undefined> {
  const { target, database, id, folder, seconds } = request;
  const what = 'copying the database';
  if (database.kind === 'sqlite')
    return readSnapshot(await run(way, snapshotCommand(target, database, id, seconds), what), target, database, id);
  try {
    return readDump(await run(way, dumpCommand(target, database, folder, seconds), what), target, folder);
  } catch (error) {
    const detail = error instanceof Failure ? (error.detail ?? '') : '';
    const [, server] = /server version mismatch[^]*server version: (\d+)/.exec(detail) ?? [];
    if (server === undefined) throw error;
    throw new Failure(1, messageOf(error), {
      detail,
      advice: `on ${way.host.name}: sudo apt-get install postgresql-client-${server} (from apt.postgresql.org when Debian has it not)`,
    });
  }
}

/** What the copying left beside the database; a dump goes with the scratch. */
export async function takeCopyAway(way: Remote, target: Target, database: Database): Promise<void> {
  if (database.kind === 'sqlite') await run(way, removeBackupCopies(target, database), 'cleaning up');
}

/** Programs that the host must have. */
export function copyTools(database: Database): string[] {
  if (database.kind === 'sqlite') return ['sqlite3'];
  return 'variable' in database.at ? ['psql', 'pg_dump', 'pg_restore'] : ['docker'];
}

/** What a person would call it. */
export function nameOfDatabase(database: Database): string {
  if (database.kind === 'sqlite') return database.file;
  const { at } = database;
  return 'variable' in at ? `Postgres at ${at.variable}` : `Postgres ${at.name} in ${at.service}`;
}

/** What there is not, when a copy was taken of nothing. */
export function missingDatabase(database: Database): string {
  return database.kind === 'sqlite' ? `no ${database.file}` : `no table in ${nameOfDatabase(database)}`;
}
