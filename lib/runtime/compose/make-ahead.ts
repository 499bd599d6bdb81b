// Creates a container's successor before the switch: bash functions that create it, drop it, and give it the name.
import { lines, sh, type Command } from '../../host/sh.ts';

/** They are used together with composeFunctions, which they call. */
export const successorFunctions: Command = lines(
  // make_ahead place: one container of one service gets its successor beside it, which is not started yet, so that a
  // switch only has to stop the one and start the other. Compose moves volumes without a name to a successor when it
  // makes one by itself, so these are left to it, as is everything it does not like to have twice.
  sh`make_ahead() {
  local place=$1 service old new
  rm -f "$place/replaces"
  service=$(cat "$place/services")
  old=$(services_now "$place")
  new=$(services_now "$place" -a)
  [[ $service != *$'\n'* && $old && $old != *$'\n'* && $new == "$old" ]] || return 0
  docker inspect -f '{{.Name}}' "$old" >"$place/replaces"
  dc "$place" up --no-start --no-deps --no-recreate --quiet-pull --scale "$service=2" "$service" >/dev/null 2>&1 || true
  new=$(services_now "$place" -a | grep -vxF "$old") || { rm "$place/replaces"; return 0; }
  if [[ $new == *$'\n'* ]] || docker inspect -f '{{range .Mounts}}{{println .Name}}{{end}}' "$old" $new | grep -qxE '[0-9a-f]{64}'; then
    docker rm -f $new >/dev/null
    rm "$place/replaces"
    return 0
  fi
  printf '%s\n' "$new" >"$place/ids"
  note_policies "$place"
  once_only "$new"
}`,
  // drop_ahead place: the undo of make_ahead, also when that was interrupted: removes all but the previous container
  sh`drop_ahead() {
  local name old all one new=''
  if ! is_there "$1/replaces"; then return 0; fi
  name=$(cat "$1/replaces")
  old=$(docker ps -aq --no-trunc --filter name="^/?\${name#/}$")
  all=$(services_now "$1" -a)
  for one in $all; do [[ $one == "$old" ]] || new+=" $one"; done
  if [[ $old && $new ]]; then docker rm -f $new >/dev/null; fi
  rm -f "$1/ids" "$1/policies"
  # last: without it there is nothing to undo
  rm -f "$1/replaces"
}`,
  // take_place place: the one before goes, and its name is that of its successor
  sh`take_place() {
  local ids name old
  [[ -e $1/replaces ]] || return 0
  ids=$(cat "$1/ids")
  name=$(cat "$1/replaces")
  old=$(services_now "$1" -a)
  old=$(grep -vxF "$ids" <<<"$old" || true)
  [[ ! $old ]] || docker rm $old >/dev/null
  docker rename "$ids" "\${name#/}" 2>/dev/null || true
  rm -f "$1/replaces"
}`,
);
