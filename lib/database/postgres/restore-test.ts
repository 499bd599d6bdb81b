// Restores a dump into an isolated server that is removed afterwards: a container of the service's image, or a cluster on the host.
import type { PostgresFacts } from '../facts.ts';
import type { Check } from '../../finding.ts';
import { readFileSync } from 'node:fs';
import { run, type Remote } from '../../host/run.ts';
import { compareRows } from '../row-counts.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { bash } from '../../host/environment.ts';
import { lines, quote, script, sh, type Command } from '../../host/sh.ts';
import { findServer, identifier, literal } from './client.ts';
import { counting, readPostgres } from './counts.ts';

/** Where a dump is tried: in the image of this service of the target, or with the programs that the host has. */
export type Trial = { target: Target; service: string } | 'cluster';

/** The drill's own way for a target; `elsewhere`: on a machine that has no containers of it. */
export function trialOf(target: Target, elsewhere: boolean): Trial {
  const { database } = target;
  if (elsewhere || database?.kind !== 'postgres' || !('service' in database.at)) return 'cluster';
  return { target, service: database.at.service };
}

/** Whether the host has programs that are new enough. */
export async function canTry(way: Remote, facts: PostgresFacts): Promise<boolean> {
  return ((await findPrograms(way))?.major ?? 0) >= Number.parseInt(facts.server, 10);
}

/** Where the host has initdb and postgres; undefined: nowhere. */
async function findPrograms(way: Remote): Promise<{ folder: string; major: number } | undefined> {
  const text = lines(
    sh`folder=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)`,
    sh`[ -x "$folder/initdb" ] || folder=$(dirname "$(command -v initdb 2>/dev/null || echo /none/)")`,
    sh`[ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] || exit 0`,
    sh`echo "$("$folder/postgres" --version | grep -oE '[0-9]+' | head -n 1) $folder"`,
  );
  const said = (await run(way, text, "looking for Postgres' programs")).trim();
  const [, major, folder] = /^(\d+) (.*)$/.exec(said) ?? [];
  return folder === undefined ? undefined : { folder, major: Number(major) };
}

/** Restores `<folder>/database.dump` and counts it. @throws Failure 1 when that cannot be tried there. */
export async function tryDump(way: Remote, trial: Trial, folder: string, facts: PostgresFacts): Promise<Check[]> {
  const command = trial === 'cluster' ? await inCluster(way, folder, facts) : inContainer(trial, folder, facts);
  const said = await run(way, command, 'restoring the dump');
  const [, lacking] = /^lacking (.*)$/m.exec(said) ?? [];
  if (lacking !== undefined)
    throw new Failure(1, `${way.host.where} has no extension ${lacking}, which the database uses`, {
      advice: 'install its package there, or drill elsewhere: --here',
    });
  return judgeRestore(said, facts);
}

function inContainer({ target, service }: Exclude<Trial, string>, folder: string, facts: PostgresFacts): Command {
  const place = '/tmp/bookops';
  const text = `mkdir ${place}\nplace=${place}\n${proving(facts, true)}`;
  return lines(
    script('set -uo pipefail'),
    // those of drills whose scratch is gone: they were killed
    sh`docker ps -a --filter label=bookops.drill --format '{{.ID}} {{.Label "bookops.drill"}}' | while read -r other home; do
  [ -d "$home" ] || docker rm -f -v "$other" >/dev/null
done`,
    findServer(target, service),
    script('find_server || exit 1'),
    sh`image=$(docker inspect -f '{{.Image}}' "$server") || exit 1`,
    // the user that the server itself runs as, whatever the image calls it
    sh`user=$(docker exec "$server" sh -c ${'for one in /proc/[0-9]*; do if [ "$(cat "$one/comm" 2>/dev/null)" = postgres ]; then stat -c %u:%g "$one"; break; fi; done'})`,
    sh`[ -n "$user" ] || { echo ${`no process in the container of ${service} is called postgres`} >&2; exit 1; }`,
    sh`docker run --rm -i --network none --cap-drop ALL --security-opt no-new-privileges --label ${`bookops.drill=${folder}`} --user "$user" --entrypoint sh "$image" -c ${text} <${`${folder}/database.dump`}`,
  );
}

