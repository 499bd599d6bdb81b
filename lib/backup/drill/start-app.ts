// Starts the app of the live release on what a drill restored: on a port of its own, without access to the real data, and always stopped.
import type { Check } from '../../finding.ts';
import { posix } from 'node:path';
import type { Target } from '../../target/target.ts';
import type { DrillStart } from '../../target/backup-settings.ts';
import type { ProcessSettings, SystemdSettings, ComposeSettings } from '../../target/runtime-settings.ts';
import { Failure } from '../../errors.ts';
import { bash } from '../../host/environment.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { hostPrograms, makeEmptyImage } from '../../host/run-as.ts';
import type { Release } from '../../release/release.ts';
import { insideFolder } from '../../runtime/release-folder.ts';
import { composeFunctions, releaseFolder } from '../../runtime/compose/shell-functions.ts';
import { contentChecks, contentSeconds } from './content-checks.ts';

/** What it is to be started from: `folder` has database.sqlite and files/ as they were restored. */
export type Restored = { target: Target; release: Release; folder: string; start: DrillStart };

export function startApp(restored: Restored): Command {
  const { runtime } = restored.target;
  if (runtime.kind === 'compose') return inContainer(restored, runtime);
  if (runtime.kind === 'process') return sh`${bash} -c ${asProcess(restored, runtime, restored.folder).text}`;
  if (runtime.kind === 'once') throw new Failure(3, 'an app of ONCE is not started by a drill: its ports are taken');
  return asItsUser(restored, runtime);
}

/** The user of the app may not look into the scratch folder, and gets copies in a folder beside its releases. */
function asItsUser(restored: Restored, runtime: SystemdSettings): Command {
  const { user } = runtime;
  const { releases } = restored.target.paths;
  const place = script('"$place"');
  return lines(
    // emptied by the user whose files are in it, removed by the one who made it; older ones belong to the former
    sh`remove_place() { as_user ${user} ${bash} -c ${insideFolder} bash "$1" clear; rm -rf -- "$1"; }`,
    // what a server that went down has left
    sh`find ${releases} -mindepth 1 -maxdepth 1 -type d -name '.drill.*' -mmin +1440 -print0 | while IFS= read -r -d '' place; do remove_place "$place"; done`,
    sh`place=$(mktemp -d ${`${releases}/.drill.XXXXXXXX`}) || exit 1`,
    sh`trap 'trap "" TERM INT HUP PIPE; remove_place "$place"' EXIT
trap 'exit 143' TERM INT HUP PIPE`,
    // its group is that of the app's user, as of all that is made in releases
    sh`chmod 770 "$place"`,
    sh`cd ${restored.folder} && ls -d database.sqlite files 2>/dev/null | tar -cf - --files-from - | feed_user ${user} tar -xf - --no-same-owner -C ${place}`,
    sh`as_user ${user} ${bash} -c ${asProcess(restored, runtime, undefined).text} drill ${place}`,
  );
}

/**
 * In a copy of the release, because the release itself has links to the real data; `place` undefined: the first argument.
 * The copy's links lead to what was restored, or to nothing; only what ops.yml names is seen as it is.
 */
function asProcess(
  { target, release, start }: Restored,
  { shared }: ProcessSettings | SystemdSettings,
  place: string | undefined,
): Command {
  const within = posix.relative(target.root, target.paths.shared);
  const database = target.database?.kind === 'sqlite' ? target.database.file : undefined;
  const links = shared.map(path => {
    const inside = sh`"$place"/app/${path}`;
    const real = `${target.paths.shared}/${path}`;
    const above = posix.dirname(path);
    return lines(
      sh`rm -rf -- ${inside}; mkdir -p "$place"/app/${above}`,
      start.shared.includes(path)
        ? sh`ln -s ${real} ${inside}`
        : sh`if [ -e "$place"/files/${`${within}/${path}`} ]; then ln -s "$place"/files/${`${within}/${path}`} ${inside}; fi`,
      // never through a link to the real ones
      !start.shared.includes(path) &&
        database !== undefined &&
        `${database}/`.startsWith(`${real}/`) &&
        sh`mkdir -p "$place"/app/${posix.dirname(posix.join(path, posix.relative(real, database)))} && ln -sfn "$place/database.sqlite" "$place"/app/${posix.join(path, posix.relative(real, database))}`,
    );
  });
  return lines(
    script('set -uo pipefail; umask 077; export LC_ALL=C.UTF-8'),
    place === undefined ? script('place=$1') : sh`place=${place}`,
    sh`mkdir "$place/app" && cp -a --reflink=auto ${release.folder}/. "$place/app/" || { echo 'state uncopied'; exit 0; }`,
    // a release of an older client may have links of its commit that lead to what is real
    shared.length > 0 &&
      sh`${bash} -c ${insideFolder} bash "$place/app" check ${shared} || { echo 'state uncopied'; exit 0; }`,
    ...links,
    sh`cd "$place/app" || exit 1`,
    script(`for try in {1..50}; do
  port=$((20000 + RANDOM % 12000))
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done`),
    ...variables(start, script('"$place/database.sqlite"'), script('"$place/files"')),
    // it ends by itself, too, should nobody be left to end it
    sh`inside() { exec timeout --kill-after=5 "$1" env -i PATH="$PATH" HOME="$place" "\${variables[@]}" "\${@:2}"; }
inside ${start.seconds + 30 + contentSeconds(start)} ${bash} -c ${start.start} </dev/null >"$place/app.log" 2>&1 &
app=$! check=`,
    // PIPE: the reader of a command's end may be gone as well
    script(`over() {
  trap '' TERM INT HUP PIPE
  kill -TERM "$app" 2>/dev/null
  [ -z "$check" ] || kill -KILL -- "-$check" 2>/dev/null
  for try in {1..50}; do kill -0 -- "-$app" 2>/dev/null || break; sleep 0.1; done
  kill -KILL -- "-$app" 2>/dev/null
  wait "$app" 2>/dev/null
}
trap over EXIT
trap 'exit 143' TERM INT HUP PIPE
alive() { kill -0 "$app" 2>/dev/null; }
look() { curl -q -sS --noproxy '*' --max-time 5 -o /dev/null -w '%{http_code}' -- "$1" 2>/dev/null; }`),
    wait(start, script('"http://127.0.0.1:$port"')),
    ...contentChecks(start, bash, script('"$place/check.log"')),
    script('echo "log $(tail -c 4000 "$place/app.log" | base64 -w0)"'),
  );
}

