// A complete dump of a Postgres database: checked by pg_dump's exit code, counts from the same snapshot, and its list of contents.
import { recipientsOf } from '../../target/backup-settings.ts';
import { packedFile } from '../../host/packing.ts';
import { readRest, betweenDeploys, type Snapshot } from '../copy-between-deploys.ts';
import { checksumStream } from '../../host/checksum.ts';
import type { Target } from '../../target/target.ts';
import type { PostgresDatabase } from '../../target/database-settings.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { giveWay, withClient } from './client.ts';
import { counting, readPostgres } from './counts.ts';

const part = 'database.dump.zst';

/**
 * Milliseconds that a dump waits for the lock of another session on a table. While a deploy dumps, visitors wait too; a
 * backup at night may meet what somebody maintains.
 */
const waits = { deploy: 30_000, backup: 600_000 };

/** Dumps the database into the folder while the app writes on. `seconds` is how long it may wait for a deploy to end. */
export function dumpCommand(target: Target, database: PostgresDatabase, folder: string, seconds: number): Command {
  const work = `${folder}/dump`;
  const file = `${folder}/${part}`;
  const copy = withClient(
    target,
    database,
    lines(
      sh`rm -rf ${work} ${file}; mkdir ${work}; cd ${work}`,
      sh`mkfifo asked told summed counted`,
      // one session holds the moment that is dumped, and counts in it meanwhile
      sh`ask <asked >told &
session=$!
exec 5>asked 6<told
tell() { (cat >&5 <<<"$1") 2>/dev/null || true; }
tell ${holding}
IFS= read -r snapshot <&6 || exit 1
tell ${counting}`,
      sh`{ ${checksumStream}; } <summed >sum &
summing=$!
wc -c <counted >bytes &
counting=$!
codes=()
client pg_dump -Fc -Z0 -w --lock-wait-timeout=${waits.backup} --snapshot="$snapshot" </dev/null 2>words 5>&- 6<&- | tee summed counted | nice zstd -q -3 -T0 >${file} || codes=("\${PIPESTATUS[@]}")`,
      complain(folder, 2),
      sh`wait "$summing"
wait "$counting"`,
      sh`line= tables=0
while IFS= read -r line <&6; do
  printf '%s\\n' "$line"
  if [[ $line == 'table '* ]]; then tables=$((tables + 1)); fi
  [[ $line != counted ]] || break
done
[[ $line == counted ]] || exit 1
exec 5>&- 6<&-
wait "$session" || true`,
      verifyList(file),
      sh`if ((listed < tables)); then
  echo "the dump lists $listed things of tables, and there are $tables tables" >&2
  exit 1
fi`,
      // a first deploy has not been yet
      sh`if ((tables == 0)); then echo none; fi`,
      sh`sync ${file}`,
      sh`sed "s/^/bytes /" bytes`,
      sh`sed "s/^/sha256 /" sum`,
      sh`echo "pg_dump $(client pg_dump --version </dev/null | grep -oE '[0-9]+(\\.[0-9]+)*' | head -n 1)"`,
    ),
    true,
  );
  return betweenDeploys(target, copy, seconds, giveWay(target, database));
}

const holding = `SET idle_in_transaction_session_timeout = 0;
SET lock_timeout = ${waits.backup};
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot();`;

/** The same into one file, for nobody but a deploy: without counts, and whole or not at all. */
export function plainDump(file: string): Command {
  const making = `${file}.new`;
  return lines(
    sh`rm -f ${making}`,
    sh`cd "$KEEPER_RUN"`,
    sh`codes=()
client pg_dump -Fc -Z0 -w --lock-wait-timeout=${waits.deploy} </dev/null 2>words | nice zstd -q -3 -T0 >${making} || codes=("\${PIPESTATUS[@]}")`,
    complain(file, 1),
    verifyList(making),
    sh`sync ${making}`,
    sh`mv -fT ${making} ${file}`,
  );
}

/** The message of the program that failed first comes last, where people look for it. `writer` is its place in the pipe. */
function complain(place: string, writer: number): Command {
  return sh`if [[ \${codes[${writer}]:-0} != 0 ]]; then
  echo ${`the dump could not be written to ${place}: is its disk full?`} >&2
  exit 1
elif ((\${#codes[@]})); then
  cat words >&2
  if [[ ! -s words ]] || ((codes[0] > 128)); then echo "pg_dump exited with \${codes[0]}" >&2; fi
  exit 1
fi`;
}

/** Sets `listed` to how many tables and contents of tables the dump has; a dump without a list is invalid. */
function verifyList(file: string): Command {
  return lines(
    sh`list=$({ zstd -dqc ${file} 2>/dev/null || true; } | client pg_restore --list)`,
    sh`[[ $list == *'Dumped from database version'* ]] || { echo 'pg_dump ended well, and what it wrote is not a dump' >&2; exit 1; }`,
    script(`listed=$(awk '/^[0-9]+; [0-9]+ [0-9]+ TABLE /' <<<"$list" | wc -l)`),
  );
}

/** @throws what `readRest` throws, Failure 1 */
export function readDump(text: string, target: Target, folder: string): Snapshot | undefined {
  const word = readRest(text, target);
  if (!word) return undefined;
  const facts = readPostgres(text);
  return {
    part,
    facts,
    bytes: Number(word('bytes')),
    sha256: word('sha256'),
    tools: { postgres: facts.server, pg_dump: word('pg_dump') },
    send: packedFile(`${folder}/${part}`, recipientsOf(target), true),
  };
}
