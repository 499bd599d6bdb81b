// A Postgres database during a deploy: a dump that is kept, and a copy, made while the app is stopped, that replaces it when the change fails.
import type { Target } from '../../target/target.ts';
import type { PostgresDatabase } from '../../target/database-settings.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { withClient } from './client.ts';
import { plainDump } from './dump.ts';
import { numberOf, renameFunctions } from './rename.ts';

function stemOf({ app, environment }: Target): string {
  return `${app}-${environment}`;
}

export function dumpFile(target: Target, database: PostgresDatabase, id: string): string {
  return `${database.snapshots}/${stemOf(target)}-${id}.dump.zst`;
}

/**
 * The names of one attempt: `kept` is the copy, and never half of one; `making`, `failed` and `fresh` are only there while
 * databases are made or change places.
 */
function named(id: string): Command {
  return lines(
    renameFunctions,
    sh`making=\${stem}_making_${id} kept=\${stem}_kept_${id} failed=\${stem}_failed_${id} fresh=\${stem}_fresh_${id}`,
  );
}

/**
 * Dumps the stopped app's database and copies it on the server; the undo puts the copy in its place, from wherever it
 * was interrupted. The journal, and a file beside the dump, have the copy's number, which no renaming changes: the undo is
 * done when the database of that number has the name, and before that nothing is removed.
 */
export function stoppedDump(target: Target, database: PostgresDatabase, id: string): { run: Command; undo: Command } {
  const file = dumpFile(target, database, id);
  const number = `${file}.kept`;
  const unsure = `the database is not known to be as it was: of its copies, none that is still there was removed; the dump of then is ${file}`;
  const clutter = `the database is as it was; of its copies, not every one could be removed`;
  return {
    run: dumping(
      target,
      database,
      id,
      lines(
        named(id),
        sh`may_make`,
        plainDump(file),
        sh`empty_of "$present"`,
        // a copy that is interrupted between its contents and its permissions is invalid
        sh`make_like "$making" "$present"`,
        sh`ask -v from="$making" -v to="$kept" >${`${number}.new`} <<<${`ALTER DATABASE :"from" RENAME TO :"to";\n${numberOf('to')}`}`,
        sh`sync ${`${number}.new`}`,
        sh`mv -fT ${`${number}.new`} ${number}`,
      ),
      sh`copied=$(cat ${number})
keep_note copied "$copied"`,
    ),
    undo: lines(
      sh`number=$(read_note copied)
if [[ ! $number ]] && is_there ${number}; then number=$(cat ${number}); fi
export number`,
      withClient(
        target,
        database,
        lines(
          named(id),
          sh`trap ${sh`[ $? = 0 ] || echo ${unsure} >&2`.text} EXIT`,
          sh`look "$present" "$kept" "$failed"`,
          sh`if has "$kept"; then
  if has "$fresh"; then drop "$kept" "$fresh"; fi
  if has "$present" && has "$failed"; then
    drop "$kept" "$failed"
    look "$kept"
  fi
fi
give_back "$kept" "$failed"`,
          sh`trap - EXIT`,
          // copies that cannot be removed are no reason to keep the app stopped
          sh`look "$present"
for one in "$fresh" "$failed" "$making"; do
  if has "$one"; then drop "$present" "$one" || echo ${clutter} >&2; fi
done`,
        ),
      ),
      sh`rm -f ${[file, `${file}.new`, `${number}.new`, number]} || echo ${clutter} >&2`,
    ),
  };
}

/** A dump of a database that is in use. It is never restored automatically: the app keeps writing. */
export function liveDump(target: Target, database: PostgresDatabase, id: string): { run: Command; undo: Command } {
  const file = dumpFile(target, database, id);
  return { run: dumping(target, database, id, plainDump(file)), undo: sh`rm -f ${[file, `${file}.new`]}` };
}

function dumping(target: Target, database: PostgresDatabase, id: string, text: Command, dumped?: Command): Command {
  const file = dumpFile(target, database, id);
  return lines(sh`mkdir -p ${database.snapshots}`, withClient(target, database, text), dumped, sh`answer ${file}`);
}

/** Restores an older dump in place of the stopped database. Comes after stoppedDump, whose undo covers this too. */
export function restoreDump(target: Target, database: PostgresDatabase, id: string, snapshot: string): Command {
  return withClient(
    target,
    database,
    lines(
      named(id),
      sh`[ -e ${snapshot} ] || { echo ${`the snapshot ${snapshot} no longer exists`} >&2; exit 1; }`,
      sh`make_like "$fresh" template0`,
      sh`zstd -dqc ${snapshot} | fill "$fresh"`,
      sh`move "$fresh" "$present" "$failed"`,
      sh`move "$failed" "$fresh" "$present"`,
      sh`drop "$present" "$failed"`,
    ),
  );
}

/** After success: the copies go, and of the dumps the newest stay. */
export function keepDumps(target: Target, database: PostgresDatabase): Command {
  return lines(
    // also those that a server left which went down in just this moment
    withClient(
      target,
      database,
      lines(renameFunctions, sh`drop_all ${'^_(kept|making|failed|fresh)_[0-9]{8}-[0-9]{6}(-[0-9]+)?$'}`),
    ),
    sh`find ${database.snapshots} -maxdepth 1 -type f -name ${`${stemOf(target)}-[0-9]*.dump.zst.kept*`} -delete`,
    sh`find ${database.snapshots} -maxdepth 1 -type f -name ${`${stemOf(target)}-[0-9]*.dump.zst`} -print0 | sort -rz | tail -zn +${database.keep + 1} | xargs -0r rm -f --`,
  );
}
