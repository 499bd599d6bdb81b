// A Postgres database around a deploy: a dump that stays, and while the app is stopped a copy of it that takes its place when the change fails.
import type { PostgresDatabase, Target } from '../config/target.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import { withClient } from './client.ts';
import { plainDump } from './dump.ts';
import { placeWords } from './names.ts';

function stemOf({ app, environment }: Target): string {
  return `${app}-${environment}`;
}

export function dumpFile(target: Target, database: PostgresDatabase, id: string): string {
  return `${database.snapshots}/${stemOf(target)}-${id}.dump.zst`;
}

/** The names of one attempt: `kept` is the copy, `failed` and `fresh` are only there while databases change places. */
function named(id: string): Command {
  return lines(placeWords, sh`kept=\${stem}_kept_${id} failed=\${stem}_failed_${id} fresh=\${stem}_fresh_${id}`);
}

/** Dumps the stopped app's database and copies it on the server; the way back puts the copy in its place, from wherever it was cut off. */
export function stoppedDump(target: Target, database: PostgresDatabase, id: string): { run: Command; undo: Command } {
  const file = dumpFile(target, database, id);
  return {
    run: dumping(
      target,
      database,
      id,
      lines(named(id), sh`may_make`, plainDump(file), sh`empty_of "$present"`, sh`make_like "$kept" "$present"`),
    ),
    undo: lines(
      withClient(
        target,
        database,
        lines(
          named(id),
          sh`look "$present" "$kept" "$failed"`,
          sh`if has "$kept"; then
  if has "$fresh"; then drop "$kept" "$fresh"; fi
  if has "$present"; then
    if has "$failed"; then drop "$kept" "$failed"; fi
    move "$kept" "$present" "$failed"
  fi
  move "$failed" "$kept" "$present"
  drop "$present" "$failed"
else
  for one in "$fresh" "$failed"; do
    if has "$one"; then drop "$present" "$one"; fi
  done
fi`,
        ),
      ),
      sh`rm -f ${[file, `${file}.new`]}`,
    ),
  };
}

/** A dump of a database that is in use. There is no way back to it by itself: the app goes on writing. */
export function liveDump(target: Target, database: PostgresDatabase, id: string): { run: Command; undo: Command } {
  const file = dumpFile(target, database, id);
  return { run: dumping(target, database, id, plainDump(file)), undo: sh`rm -f ${[file, `${file}.new`]}` };
}

function dumping(target: Target, database: PostgresDatabase, id: string, text: Command): Command {
  const file = dumpFile(target, database, id);
  return lines(sh`mkdir -p ${database.snapshots}`, withClient(target, database, text), sh`answer ${file}`);
}

/** Restores an older dump in place of the stopped database. Comes after stoppedDump, whose undo is the way back from this too. */
export function restoreDump(target: Target, database: PostgresDatabase, id: string, snapshot: string): Command {
  return withClient(
    target,
    database,
    lines(
      named(id),
      sh`[ -e ${snapshot} ] || { echo ${`the snapshot ${snapshot} is not there any more`} >&2; exit 1; }`,
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
    withClient(target, database, lines(placeWords, sh`drop_all ${'^_kept_[0-9]{8}-[0-9]{6}(-[0-9]+)?$'}`)),
    sh`find ${database.snapshots} -maxdepth 1 -type f -name ${`${stemOf(target)}-[0-9]*.dump.zst`} -print0 | sort -rz | tail -zn +${database.keep + 1} | xargs -0r rm -f --`,
  );
}
