#!/bin/bash
# Stands in for docker and its compose, with a folder as the engine's state: only what our steps and undos call. It exists because
# the real one cannot be made to fail at one call, or in the middle of one. $ENGINE: the state. ENGINE_FAULT `fails N` or
# `killed N`: right after the Nth thing that it changes, the call fails, or all that was started is killed.
# What it says is compared with docker-words/answers.txt, which Docker 20.10.24 with Compose 2.26.1 gave to the same calls.
preload=${LD_PRELOAD:-}
unset LD_PRELOAD
set -euo pipefail
shopt -s nullglob
cd "$ENGINE"

changed() { # one thing of the state is another now
  local count
  read -r count <changes
  echo $((++count)) >changes
  case ${ENGINE_FAULT:-} in
    "fails $count") echo 'Error response from daemon: it failed' >&2; exit 1 ;;
    "killed $count") kill -9 0; sleep 9 ;;
  esac
}

new_id() { # what: sets id
  local count
  read -r count <next
  echo $((++count)) >next
  printf -v id '%012x%052x' "$((count * 123456789012 % 16#ffffffffffff))" "$count"
}

load() { . "containers/$1"; }
save() { # id
  printf '%s=%q\n' name "$name" project "$project" service "$service" state "$state" policy "$policy" image "$image" image_id "$image_id" nets "$nets" port "$port" oneoff "$oneoff" >"containers/$1"
  changed
}
find_container() { # name or id: sets id
  local one
  for one in containers/"$1"*; do id=${one#*/}; return 0; done
  for one in containers/*; do
    if (load "${one#*/}"; [[ $name == "${1#/}" ]]); then id=${one#*/}; return 0; fi
  done
  echo "Error response from daemon: No such container: $1" >&2
  return 1
}

begin() { # id: it runs
  local other mine=$1 my_port
  load "$mine"
  [[ $state != running ]] || return 0
  my_port=$port
  for other in containers/*; do
    load "${other#*/}"
    if [[ $my_port && $state == running && $port == "$my_port" ]]; then
      echo "Error response from daemon: driver failed programming external connectivity: Bind for 127.0.0.1:$port failed: port is already allocated" >&2
      return 1
    fi
  done
  load "$mine"
  state=running
  save "$mine"
}
end() { # id
  load "$1"
  [[ $state == running ]] || return 0
  state=exited
  save "$1"
}
drop() { # id force
  load "$1"
  if [[ $state == running && ! $2 ]]; then
    echo "Error response from daemon: cannot remove container \"/$name\": container is running: stop the container before removing or force remove" >&2
    return 1
  fi
  rm "containers/$1"
  changed
}

tag_file() { tag=$1; [[ ${tag##*/} == *:* ]] || tag+=:latest; tag=images/${tag//\//%}; }
image_of() { # name, tag or id: sets image_id
  local one
  tag_file "$1"
  if [[ -e $tag ]]; then read -r image_id <"$tag"; return 0; fi
  for one in images/*; do
    read -r image_id <"$one"
    [[ $image_id != "$1" ]] || return 0
  done
  echo "Error response from daemon: No such image: $1" >&2
  return 1
}

ps_() {
  local all='' quiet='' width=12 format='' filters=() one filter keep
  while (($#)); do
    case $1 in
      -a) all=yes ;;
      -q) quiet=yes ;;
      -aq) all=yes quiet=yes ;;
      --no-trunc) width=64 ;;
      --format) format=$2; shift ;;
      --filter) filters+=("$2"); shift ;;
    esac
    shift
  done
  for one in containers/*; do
    id=${one#*/}
    load "$id"
    [[ $all || $state == running ]] || continue
    keep=yes
    for filter in "${filters[@]}"; do
      case $filter in
        label=com.docker.compose.project=*) [[ $project == "${filter##*=}" ]] || keep='' ;;
        label=com.docker.compose.service=*) [[ $service == "${filter##*=}" ]] || keep='' ;;
        label=com.docker.compose.oneoff=*) [[ $oneoff == "${filter##*=}" ]] || keep='' ;;
        name=*) [[ /$name =~ ${filter#*=} || $name =~ ${filter#*=} ]] || keep='' ;;
        network=*) [[ " $nets " == *" ${filter#*=} "* ]] || keep='' ;;
        *) echo "no such filter here: $filter" >&2; exit 64 ;;
      esac
    done
    [[ $keep ]] || continue
    case $quiet$format in
      yes) echo "${id:0:width}" ;;
      '{{.Label "com.docker.compose.service"}} {{.ID}}') echo "$service ${id:0:width}" ;;
      *) echo "no such format here: $format" >&2; exit 64 ;;
    esac
  done
}

