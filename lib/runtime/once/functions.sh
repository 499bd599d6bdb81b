# Functions for steps on an app of ONCE. They read once_host: the host name that ONCE knows the app by.

# ONCE colours its words and makes links of its hosts, also when no terminal is there
plain_text() {
  sed -u -e $'s/\e\\[[0-9;?]*[A-Za-z]//g' -e $'s/\e\\][^\e\a]*\\(\a\\|\e\\\\\\)//g'
}
once() {
  command once "$@" </dev/null 2>&1 | plain_text
}

# current, legacy (that of the older installer, for one app), unknown or none
once_flavour() {
  local said
  if ! command -v once >/dev/null; then
    echo none
    return 0
  fi
  said=$(timeout 10 once --help </dev/null 2>&1 | plain_text) || true
  if grep -qE '^ *background( |$)' <<<"$said" && grep -qE '^ *restore( |$)' <<<"$said"; then
    echo "current $(timeout 10 once version </dev/null 2>/dev/null | plain_text | head -c 60)"
  elif grep -qwE 'data' <<<"$said" && grep -qwE 'auto-update' <<<"$said"; then
    echo legacy
  else
    echo unknown
  fi
}

# A line per container of the app, the newest first: id, state, app, image, whether ONCE updates it by itself. Of the label's
# JSON nothing else is read, as it holds every variable in clear. In a value of it each " has a \ before it, so what is
# found is a key; what stands before "env" has no key of the user's.
once_containers() {
  local id name state label head app image auto
  docker ps -a --no-trunc --filter label=once --format '{{.ID}} {{.Names}} {{.State}} {{.Label "once"}}' |
    while read -r id name state label; do
      head=${label%%\"env\":*}
      if [[ $name != once-app-* || $head != *"\"host\":\"$once_host\""* ]]; then continue; fi
      app='' image='' auto=unknown
      if [[ $head =~ \"name\":\"([^\"]*)\" ]]; then app=${BASH_REMATCH[1]}; fi
      if [[ $head =~ \"image\":\"([^\"]*)\" ]]; then image=${BASH_REMATCH[1]}; fi
      if [[ $label =~ \"autoUpdate\":(true|false) ]]; then auto=${BASH_REMATCH[1]}; fi
      printf '%s %s %s %s %s\n' "$id" "$state" "${app:-unknown}" "${image:-unknown}" "$auto"
    done
}

# read_once: sets once_id, once_state, once_app, once_image and once_auto of the newest container, all empty without one
read_once() {
  local all
  all=$(once_containers) || return 1
  once_count=$(grep -c . <<<"$all") || once_count=0
  read -r once_id once_state once_app once_image once_auto <<<"$all" || return 1
}

# once_pull image tag folder: notes the image in that folder with its digest, so that a tag that moves changes nothing
once_pull() {
  local digest
  docker pull -q "$1:$2" >/dev/null || fail "$1:$2 cannot be pulled: was it built and pushed (tasks/build.ts), and did this user log in (docker login)?"
  digest=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$1:$2" | grep -m 1 -F "${1#docker.io/}@sha256:") || fail "Docker knows no digest of $1:$2"
  printf '%s\n' "$1:$2@${digest##*@}" | write_file "$3/image"
}

# once_update image auto: ONCE starts it beside the one that serves, and moves visitors when it is healthy. It removes one that is
# not, and its log with it, so that is read meanwhile.
once_update() {
  local before after watcher log code=0
  log=$(mktemp)
  read_once
  before=$once_id
  (
    set +e
    for ((try = 0; try < 3000; try++)); do
      after=$(once_containers | { read -r id _ && echo "$id"; })
      if [[ $after && $after != "$before" ]]; then
        docker logs --follow "$after" >"$log" 2>&1
        exit 0
      fi
      sleep 0.2
    done
  ) >/dev/null 2>&1 </dev/null 3>&- &
  watcher=$!
  once update "$once_host" --image "$1" --auto-update="$2" || code=$?
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  if ((code)); then tail -n 12 "$log" || true; fi
  rm -f "$log"
  if ((code)); then fail "ONCE did not update $once_host to $1"; fi
}

# once_replace folder tls: the release of that folder takes over; what was there is noted for the undo
once_replace() {
  local image
  image=$(cat "$1/image")
  read_once
  keep_note once-before "${once_image:-none} ${once_auto:-none} ${once_state:-none}"
  if [[ $once_id ]]; then
    once_update "$image" false
  else
    # what ONCE removes when this fails is only what it has made just now
    once deploy "$image" --host "$once_host" --disable-tls="$2" --auto-update=false ||
      fail "ONCE did not deploy $image: it asks the address of $once_host for /up, and removes the app when that does not answer within 30 s"
  fi
}

# once_remove: after read_once; the volume stays. ONCE refuses when its proxy does not know the app, as when it was ended while it
# started it.
once_remove() {
  local said
  if said=$(once remove "$once_host"); then
    printf '%s\n' "$said"
    return 0
  fi
  [[ $said == *'service not found'* ]] || fail "ONCE did not remove $once_host: $said"
  docker rm -f "$once_id" >/dev/null
}

# the undo of it
once_return() {
  local before image auto state
  before=$(read_note once-before)
  if [[ ! $before ]]; then return 0; fi
  read -r image auto state <<<"$before"
  read_once
  if [[ $image == none ]]; then
    if [[ ! $once_id ]]; then return 0; fi
    once_remove
    echo "back: the volume once-app-$once_app stays (docker volume rm once-app-$once_app removes it)"
    return 0
  fi
  if [[ $once_image == "$image" && $once_count == 1 ]]; then return 0; fi
  once_update "$image" "$auto"
  if [[ $state == exited ]]; then once stop "$once_host"; fi
  read_once
  if [[ $once_image != "$image" ]]; then fail "ONCE still has $once_image for $once_host, and not $image"; fi
}

once_stop() {
  once stop "$once_host" || fail "ONCE did not stop $once_host"
}
once_start() {
  once start "$once_host" || fail "ONCE did not start $once_host"
}