async function inCluster(way: Remote, folder: string, facts: PostgresFacts): Promise<Command> {
  const programs = await findPrograms(way);
  const wanted = Number.parseInt(facts.server, 10);
  const advice = `there: sudo apt-get install postgresql; or on this machine, when it has them: --here`;
  if (!programs) throw new Failure(1, `${way.host.where} has no Postgres server to restore a dump with`, { advice });
  if (programs.major < wanted)
    throw new Failure(1, `${way.host.where} has Postgres ${programs.major}, and the dump is of ${wanted}`, { advice });
  const text = `PATH=${quote(programs.folder)}:$PATH\n${proving(facts, false)}`;
  return lines(
    script('set -uo pipefail'),
    // initdb refuses root, and another user does not reach a folder of root's
    sh`if ((EUID == 0)); then
  owner=$(id -un postgres 2>/dev/null || echo nobody)
  base=\${TMPDIR:-/var/tmp}
  for other in "$base"/bookops-cluster.*; do
    [ -d "$other" ] || continue
    (exec 9<"$other" && flock -n 9 && rm -rf "$other") 2>/dev/null
  done
  # who is ended in just this moment has nothing to leave: the name is known before the folder is there
  place=$(mktemp -u "$base/bookops-cluster.XXXXXXXX") || exit 1
  mine= proving=
  trap 'kill "$proving" 2>/dev/null; wait; [ -z "$mine" ] || rm -rf "$place" || { sleep 1; rm -rf "$place"; }' EXIT
  trap 'exit 143' TERM INT HUP
  mine=yes
  mkdir -m 700 "$place" || { mine=; exit 1; }
  exec 8<"$place"
  # who tidies up may have seen it without a lock just now, and taken it away
  flock -w 20 8 && [ -d "$place" ] || { echo "another drill tidies up $base just now: try again" >&2; exit 1; }
  chown "$owner" "$place"
  change=(--reuid "$owner" --regid "$(id -gn "$owner")" --clear-groups)
else
  place=${`${folder}/cluster`}
  mkdir "$place" || exit 1
  change=()
fi
proving=`,
    sh`place=$place setpriv "\${change[@]}" ${bash} -c ${text} <${`${folder}/database.dump`} 8<&- &
proving=$!
wait "$proving"`,
  );
}

/** The text for sh that restores and counts; `place` is set before it. */
function proving(facts: PostgresFacts, powerful: boolean): string {
  const roles = facts.roles
    .filter(name => !['bookops', 'restorer'].includes(name) && !name.startsWith('pg_'))
    .map(name => `CREATE ROLE ${identifier(name)};`)
    .join(' ');
  const names = `ARRAY[${facts.extensions.map(literal).join(', ')}]::text[]`;
  // what may be made by its owner comes with the dump; the rest has to be there before
  const trusting = `SELECT string_agg(name, ', ') FROM unnest(${names}) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_available_extensions a WHERE a.name = wanted.name)
HAVING count(*) > 0;
SELECT format('CREATE EXTENSION IF NOT EXISTS %I', a.name) FROM pg_available_extensions a
JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
WHERE a.name = ANY (${names}) AND NOT v.trusted \\gexec`;
  const values = {
    encoding: facts.encoding,
    // a dump is a program: in a container without a network it may be anybody, on a host it must not start others
    super: powerful ? 'SUPERUSER' : 'NOSUPERUSER',
    roles: roles || ' ',
    trusting: powerful ? 'SELECT 1 WHERE false;' : trusting,
    counting,
  };
  const settings = Object.entries(values).map(([name, value]) => `${name}=${quote(value)}`);
  return [...settings, readFileSync(new URL('./restore-test.sh', import.meta.url), 'utf8')].join('\n');
}

/** @throws Failure 1 when the counting itself did not work. */
export function judgeRestore(said: string, wanted: PostgresFacts): Check[] {
  const restored = /^restore (.*)$/m.exec(said)?.[1]?.trim() ?? 'no answer';
  const checks: Check[] = [
    { name: 'pg_restore', good: restored === 'good', found: restored === 'good' ? 'ended well' : restored },
  ];
  if (restored !== 'good') return checks;
  const counts = readPostgres(said);
  const told = ({ constraints: { count, notValid } }: PostgresFacts) =>
    `${count}, ${notValid ? `${notValid} of them not validated` : 'all valid'}`;
  const same = told(counts) === told(wanted);
  const found = same ? told(counts) : `${told(counts)}; and were ${told(wanted)}`;
  return [...checks, { name: 'constraints', good: same, found }, compareRows(counts, wanted)];
}