inspect() { # -f format name…
  local format=$2 one bad=0
  shift 2
  for one; do
    find_container "$one" || { bad=1; continue; }
    load "$id"
    case $format in
      '{{.Name}}') echo "/$name" ;;
      '{{.Id}} {{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}') echo "$id $policy:0" ;;
      '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.HostConfig.RestartPolicy.Name}}') echo "/$name $state 0 false $policy" ;;
      '{{range .Mounts}}{{println .Name}}{{end}}') echo ;;
      '{{range .NetworkSettings.Networks}}{{println .NetworkID}}{{end}}') printf '%s\n' $nets '' ;;
      '{{.Config.StopSignal}}') echo ;;
      '{{.Name}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}} {{.Config.Image}}') echo "/$name $state $policy $image" ;;
      '{{.Config.Image}} {{.Image}}') echo "$image $image_id" ;;
      *) echo "no such format here: $format" >&2; exit 64 ;;
    esac
  done
  return $bad
}

image_() {
  local format='' one bad=0 what=$1 used
  shift
  if [[ $1 == -f ]]; then format=$2; shift 2; fi
  if [[ $what == ls ]]; then
    [[ $# == 3 && $1 == -q && $2 == --no-trunc ]] || exit 64
    image_of "$3" 2>/dev/null && echo "$image_id"
    return 0
  fi
  for one; do
    case $what in
      inspect)
        image_of "$one" || { bad=1; continue; }
        case $format in
          '') echo '[{}]' ;;
          '{{.Id}}') echo "$image_id" ;;
          '{{range .RepoDigests}}{{println .}}{{end}}') echo ;;
          '{{join .RepoTags " "}}')
            local tags=() other
            for used in images/*; do
              read -r other <"$used"
              if [[ $other == "$image_id" ]]; then used=${used#images/}; tags+=("${used//%//}"); fi
            done
            echo "${tags[*]}"
            ;;
          *) echo "no such format here: $format" >&2; exit 64 ;;
        esac
        ;;
      rm)
        image_of "$one" || { bad=1; continue; }
        local wanted=$image_id count=0 other
        for used in images/*; do read -r other <"$used"; [[ $other != "$wanted" ]] || count=$((count + 1)); done
        for used in containers/*; do
          load "${used#*/}"
          if [[ $image_id == "$wanted" && $count == 1 ]]; then
            echo "Error response from daemon: conflict: unable to remove repository reference \"$one\" (must force) - container ${used:11:12} is using its referenced image" >&2
            exit 1
          fi
        done
        tag_file "$one"
        rm "$tag"
        changed
        ;;
      *) exit 64 ;;
    esac
  done
  return $bad
}

