// Runs Postgres' own programs for a target's database: in the container of its service, or on the host with the URL that is there.
import { readFileSync } from 'node:fs';
import type { Target } from '../../target/target.ts';
import type { PostgresDatabase } from '../../target/database-settings.ts';
import { environmentReader } from '../../env/export.ts';
import { bash, startAs } from '../../host/environment.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';

/** What the server calls our sessions; those of backups give way to a deploy. */
const backupSessions = 'bookops-backup';

/**
 * Runs a script, in a strict bash of its own, with these functions: `client program words…` runs a program there, `ask` a
 * psql that stops at the first error, `ask_in database` the same elsewhere, and `name_of` says which database is meant.
 */
export function withClient(target: Target, database: PostgresDatabase, text: Command, gives = false): Command {
  const words = lines(
    script('set -euo pipefail; shopt -s inherit_errexit; umask 077'),
    startAs,
    client(target, database, gives ? backupSessions : 'bookops'),
    sh`ask() { client psql -XAtqw -v ON_ERROR_STOP=1 "$@"; }`,
    sh`ask_in() {
  local elsewhere=$1
  shift
  client env "PGDATABASE=$elsewhere" psql -XAtqw -v ON_ERROR_STOP=1 "$@"
}`,
    // a name may end in a line break, which $(…) takes away
    sh`name_of() {
  present=$(client sh -c 'printf "%s." "$PGDATABASE"' </dev/null)
  present=\${present%.}
}`,
    // as a value of -d, where a name could be taken for more than a name
    sh`as_word() {
  local word=\${1//\\\\/\\\\\\\\} quote="'"
  printf "dbname='%s'" "\${word//"$quote"/\\\\"$quote"}"
}`,
  );
  return lines(sh`export -f feed_user`, sh`${bash} -c ${lines(words, text).text}`);
}

/** Ends the sessions of a backup, and with them their locks. */
export function giveWay(target: Target, database: PostgresDatabase): Command {
  const sql = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = '${backupSessions}' AND pid <> pg_backend_pid();`;
  return withClient(target, database, sh`ask <<<${sql}`);
}

function client(target: Target, { at, as }: PostgresDatabase, application: string): Command {
  if ('service' in at) return inContainer(target, at, application);
  const reading = lines(
    sh`variable=${at.variable} application=${application}`,
    sh`files=(${target.env.map(({ file }) => file)})`,
    environmentReader,
    script(readFileSync(new URL('./url.sh', import.meta.url), 'utf8')),
  ).text;
  return lines(
    sh`reading=${reading}`,
    sh`client() { ${as === undefined ? sh`` : sh`feed_user ${as}`} ${bash} -c "$reading" client "$@"; }`,
  );
}

/** The word `find_server`, which sets $server to the running container of the database's service. */
export function findServer(target: Target, service: string): Command {
  const project = target.runtime.kind === 'compose' ? target.runtime.project : target.app;
  const flags = [`project=${project}`, `service=${service}`, 'oneoff=False'].flatMap(label => [
    '--filter',
    `label=com.docker.compose.${label}`,
  ]);
  return sh`find_server() {
  server=$(docker ps -q --no-trunc ${flags}) || return 1
  server=\${server%%$'\\n'*}
  [[ $server ]] || { echo ${`the service ${service} of ${project} does not run`} >&2; return 1; }
}`;
}

/** Options that the compose file gives to the app's psql are not ours. The password that the image was started with never leaves the container; most of them need none in there. */
const inside = `unset PGOPTIONS PGSERVICE PGSERVICEFILE PGCLIENTENCODING PGDATESTYLE PGTZ PGGEQO LANGUAGE
export LC_ALL=C
if [ -z "\${PGPASSWORD:-}" ]; then
  if [ -r "\${POSTGRES_PASSWORD_FILE:-}" ]; then PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); else PGPASSWORD=\${POSTGRES_PASSWORD:-}; fi
  export PGPASSWORD
fi
exec "$@"`;

function inContainer(
  target: Target,
  { service, user, name }: { service: string; user: string; name: string },
  application: string,
): Command {
  const variables = [`PGUSER=${user}`, `PGDATABASE=${name}`, `PGAPPNAME=${application}`];
  return sh`${findServer(target, service)}
client() (
find_server || exit 1
exec docker exec -i ${variables.flatMap(variable => ['-e', variable])} "$server" sh -c ${inside} sh "$@"
)`;
}

/** A text of SQL as one literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name in SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
