// A consistent copy of a live database for a backup, and what can be counted in a copy.
import type { Database, Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { packing, recipientsOf } from './age.ts';
import { inItsPlace, passingCopy } from '../release/database.ts';
import { inPlace } from '../release/in-place.ts';
import type { DatabaseFacts } from './manifest.ts';
import { sumOf } from './sum.ts';

/** What the snapshot command says of the copy. */
export type Snapshot = DatabaseFacts & { bytes: number; sha256: string; sqlite: string };

/** The copy stands beside the snapshots of deploys, where its owner may write; the next backup removes one that was left. */
export function copyFile(database: Database, id: string): string {
  return `${database.snapshots}/.backup-${id}.db`;
}

/**
 * Copies the database while the app writes on. It never waits in a deploy's way and holds no lock: it looks whether the
 * target was at rest before and after, and copies once more when it was not, so that no half-migrated database is taken.
 * `seconds` is how long it may wait for a deploy to end.
 */
export function snapshotCommand(target: Target, database: Database, id: string, seconds: number): Command {
  const home = `${target.paths.releases}/.keeper`;
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
      sh`echo "sha256 $(${sumOf(file)})"`,
      countsOf(file),
    ),
  );
  return lines(
    script('set -uo pipefail'),
    sh`end=$((SECONDS + ${Math.ceil(seconds)}))`,
    // a keeper writes a new word into run each time it has taken the lock, so that an equal word means: nobody had it
    sh`at_rest() {
  if [ -e ${`${home}/lock`} ]; then flock -n ${`${home}/lock`} true || return 1; fi
  [ ! -d ${`${home}/journal`} ] || return 2
}`,
    sh`turn() { cat ${`${home}/run`} 2>/dev/null || echo none; }`,
    sh`while :; do
  before=$(turn)
  at_rest
  code=$?
  if ((code == 0)); then
    said=$(${copy}) || exit 1
    if at_rest && [ "$(turn)" = "$before" ]; then
      printf '%s\\n' "$said"
      exit 0
    fi
  fi
  if ((SECONDS >= end)); then
    echo "busy $code $(cat ${`${home}/holder`} 2>/dev/null)"
    exit 0
  fi
  sleep 0.3
done`,
  );
}

/** Takes away the copy of this backup and of any before. */
export function removeCopies(target: Target, database: Database): Command {
  return inItsPlace(target, database, removal(database));
}

function removal({ snapshots }: Database): Command {
  return sh`rm -f ${snapshots}/.backup-*`;
}

/** The copy, compressed, on standard output. */
export function sendCopy(target: Target, database: Database, id: string): Command {
  const file = copyFile(database, id);
  return inPlace(
    target,
    { as: database.as, folders: [database.snapshots], scratch: database.snapshots },
    sh`<${file} ${packing(recipientsOf(target))}`,
  );
}

const tableList = `SELECT 'SELECT ''table '' || json_array(' || quote(name) || ', (SELECT count(*) FROM ' || word || '), ' || CASE WHEN sql LIKE '%WITHOUT%ROWID%' THEN 'NULL' ELSE '(SELECT max(rowid) FROM ' || word || ')' END || ');'
FROM (SELECT name, sql, '"' || replace(name, '"', '""') || '"' AS word FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name);`;

/** Prints how many rows each table has, its highest rowid, and how many foreign keys lead nowhere. */
export function countsOf(file: string): Command {
  return lines(
    sh`sqlite3 -batch -bail ${file} ${tableList} | sqlite3 -batch -bail ${file}`,
    sh`echo "foreign $(sqlite3 -batch ${file} 'SELECT count(*) FROM pragma_foreign_key_check' 2>/dev/null || echo unknown)"`,
  );
}

/** @throws Failure 1 for an answer that tells less than it should. */
export function readCounts(text: string): DatabaseFacts {
  const tables: [string, number][] = [];
  const highWater: [string, number][] = [];
  let foreign: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('foreign ')) foreign = line.slice('foreign '.length).trim();
    if (!line.startsWith('table ')) continue;
    const found: unknown = JSON.parse(line.slice('table '.length));
    const [name, rows, highest]: unknown[] = Array.isArray(found) ? found : [];
    if (typeof name !== 'string' || typeof rows !== 'number') throw new Failure(1, `no count of a table: ${line}`);
    tables.push([name, rows]);
    if (typeof highest === 'number') highWater.push([name, highest]);
  }
  if (foreign === undefined) throw new Failure(1, 'the tables of the database could not be counted');
  return {
    kind: 'sqlite',
    tables: Object.fromEntries(tables),
    highWater: Object.fromEntries(highWater),
    foreignKeyFaults: /^\d+$/.test(foreign) ? Number(foreign) : null,
  };
}

/** @returns undefined when there is no database yet. @throws Failure 5 while a deploy is under way, 1 when one was left half-way. */
export function readSnapshot(text: string, target: Target): Snapshot | undefined {
  if (/^none$/m.test(text)) return undefined;
  const word = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const name = `${target.app} ${target.environment}`;
  const busy = word('busy');
  if (busy.startsWith('2'))
    throw new Failure(1, `an earlier run left ${name} half-way, and its database may be so too: nothing was copied`, {
      advice: `npx tsx tasks/restart.ts --env ${target.environment} settles it, then once more`,
    });
  if (busy)
    throw new Failure(5, `${name} was never at rest: ${busy.slice(2) || 'a deploy is under way'}`, {
      advice: 'try again later, or wait longer with --wait 30m',
    });
  return { ...readCounts(text), bytes: Number(word('bytes')), sha256: word('sha256'), sqlite: word('sqlite') };
}