network() {
  local what=$1 one owner
  shift
  case $what in
    ls)
      local width=12 wanted=${*: -1}
      [[ " $* " != *' --no-trunc '* ]] || width=64
      for one in networks/*; do
        read -r owner <"$one"
        if [[ $owner == "${wanted##*=}" ]]; then one=${one#*/}; echo "${one:0:width}"; fi
      done
      ;;
    inspect)
      for one in networks/"$3"*; do cat "$one"; return 0; done
      echo "Error response from daemon: network $3 not found" >&2
      return 1
      ;;
    rm)
      for one in networks/"$1"*; do
        for id in containers/*; do
          load "${id#*/}"
          if [[ $state == running && " $nets " == *" ${one#*/} "* ]]; then
            echo "Error response from daemon: error while removing network: network $1 has active endpoints" >&2
            return 1
          fi
        done
        rm "$one"
        changed
        return 0
      done
      echo "Error response from daemon: network $1 not found" >&2
      return 1
      ;;
    connect | disconnect)
      for one in networks/"${*: -2:1}"*; do
        find_container "${*: -1}" || return 1
        load "$id"
        one=${one#*/}
        if [[ $what == connect && " $nets " == *" $one "* ]]; then echo "Error response from daemon: endpoint with name $name already exists in network" >&2; return 1; fi
        if [[ $what == connect ]]; then nets+=" $one"; else nets=" $nets " nets=${nets/ $one / }; nets=${nets# }; nets=${nets% }; fi
        save "$id"
        return 0
      done
      echo "Error response from daemon: network ${*: -2:1} not found" >&2
      return 1
      ;;
  esac
}

# model project file tag: sets services, and image_, policy_, port_ of each
read_model() {
  local line key value now='' text
  text=$(cat "$1") || exit 1 # a file that cannot be read is not one that has ended
  services=()
  declare -gA of_image=() of_policy=() of_port=()
  while IFS= read -r line; do
    line=${line//'${IMAGE_TAG}'/$IMAGE_TAG}
    line=${line//'${PORT}'/${PORT:-}}
    if [[ $line =~ ^'  '([a-z]+):$ ]]; then now=${BASH_REMATCH[1]}; services+=("$now"); of_policy[$now]=no of_port[$now]=''
    elif [[ $line =~ ^'    '([a-z]+):\ (.*)$ ]]; then
      key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
      case $key in
        image) of_image[$now]=$value ;;
        restart) of_policy[$now]=$value ;;
        ports) value=${value//[\[\]\"]/}; of_port[$now]=${value%%:*} ;;
      esac
    fi
  done <<<"$text"
}
those_of() { # project service: sets found, the oldest first by name
  local one all=() got
  found=()
  for one in containers/*; do
    load "${one#*/}"
    if [[ $project == "$1" && $service == "$2" && $oneoff == False ]]; then all+=("$name ${one#*/}"); fi
  done
  ((${#all[@]})) || return 0
  while read -r _ got; do found+=("$got"); done < <(printf '%s\n' "${all[@]}" | sort)
}
create() { # project service name
  local net
  image_of "${of_image[$2]}" || return 1
  project=$1 service=$2 name=$3 state=created policy=${of_policy[$2]} image=${of_image[$2]} port=${of_port[$2]} oneoff=${4:-False} nets=''
  for net in networks/*; do
    local owner
    read -r owner <"$net"
    if [[ $owner == "$1" ]]; then nets=${net#*/}; fi
  done
  new_id
  save "$id"
}

compose() {
  local in='' file='' one value services=() chosen=() what start=yes recreate=yes scale='' seconds
  while [[ $1 == -* ]]; do
    case $1 in
      -p) in=$2 ;;
      -f) [[ $file ]] || file=$2 ;;
      --env-file) while IFS= read -r one; do value=${one#*=}; value=${value#[\'\"]}; export "${one%%=*}=${value%[\'\"]}"; done <"$2" ;;
      --project-directory) ;;
    esac
    shift 2
  done
  what=$1
  shift
  local words=()
  while (($#)); do
    case $1 in
      -t | --wait-timeout | --policy) shift ;;
      --scale) scale=$2; shift ;;
      --name) one=$2; shift ;;
      --no-start) start='' ;;
      --no-recreate) recreate='' ;;
      -*) words+=("$1") ;;
      *) chosen+=("$1") ;;
    esac
    shift
  done
  read_model "$file"
  ((${#chosen[@]})) || chosen=("${services[@]}")
  case $what in
    config)
      case "${words[*]}" in
        --services) printf '%s\n' "${services[@]}" ;;
        --images) for one in "${chosen[@]}"; do echo "${of_image[$one]}"; done ;;
        *) echo "name: $in" ;;
      esac
      ;;
    pull)
      for one in "${chosen[@]}"; do
        tag_file "${of_image[$one]}"
        if [[ ! -e $tag ]]; then echo "sha256:$(printf %s "$tag" | sha256sum | cut -c1-64)" >"$tag"; changed; fi
      done
      ;;
    up)
      local net_there='' net owner old n
      for net in networks/*; do read -r owner <"$net"; [[ $owner != "$in" ]] || net_there=yes; done
      if [[ ! $net_there ]]; then new_id; echo "$in" >"networks/$id"; changed; fi
      for one in "${chosen[@]}"; do
        local want=1
        [[ $scale != "$one="* ]] || want=${scale#*=}
        those_of "$in" "$one"
        while ((${#found[@]} > want)); do end "${found[-1]}"; drop "${found[-1]}" ''; unset 'found[-1]'; done
        for old in "${found[@]}"; do
          load "$old"
          if [[ $recreate && $image != "${of_image[$one]}" ]]; then
            local was=$name
            create "$in" "$one" "${old:0:12}_$was"
            local fresh=$id
            end "$old"
            drop "$old" ''
            load "$fresh"
            name=$was
            save "$fresh"
          fi
        done
        for ((n = ${#found[@]}; n < want; n++)); do create "$in" "$one" "$in-$one-$((n + 1))"; done
        if [[ $start ]]; then
          those_of "$in" "$one"
          for old in "${found[@]}"; do begin "$old"; done
        fi
      done
      ;;
    stop | rm | down)
      local all=()
      for one in "${chosen[@]}"; do those_of "$in" "$one"; all+=("${found[@]}"); done
      if [[ $what == down ]]; then
        all=()
        for one in containers/*; do load "${one#*/}"; [[ $project != "$in" ]] || all+=("${one#*/}"); done
      fi
      if [[ $what != rm || "${words[*]}" == *s* ]]; then for one in "${all[@]}"; do end "$one"; done; fi
      if [[ $what != stop ]]; then for one in "${all[@]}"; do load "$one"; [[ $state == running ]] || drop "$one" ''; done; fi
      if [[ $what == down ]]; then
        for net in networks/*; do read -r owner <"$net"; if [[ $owner == "$in" ]]; then rm "$net"; changed; fi; done
      fi
      ;;
    run)
      local by=$one
      create "$in" "${chosen[0]}" "$by" True
      local made=$id
      begin "$made"
      if [[ -e migration ]]; then exit 1; fi # it goes on while the client is gone
      end "$made"
      drop "$made" ''
      ;;
    *) exit 64 ;;
  esac
}

run() { # a program of the host as root, with what it is given
  local more=()
  while [[ $1 != bookops-empty ]]; do
    if [[ $1 == -e ]]; then more+=("$2"); fi
    shift
  done
  shift
  exec env LD_PRELOAD="$preload" "${more[@]}" "$@"
}

# every call of the real one may be one that has to wait for another
exec 9>lock
flock 9
what=$1
shift
case $what in
  version) ;;
  ps) ps_ "$@" ;;
  inspect) inspect "$@" ;;
  image) image_ "$@" ;;
  network) network "$@" ;;
  compose) compose "$@" ;;
  run) exec 9>&-; run "$@" ;;
  tag)
    image_of "$1"
    tag_file "$2"
    echo "$image_id" >"$tag"
    changed
    ;;
  import) cat >/dev/null; tag_file "$2"; echo sha256:empty >"$tag"; changed ;;
  start | stop | rm | kill | update)
    force='' policy_now='' bad=0
    while [[ $1 == -* ]]; do
      case $1 in
        -t | -s) shift ;;
        -f) force=yes ;;
        --restart) policy_now=$2; shift ;;
      esac
      shift
    done
    for one; do
      find_container "$one" || { [[ $what$force == rmyes ]] || bad=1; continue; }
      case $what in
        start) begin "$id" || bad=1 ;;
        stop) end "$id" ;;
        kill)
          load "$id"
          [[ $state == running ]] || { echo "Error response from daemon: Cannot kill container: $one: Container $id is not running" >&2; exit 1; }
          end "$id"
          ;;
        rm) drop "$id" "$force" || bad=1 ;;
        update) load "$id"; policy=$policy_now; save "$id" ;;
      esac
      ((bad)) || echo "$one"
    done
    exit $bad
    ;;
  rename)
    find_container "$1"
    mine=$id
    for one in containers/*; do
      load "${one#*/}"
      if [[ $name == "$2" ]]; then echo "Error response from daemon: Conflict. The container name \"/$2\" is already in use" >&2; exit 1; fi
    done
    load "$mine"
    name=$2
    save "$mine"
    ;;
  *) echo "no such command here: $what" >&2; exit 64 ;;
esac
