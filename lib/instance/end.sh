# Removes instances that have expired and those that were never finished, with everything; cron starts it each minute, so
# also after the server was off. Words: nothing · `later` to wait for who works on them · `end NAME` for only that one, now.
# Defined above: folder (all instances), prefix (of their Compose projects), include and tied (how nginx reads them), cron_line,
# and the functions of lock.sh and lib/cron/crontab.sh.
set -uo pipefail
export LC_ALL=C PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi </dev/null
}

is_over() { # dir: its time is up, or it has none
  local end
  [[ -e $1/instance ]] || return 0
  end=$(sed -nE '1s/^end=([0-9]+) .*/\1/p' "$1/instance")
  [[ $end ]] && (($(date +%s) >= end))
}

none_or() { # program words… -- things…: only when there are things
  [[ ${*: -1} == -- ]] || "$@" >/dev/null
}

# shellcheck disable=SC2086 # lists of ids, which must fall apart into words
end_instance() { # dir seconds-to-wait forced: whatever is interrupted goes on from here the next minute
  local dir=$1 name=${1##*/} project ids of
  [[ $name =~ ^[a-z][a-z0-9-]*$ && -d $dir && ! -L $dir ]] || return 0
  project=$prefix$name
  if [[ -d $dir/releases/.keeper ]]; then
    exec 9>>"$dir/releases/.keeper/lock" || return
    if ! flock -w "$2" 9; then
      echo "somebody works on $name: $(head -c 200 "$dir/releases/.keeper/holder" 2>/dev/null)" >&2
      return 1
    fi
  fi
  lock_instances || return
  if [[ ! $3 ]] && ! is_over "$dir"; then # somebody gave it more time meanwhile
    exec 7<&-
    return 0
  fi
  rm -f "$dir/instance"
  exec 7<&-
  docker version >/dev/null || return
  if [[ -e $dir/proxy/site.conf ]]; then
    rm -f "$dir/proxy/site.conf"
    reload_proxy
  fi
  of=label=com.docker.compose.project=$project
  ids=$(docker ps -aq --filter "$of") && none_or docker rm -fv -- $ids || return
  ids=$(docker network ls -q --filter "$of") && none_or docker network rm -- $ids || return
  ids=$(docker volume ls -q --filter "$of") && none_or docker volume rm -f -- $ids || return
  forget_images "$dir" "$project"
  wipe "$dir"
}

reload_proxy() { # when nginx refuses its configuration, that is the fault of another site, and it runs on with what it has
  grep -qsxF "$include" "$tied" || return 0
  if as_root nginx -t 2>/dev/null; then as_root systemctl reload nginx; fi
}

forget_images() { # dir project: our tags, then each image that nobody else holds
  local pin image
  for pin in $(docker image ls --format '{{.Repository}}:{{.Tag}}' --filter "reference=bookops-keep/$2:*"); do
    docker image rm "$pin" >/dev/null
  done
  cut -d' ' -f1 "$1"/releases/*/images 2>/dev/null | sort -u | while read -r image; do
    docker image inspect -f '{{join .RepoTags " "}}' "$image" 2>/dev/null | grep -q 'bookops-keep/' && continue
    [[ $(docker ps -aq --filter "ancestor=$image") ]] || docker image rm "$image" >/dev/null 2>&1
  done
}

# wipe dir: what the app wrote as another user goes through Docker, in an image that is empty. It has no name, as two may wipe at
# once: the lock of an instance goes with its folder.
wipe() {
  local dir=$1 image seen=() path
  rm -rf "$dir" 2>/dev/null
  [[ -e $dir ]] || return 0
  for path in /usr /bin /lib /lib64; do [[ ! -d $path ]] || seen+=(-v "$path:$path:ro"); done
  image=$(tar -cf - --files-from /dev/null | docker import -c 'LABEL bookops.wipe=yes' -) &&
    docker run --rm --network none "${seen[@]}" -v "$folder:$folder" "$image" /bin/rm -rf "$dir"
  docker image rm "$image" >/dev/null
  docker image prune -f --filter label=bookops.wipe --filter until=1h >/dev/null # of one that was killed
  [[ ! -e $dir ]]
}

settle_crontab() { # seconds-to-wait: what others wrote there stays; the lines of instances that are gone go with them
  if [[ -d $folder/.keeper && ! $(compgen -G "$folder/*/") ]]; then # not while somebody who took the last one down is here
    exec 9>>"$folder/.keeper/lock" && flock -w "$1" 9 || return 0
  fi
  lock_instances || return
  change_crontab 20 lines_of_now || return
  [[ ! $(compgen -G "$folder/*/") ]] || return 0
  rm -rf "$folder/sweep.sh" "$folder/.keeper" "$folder/.lock"
  rmdir "$folder" 2>/dev/null
  return 0
}

lines_of_now() { # a filter
  local line name waits='' there=''
  [[ ! $(compgen -G "$folder/*/") ]] || waits=yes
  while IFS= read -r line || [[ $line ]]; do
    if [[ $line == "$cron_line" ]]; then
      [[ $waits && ! $there ]] || continue
      there=yes
    fi
    name=${line#*" $folder/"}
    if [[ $line == *" $folder/"*'/releases/.keeper/keeper.sh settle '* && ! -d $folder/${name%%/*} ]]; then continue; fi
    printf '%s\n' "$line"
  done
  [[ ! $waits || $there ]] || printf '%s\n' "$cron_line"
}

main() { # read whole before it runs, because it removes its own file
  local dir wait=0
  cd / || exit
  if [[ ${1:-} == end ]]; then
    end_instance "$folder/$2" 20 forced
    exit
  fi
  [[ -d $folder ]] || exit 0
  [[ ${1:-} != later ]] || wait=60
  for dir in "$folder"/*/; do
    ! is_over "${dir%/}" || end_instance "${dir%/}" "$wait" '' 2>/dev/null
  done
  settle_crontab "$wait"
  exit
}
main "$@"
