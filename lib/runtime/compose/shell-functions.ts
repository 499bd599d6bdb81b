// Shell functions of the compose runtime: compose for a folder, pinned images, restart policies.
import type { Target } from '../../target/target.ts';
import type { ComposeSettings } from '../../target/runtime-settings.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { portVariables, type Colour } from '../../release/colours.ts';
import { hostPrograms, makeEmptyImage } from '../../host/run-as.ts';
import type { Release } from '../../release/release.ts';
import { imageWords } from './images.ts';
import { successorFunctions } from './make-ahead.ts';

/** Where a release runs: its own folder, or the place of its colour in it. Each has compose.yml, compose.env and services. */
export function releaseFolder(release: Release): string {
  return release.colour ? `${release.folder}/${release.colour}` : release.folder;
}

/** The variables of the compose file, with the ports of a colour where the proxy needs to know them. */
export function variablesOf(
  target: Target,
  settings: ComposeSettings,
  colour: Colour = 'blue',
): Record<string, string> {
  return { ...settings.variables, ...(target.site && portVariables(target.site, colour)) };
}

/** Bash functions for every step. */
export function composeFunctions(target: Target, settings: ComposeSettings): Command {
  const { project } = settings;
  return lines(
    // a place of a colour says its project; everything else runs in the target's own
    sh`project_of() { if is_there "$1/project"; then cat "$1/project"; else echo ${project}; fi; }`,
    // Files are read by cat everywhere: $(<file) of bash 5.2 is empty, without an error, when the file cannot be read.
    // dc place words…: docker compose for what is in that folder. Variables of the login shell would win over the env
    // file, so those that the file sets are taken away first.
    sh`dc() {
  local place=$1 also=0 more=() from=${target.root} before=() project
  shift
  project=$(project_of "$place") || return 1
  [[ ! \${KEEPER_RUN:-} ]] || docker_is_there || return 1
  # what another tool deployed was made in a folder of its own, of several files, with variables of that tool
  if is_there "$place/directory"; then from=$(cat "$place/directory") || return 1; fi
  if is_there "$place/before.env"; then before=(--env-file "$place/before.env"); fi
  while is_there "$place/also-$also.yml"; do more+=(-f "$place/also-$also.yml"); also=$((also + 1)); done
  if is_there "$place/volumes.yml"; then more+=(-f "$place/volumes.yml"); fi
  if is_there "$place/limits.yml"; then more+=(-f "$place/limits.yml"); fi
  env ${['IMAGE_TAG', ...Object.keys(variablesOf(target, settings))].flatMap(name => ['-u', name])} docker compose -p "$project" --project-directory "$from" --env-file "$place/compose.env" "\${before[@]}" -f "$place/compose.yml" "\${more[@]}" "$@"
}`,
    imageWords(project),
    // services_now place [-a]: the containers that run, or that there are, of the place's services; docker answers several
    // times faster than compose
    sh`services_now() {
  local project
  project=$(project_of "$1") || return 1
  docker ps \${2:-} --no-trunc --filter label=com.docker.compose.project="$project" --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.service"}} {{.ID}}' |
    awk 'NR == FNR {wanted[$1]; next} $1 in wanted {print $2}' "$1/services" - | sort
}`,
    // dc_services place words…: the same for the services of that place. Without their names compose would mean all of
    // them, accessories too: a list that cannot be read or is empty is a failure.
    sh`dc_services() {
  local place=$1 services
  services=$(cat "$place/services") || return 1
  [[ $services ]] || fail "$place/services names no service"
  dc "$@" $services
}`,
    // with_ids place command…: with the containers that were noted for it
    sh`with_ids() {
  local place=$1 ids
  shift
  ids=$(cat "$place/ids") || return 1
  [[ $ids ]] || fail "$place/ids names no container"
  "$@" $ids
}`,
    sh`start_release() {
  dc_services "$1" up --no-start --no-deps --quiet-pull
  note_containers "$1"
}`,
    // make_reachable place: containers whose networks somebody removed, or took them out of, are made again: as they are they
    // would not start, or nobody would reach them
    sh`make_reachable() {
  local place=$1 nets net
  [[ -s $place/ids ]] || return 0
  nets=$(with_ids "$place" docker inspect -f '{{range .NetworkSettings.Networks}}{{.NetworkID}} {{else}}gone {{end}}' 2>/dev/null) || return 0
  for net in $nets; do
    if docker network inspect "$net" >/dev/null 2>&1; then continue; fi
    echo "a network of its containers is gone: they are made again"
    dc_services "$place" up --no-start --no-deps --force-recreate --quiet-pull
    rm -f "$place/ids"
    return 0
  done
}`,
    sh`note_containers() {
  local folder=$1
  services_now "$folder" -a >"$folder/ids.new"
  # containers that are there already may be candidates with their policy taken away: what was noted stays true
  if cmp -s "$folder/ids.new" "$folder/ids" && [[ -s $folder/policies ]]; then rm "$folder/ids.new"; return 0; fi
  mv "$folder/ids.new" "$folder/ids"
  note_policies "$folder"
}`,
    sh`note_policies() {
  with_ids "$1" docker inspect -f '{{.Id}} {{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}' >"$1/policies"
}`,
    // once_only container…: none of them is started again when it ends. Docker refuses that for one that ends just now.
    sh`once_only() {
  local try
  for try in 1 2 3 4; do
    if docker update --restart no "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  docker update --restart no "$@" >/dev/null
}`,
    // despite_kept_port command…: of a container that was only being started when the power went, Docker 20.10 keeps the port
    // until it is restarted itself (moby/libnetwork#1790). At boot that is done, once; later it is reported.
    sh`despite_kept_port() {
  if "$@" 2>"$KEEPER_RUN/complaint"; then return 0; fi
  cat "$KEEPER_RUN/complaint" >&2
  grep -q 'port is already allocated' "$KEEPER_RUN/complaint" || return 1
  if [[ ! \${KEEPER_BOOT:-} ]] || ! mkdir "$KEEPER_RUN/docker" 2>/dev/null || ! restart_docker; then
    fail 'if no container has that port, Docker kept it when the server lost its power: sudo systemctl restart docker'
  fi
  "$@"
}`,
    // who may talk to Docker is root's equal, and needs no sudo for this
    sh`restart_docker() {
  local was now try
  was=$(systemctl show -p InvocationID --value docker) || return 1
  ${makeEmptyImage}
  # it does not hear how that ends, as Docker goes meanwhile
  docker run --rm --network none --pid host --security-opt apparmor=unconfined -v /run:/run ${hostPrograms} bookops-empty /usr/bin/systemctl --no-block restart docker >/dev/null 2>&1 || true
  for ((try = 0; try < 60; try++)); do
    sleep 1
    now=$(systemctl show -p InvocationID --value docker) || continue
    if [[ $now != "$was" ]] && docker version >/dev/null 2>&1; then return 0; fi
  done
  return 1
}`,
    successorFunctions,
    // stop_release place seconds: compose knows the order of several; for one, Docker is asked at once, as visitors are waiting
    sh`stop_release() {
  local place=$1 seconds=$2 ids now
  if [[ ! -e $place ]]; then # somebody removed the folder that says which services it has
    ids=$(docker ps --no-trunc --filter ${`label=com.docker.compose.project=${project}`} --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.service"}} {{.ID}}' | awk ${`${settings.accessories.map(name => `$1 != ${JSON.stringify(name)}`).join(' && ') || '1'} {print $2}`})
    [[ ! $ids ]] || docker stop -t "$seconds" $ids >/dev/null
    return 0
  fi
  ids=$(cat "$place/ids" 2>/dev/null || true)
  if [[ $ids && $ids != *$'\n'* ]]; then
    docker stop -t "$seconds" "$ids" >/dev/null 2>&1 &
    now=$(services_now "$place")
    if wait $! && [[ ! $now || $now == "$ids" ]]; then return 0; fi
  fi
  dc_services "$place" stop -t "$seconds"
}`,
    // stop_new seconds container: one that may have begun only just now. As the first process of a container, a program that
    // does not listen yet lets a signal pass, and Docker says it once: it is said again until the container has ended.
    sh`stop_new() {
  local signal
  signal=$(docker inspect -f '{{.Config.StopSignal}}' "$2" 2>/dev/null) || return 0
  docker stop -t "$1" "$2" >/dev/null 2>&1 &
  while sleep 0.5 && kill -0 $! 2>/dev/null; do docker kill -s "\${signal:-SIGTERM}" "$2" >/dev/null 2>&1 || true; done
  wait $! || true
}`,
    // what another tool started has no list of ours until a deploy takes it over
    sh`ids_of() {
  local project
  if is_there "$1/ids"; then
    cat "$1/ids" || return 1
    return 0
  fi
  project=$(project_of "$1") || return 1
  docker ps -aq --no-trunc --filter label=com.docker.compose.project="$project"
}`,
    sh`permanent() {
  local policy ids all
  all=$(awk '{ids[$2] = ids[$2] " " $1} END {for (one in ids) print one ids[one]}' "$1/policies")
  [[ $all ]] || return 0
  # one call for all that have the same policy
  while read -r policy ids; do docker update --restart "\${policy%:0}" $ids >/dev/null; done <<<"$all"
}`,
  );
}
