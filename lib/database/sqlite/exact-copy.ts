// The exact bytes of a stopped SQLite database: how they are kept and restored. No copy is removed before the database was compared with it.
import { posix } from 'node:path';
import type { SqliteDatabase } from '../../target/database-settings.ts';
import { isThere } from '../../host/environment.ts';
import { lines, sh, type Command } from '../../host/sh.ts';

/** What SQLite keeps beside a database: they belong together. The first is the database itself. */
export const databaseEnds = ['', '-wal', '-shm', '-journal'];

/** The folder with the exact bytes that belongs to a snapshot. */
export function exactCopy(snapshot: string): string {
  return `${snapshot}.exact`;
}

/** The copy that a rollback puts beside the database before it replaces it. */
export function restoredFile({ file }: SqliteDatabase): string {
  return `${file}.restored`;
}

function partsOf({ file }: SqliteDatabase, snapshot: string): { part: string; copy: string }[] {
  const copy = `${exactCopy(snapshot)}/${posix.basename(file)}`;
  return databaseEnds.map(end => ({ part: `${file}${end}`, copy: `${copy}${end}` }));
}

/** Makes the folder, completely or not at all: the undo must never find half a copy, not even after a power cut. */
export function makeExactCopy(database: SqliteDatabase, snapshot: string): Command {
  const exact = exactCopy(snapshot);
  const making = `${exact}.new`;
  return lines(
    sh`rm -rf ${making}`,
    sh`mkdir -m 700 ${making}`,
    ...partsOf(database, snapshot).map(
      ({ part }) => sh`if [ -e ${part} ]; then cp -p --reflink=auto ${part} ${making}/; fi`,
    ),
    sh`sync ${making}/* ${making}`,
    // to the deploy user, so that the clean-up needs no container; the copies in it keep their owner
    sh`[ -z "\${OWNER:-}" ] || chown "$OWNER" ${making}`,
    sh`mv -T ${making} ${exact}`,
    sh`sync ${database.snapshots}`,
  );
}

/**
 * Restores the bytes, from wherever an earlier try was interrupted, and compares each part of the database: the bytes are the
 * original ones, and no other file exists. Else it fails. Removes neither copy, and prints `none` when there is none.
 */
export function putExactBack(database: SqliteDatabase, snapshot: string): Command {
  const exact = exactCopy(snapshot);
  const { file } = database;
  const parts = partsOf(database, snapshot);
  // an exact copy is only made of a database that is there
  const [main, ...beside] = parts;
  const lost = `the exact copy ${exact} is gone, so nothing tells whether ${file} is as it was; ${snapshot} is a checked copy of then`;
  const unsure = `${file} is not known to be as it was: its exact bytes are in ${exact}, a checked copy is ${snapshot}, and both stay`;
  return lines(
    isThere,
    sh`if ! is_there ${exact}; then
  # the checked copy is made after it, and goes before it
  if is_there ${snapshot}; then echo ${lost} >&2; exit 1; fi
  echo none
  exit 0
fi`,
    sh`trap ${sh`[ $? = 0 ] || echo ${unsure} >&2`.text} EXIT`,
    putBack,
    main && sh`put_back ${main.copy} ${main.part}`,
    ...beside.map(({ part, copy }) => sh`if is_there ${copy}; then put_back ${copy} ${part}; else rm -f ${part}; fi`),
    // the folder of a lock, of a writer that was killed; the sqlite3 command does not know it
    sh`rm -rf ${`${file}.lock`}`,
    sh`sync ${posix.dirname(file)}`,
    main && sh`cmp ${main.copy} ${main.part} >&2`,
    ...beside.map(
      ({ part, copy }) => sh`if is_there ${copy}; then cmp ${copy} ${part} >&2; elif is_there ${part}; then exit 1; fi`,
    ),
    sh`trap - EXIT`,
    // what a try before this one, or a rollback, left beside the database
    sh`rm -rf ${[restoredFile(database), ...parts.map(({ part }) => `${part}.back`)]} || echo ${clutter(snapshot)} >&2`,
  );
}

/**
 * Removes the copies of a restored database, or does `otherwise`. The folder is removed last, in one rename: what is
 * left of an interrupted removal must never be taken for the original bytes.
 */
export function removeCopies(snapshot: string, otherwise: Command): Command {
  const exact = exactCopy(snapshot);
  const going = `${exact}.done`;
  return lines(
    isThere,
    sh`remove_copies() {
  rm -f ${snapshot} || return 1
  if is_there ${exact}; then mv -T ${exact} ${going} || return 1; fi
  rm -rf ${[going, `${exact}.new`]}
}`,
    sh`remove_copies || ${otherwise}`,
  );
}

/** Copies that cannot be removed are reported, and are no reason to keep the app stopped. */
export function clutter(snapshot: string): string {
  return `the database is as it was; of what was beside ${snapshot}, not everything could be removed`;
}

/**
 * put_back copy part: only what differs is written, so that a database that nobody touched keeps its file. Where there is
 * no room for a second one beside it, the bytes are written over those in the place, which the disk has already.
 */
const putBack: Command = sh`put_back() {
  if cmp -s "$1" "$2"; then
    sync "$2"
    return 0
  fi
  if cp -p --reflink=auto "$1" "$2.back" && sync "$2.back" && mv -fT "$2.back" "$2"; then return 0; fi
  rm -f "$2.back" || true
  echo "$1 could not be copied beside $2: its bytes are written over those in the place" >&2
  dd if="$1" of="$2" bs=1M conv=notrunc,fsync status=none
  truncate -r "$1" "$2"
  chmod --reference="$1" "$2"
  chown --reference="$1" "$2" 2>/dev/null || true
  touch -r "$1" "$2"
  sync "$2"
}`;
