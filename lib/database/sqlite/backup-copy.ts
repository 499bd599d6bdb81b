// A consistent copy of a live database for a backup, and what can be counted in a copy.
import type { SqliteFacts } from '../facts.ts';
import type { Target } from '../../target/target.ts';
import type { SqliteDatabase } from '../../target/database-settings.ts';
import { Failure } from '../../errors.ts';
import { sqlite3 } from '../../host/environment.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { inItsPlace, passingCopy } from './snapshot.ts';
import { recipientsOf } from '../../target/backup-settings.ts';
import { packedFile } from '../../host/packing.ts';
import { readRest, betweenDeploys, type Snapshot } from '../copy-between-deploys.ts';
import { sha256Of } from '../../host/checksum.ts';
import { readTables } from '../row-counts.ts';

/** The copy is beside the snapshots of deploys, where its owner may write; the next backup removes a leftover one. */
function copyFile(database: SqliteDatabase, id: string): string {
  return `${database.snapshots}/.backup-${id}.db`;
}

/** Copies the database while the app writes on. `seconds` is how long it may wait for a deploy to end. */
export function snapshotCommand(target: Target, database: SqliteDatabase, id: string, seconds: number): Command {
  const file = copyFile(database, id);
  const copy = inItsPlace(
    target,
    database,
    lines(
      sh`mkdir -p ${database.snapshots}`,
      removal(database),
      sh`[ -e ${database.file} ] || { echo none; exit 0; }`,
      passingCopy(database, file),
      sh`[ -z "\${OWNER:-}" ] || chown "$OWNER" ${database.snapshots} ${file}`,
      sh`echo "sqlite $(sqlite3 --version | cut -d' ' -f1)"`,
      sh`echo "bytes $(stat -c %s ${file})"`,
      sh`echo "sha256 $(${sha256Of(file)})"`,
      countsOf(file),
    ),
  );
  return betweenDeploys(target, copy, seconds);
}

/** Takes away the copy of this backup and of any before. */
export function removeBackupCopies(target: Target, database: SqliteDatabase): Command {
  return inItsPlace(target, database, removal(database));
}

function removal({ snapshots }: SqliteDatabase): Command {
  return sh`rm -f ${snapshots}/.backup-*`;
}

const tableList = `SELECT 'SELECT ''table '' || json_array(' || quote(name) || ', (SELECT count(*) FROM ' || word || '), ' || CASE WHEN sql LIKE '%WITHOUT%ROWID%' THEN 'NULL' ELSE '(SELECT max(rowid) FROM ' || word || ')' END || ');'
FROM (SELECT name, sql, '"' || replace(name, '"', '""') || '"' AS word FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name);`;

/** Prints how many rows each table has, its highest rowid, and how many foreign keys lead nowhere. */
export function countsOf(file: string): Command {
  return lines(
    sh`${sqlite3} ${file} ${tableList} | ${sqlite3} ${file}`,
    sh`echo "foreign $(${sqlite3} ${file} 'SELECT count(*) FROM pragma_foreign_key_check' 2>/dev/null || echo unknown)"`,
  );
}

/** @throws Failure 1 for an answer that tells less than it should. */
export function readCounts(text: string): SqliteFacts {
  const foreign = /^foreign (.*)$/m.exec(text)?.[1]?.trim();
  if (foreign === undefined) throw new Failure(1, 'the tables of the database could not be counted');
  return {
    kind: 'sqlite',
    ...readTables(text),
    foreignKeyFaults: /^\d+$/.test(foreign) ? Number(foreign) : null,
  };
}

/** @returns undefined when there is no database yet. @throws what `readRest` throws. */
export function readSnapshot(text: string, target: Target, database: SqliteDatabase, id: string): Snapshot | undefined {
  const word = readRest(text, target);
  if (!word) return undefined;
  return {
    part: 'database.sqlite.zst',
    facts: readCounts(text),
    bytes: Number(word('bytes')),
    sha256: word('sha256'),
    tools: { sqlite: word('sqlite') },
    send: inItsPlace(target, database, packedFile(copyFile(database, id), recipientsOf(target))),
  };
}