/** An array of `NAME=value` words; placeholders for the drill's own values are filled in on the host. */
function variables({ env }: DrillStart, database: Command, files: Command): Command[] {
  return [
    sh`database=${database} files=${files} variables=()`,
    script(`variable() {
  local value=$2
  value=\${value//"{port}"/"$port"}
  value=\${value//"{database}"/"$database"}
  value=\${value//"{files}"/"$files"}
  variables+=("$1=$value")
}`),
    ...Object.entries(env).map(([name, value]) =>
      value === '' ? sh`variable ${name} ''` : sh`variable ${name} ${value}`,
    ),
  ];
}

/** Says `state ready <seconds>`, `state ended` or `state late <last status>`. */
function wait({ ready, seconds }: DrillStart, address: Command): Command {
  return sh`began=\${EPOCHREALTIME//./} status=000 is_ready=
while :; do
  if ! alive; then echo 'state ended'; break; fi
  status=$(look ${address}${ready})
  took=$(((\${EPOCHREALTIME//./} - began) / 10000))
  if [[ $status == 2?? ]] && alive; then is_ready=yes; printf 'state ready %d.%02d\\n' $((took / 100)) $((took % 100)); break; fi
  if ((took > ${seconds * 100})); then echo "state late $status"; break; fi
  sleep 0.2
done`;
}

/** The image that serves now, without any network: it is asked from a container that shares its loopback. */
function inContainer({ target, release, folder, start }: Restored, settings: ComposeSettings): Command {
  const data = `${folder}/drill`;
  const word = '{{.Image}}';
  return lines(
    composeFunctions(target, settings),
    script('set +e; set -uo pipefail; port=8080'),
    sh`serving=$(docker ps -q --no-trunc --filter label=com.docker.compose.project="$(project_of ${releaseFolder(release)})" --filter label=com.docker.compose.service=${settings.service} | head -n 1)
image=$(docker inspect -f ${word} "$serving") || { echo 'state uncopied'; exit 0; }
${makeEmptyImage}`,
    // any user that the image runs as may write there; no other user of the host can reach this folder
    sh`mkdir ${data} && { [ ! -e ${`${folder}/database.sqlite`} ] || mv ${`${folder}/database.sqlite`} ${data}/; } && { [ ! -e ${`${folder}/files`} ] || mv ${`${folder}/files`} ${data}/; } && chmod -R a+rwX ${data} || exit 1`,
    ...variables(start, script('/drill/database.sqlite'), script('/drill/files')),
    sh`name=bookops-drill-$$-$RANDOM
over() {
  trap '' TERM INT HUP PIPE
  docker rm -f "$name" >/dev/null 2>&1
  docker run --rm --network none --user 0 ${hostPrograms} -v ${`${data}:/drill`} bookops-empty /bin/bash --norc --noprofile -c ${'find /drill -mindepth 1 -delete'} >/dev/null 2>&1
}
trap over EXIT
trap 'exit 143' TERM INT HUP PIPE
alive() { [[ $(docker inspect -f '{{.State.Running}}' "$name" 2>/dev/null) == true ]]; }
look() { docker run --rm --network "container:$name" ${hostPrograms} bookops-empty /usr/bin/curl -q -sS --noproxy '*' --max-time 5 -o /dev/null -w '%{http_code}' -- "$1" 2>/dev/null; }
inside() { exec timeout --kill-after=5 "$1" docker exec -i "$name" "\${@:2}"; }
flags=()
for one in "\${variables[@]}"; do flags+=(-e "$one"); done
docker run -d --name "$name" --network none --stop-timeout 5 -v ${`${data}:/drill`} "\${flags[@]}" "$image" sh -c ${start.start} >/dev/null || { echo 'state ended'; exit 0; }`,
    wait(start, script('"http://127.0.0.1:$port"')),
    ...contentChecks(start, sh`sh`, sh`${`${folder}/check.log`}`),
    script('echo "log $(docker logs --tail 30 "$name" 2>&1 | tail -c 4000 | base64 -w0)"'),
  );
}

/** What it said; the last lines of the app are in `log`. */
export function readStart(said: string, { ready, seconds }: DrillStart): Check & { log: string } {
  const [, state, more = ''] = /^state (\w+) ?(\S*)$/m.exec(said) ?? [];
  const log = Buffer.from(/^log (\S*)$/m.exec(said)?.[1] ?? '', 'base64').toString();
  const name = 'the app starts from it';
  const last = log.split('\n').findLast(line => line.trim()) ?? 'it printed nothing';
  if (state === 'ready') return { name, good: true, found: `${ready} answered after ${more} s`, log };
  // that says nothing about the backup
  if (state !== 'ended' && state !== 'late')
    return { name: 'the app', good: true, found: 'was not started: what serves could not be copied', log };
  const why =
    state === 'ended'
      ? 'it exited by itself'
      : `${ready} ${more === '000' ? 'did not answer' : `answered ${more}`} for ${seconds} s`;
  return { name, good: false, found: `${why}: ${last}`, log };
}
