// A SQLite database during a change: a checked snapshot (VACUUM INTO), the exact bytes to restore when the change fails, and what is kept of them.
import { posix } from 'node:path';
import type { Target } from '../../target/target.ts';
import type { SqliteDatabase } from '../../target/database-settings.ts';
import { bash, sqlite3 } from '../../host/environment.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { clutter, exactCopy, makeExactCopy, putExactBack, removeCopies, restoredFile } from './exact-copy.ts';
import { runAs } from '../../host/run-as.ts';

/** `backups/before-deploy/prod-20261120-120004.db`, the form arsvent's own scripts write. */
export function snapshotFile(database: SqliteDatabase, id: string): string {
  const { name, ext } = posix.parse(database.file);
  return `${database.snapshots}/${name}-${id}${ext}`;
}

/**
 * Two copies: a checked VACUUM INTO that is kept, and the files as they are (with -wal and -shm) in a folder beside it,
 * because only those can be restored byte for byte. The journal records that they were made until the undo was
 * compared: without them there is no undo, and an unmounted disk looks like copies that were never made.
 */
export function stoppedCopy(target: Target, database: SqliteDatabase, id: string): { run: Command; undo: Command } {
  const file = snapshotFile(database, id);
  const lost = `the copies of ${database.file} in ${database.snapshots} are lost: is the disk mounted?`;
  return {
    run: taking(
      target,
      database,
      id,
      lines(makeExactCopy(database, file), checkedCopy(database, file)),
      sh`keep_note copied ${file}`,
    ),
    undo: lines(
      sh`copied=$(read_note copied)`,
      sh`found=$(
${inItsPlace(target, database, putExactBack(database, file))}
)`,
      sh`[[ $found != none || ! $copied ]] || fail ${lost}`,
      sh`drop_note copied`,
      asOwner(target, database, removeCopies(file, sh`exit 1`), removeCopies(file, sh`echo ${clutter(file)} >&2`)),
    ),
  };
}

/** Removes as the deploy user, who mostly owns these files, because a container takes time; the database's user removes the rest. */
function asOwner(target: Target, database: SqliteDatabase, quick: Command, careful: Command = quick): Command {
  return sh`${bash} -c ${lines(script('set -euo pipefail'), quick).text} 2>/dev/null || {
${inItsPlace(target, database, careful)}
}`;
}

export function liveCopy(target: Target, database: SqliteDatabase, id: string): { run: Command; undo: Command } {
  const file = snapshotFile(database, id);
  return {
    run: taking(target, database, id, checkedCopy(database, file)),
    undo: inItsPlace(target, database, sh`rm -f ${file}`),
  };
}

/** Takes the snapshot by `copy` when there is a database, does `taken`, and answers its name. */
function taking(
  target: Target,
  database: SqliteDatabase,
  id: string,
  copy: Command,
  taken: Command = script(''),
): Command {
  const file = snapshotFile(database, id);
  return lines(
    inItsPlace(
      target,
      database,
      lines(
        sh`mkdir -p ${database.snapshots}`,
        sh`[ -e ${database.file} ] || { echo none; exit 0; }`,
        copy,
        // to the deploy user, so that the clean-up needs no container
        sh`[ -z "\${OWNER:-}" ] || chown "$OWNER" ${database.snapshots} ${file}`,
        script('echo taken'),
      ),
      script('| tee "$KEEPER_RUN/snapshot"'),
    ),
    sh`if grep -q taken "$KEEPER_RUN/snapshot"; then
  ${taken}
  answer ${file}
fi`,
  );
}

/** A checked copy of a database that is in use, as the first one of another target with the same users. */
export function copyDatabase(target: Target, database: SqliteDatabase, to: string): Command {
  return inItsPlace(
    target,
    { ...database, snapshots: posix.dirname(to) },
    lines(
      sh`[ -e ${database.file} ] || { echo ${`there is no database ${database.file} yet`} >&2; exit 1; }`,
      sh`rm -f ${to}`,
      checkedCopy(database, to),
    ),
  );
}

/** A copy that is still there after a power cut. */
export function checkedCopy(database: SqliteDatabase, file: string): Command {
  return lines(passingCopy(database, file), sh`sync ${file}`);
}

/** A temporary copy, sent and then removed: without the wait for the disk, during which the app's own writes would wait as well. */
export function passingCopy(database: SqliteDatabase, file: string): Command {
  return lines(
    sh`${sqlite3} -cmd '.timeout 5000' ${database.file} ${`VACUUM INTO '${file.replaceAll("'", "''")}'`}`,
    verifyIntegrity(file),
    sh`chmod 600 ${file}`,
  );
}

function verifyIntegrity(file: string): Command {
  return sh`verdict=$(${sqlite3} ${file} 'PRAGMA integrity_check')
[ "$verdict" = ok ] || { echo "the snapshot is damaged: $verdict" >&2; exit 1; }`;
}

export function restoreCopy(target: Target, database: SqliteDatabase, snapshot: string): Command {
  const fresh = restoredFile(database);
  return inItsPlace(
    target,
    database,
    lines(
      sh`[ -e ${snapshot} ] || { echo ${`the snapshot ${snapshot} no longer exists`} >&2; exit 1; }`,
      verifyIntegrity(snapshot),
      sh`cp --reflink=auto ${snapshot} ${fresh}`,
      sh`sync ${fresh}`,
      sh`if [ -e ${database.file} ]; then chmod --reference=${database.file} ${fresh}; chown --reference=${database.file} ${fresh} 2>/dev/null || true; fi`,
      sh`mv -fT ${fresh} ${database.file}`,
      sh`rm -f ${`${database.file}-wal`} ${`${database.file}-shm`} ${`${database.file}-journal`}`,
      sh`sync ${posix.dirname(database.file)}`,
    ),
  );
}

export function keepCopies(target: Target, database: SqliteDatabase, id: string): Command {
  const { stem, end } = snapshotNames(database);
  const cleanUp = lines(
    sh`rm -rf ${exactCopy(snapshotFile(database, id))}`,
    sh`[ -d ${database.snapshots} ] || exit 0`,
    sh`find ${database.snapshots} -maxdepth 1 -type f -name ${`${stem}-[0-9]*${end}`} -print0 | sort -rz | tail -zn +${database.keep + 1} | xargs -0r rm -f --`,
  );
  return asOwner(target, database, cleanUp);
}

/** Runs a script as the user who owns the database, where that user sees its folder and that of the snapshots. `reads`: it gets the standard input. */
export function inItsPlace(
  target: Target,
  database: SqliteDatabase,
  text: Command,
  after: Command = script(''),
  reads = false,
): Command {
  const folders = [posix.dirname(database.file), database.snapshots];
  return runAs(target, { as: database.as, folders, scratch: database.snapshots }, text, after, reads);
}

/** For `find -name`: the text before and after an attempt's id. */
export function snapshotNames(database: SqliteDatabase): { stem: string; end: string } {
  const { name, ext } = posix.parse(database.file);
  const [stem = '', end = ''] = [name, ext].map(text => text.replace(/[\\*?[]/g, '\\$&'));
  return { stem, end };
}
