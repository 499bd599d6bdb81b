# Functions that every step and every undo may use on the host. Sourced before each of them.
set -euo pipefail
# also in $(…), which bash leaves out otherwise
shopt -s inherit_errexit
export LC_ALL=C.UTF-8
# the journal with this plan's undos; it survives a reboot
[[ ${1:-} != */prelude.sh ]] || KEEPER_JOURNAL=${1%/*}
# a command that fails without a word is named; commands never hold secrets
trap 'this_failed "$BASH_COMMAND"' ERR
this_failed() {
  [[ $1 == return* ]] && return 0
  printf 'this failed: %.300s\n' "${1%%$'\n'*}" >&2
}

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# as_user bib mkdir …: as that user, through sudo unless we are that user already.
# Without standard input: sudo may read it ahead for a command that does not want it, and it is gone for the next.
as_user() {
  feed_user "$@" </dev/null
}

# feed_user bib tar -x: the same with standard input
feed_user() {
  local user=$1 start=${start_as:-'exec "$@"'}
  shift
  if [[ $user == "$(id -un)" ]]; then "$@"; else sudo -n -u "$user" -- bash --norc --noprofile -p -c "$start" bash "$@"; fi
}

as_root() {
  local by=(sudo -n)
  ((EUID)) || by=()
  if [[ $1 == systemctl ]]; then while_systemd_is_away "${by[@]}" "$@"; else "${by[@]}" "$@"; fi </dev/null
}

# Steps and undos wait for a Docker or systemd that is away, as while it is restarted or updated, so many seconds at most. A
# dead Docker would else be taken for one without containers. What only looks, as status does, does not wait. An undo that fails
# is given again for a minute and more, and needs no long wait of its own.
away_seconds=90
[[ ! ${KEEPER_UNDO:-} ]] || away_seconds=15
if [[ ${KEEPER_RUN:-} ]]; then
  docker() {
    docker_is_there || return 1
    command docker "$@"
  }
  systemctl() {
    while_systemd_is_away command systemctl "$@"
  }
fi

# docker_is_there: asked before each call, so by the least question at its usual socket (8 ms, a third of `docker version`);
# where that is not the one, or does not answer, docker is asked until it does
docker_is_there() {
  local why end=$((SECONDS + away_seconds)) told=''
  if curl -q -sf -m 10 --unix-socket /run/docker.sock http://docker/_ping >/dev/null; then return 0; fi
  until why=$(timeout 10 docker version 2>&1 >/dev/null); do
    ((SECONDS < end)) || fail "Docker did not answer for $away_seconds s: systemctl status docker${why:+; it says: ${why##*$'\n'}}"
    [[ $told ]] || echo "waiting for Docker, which does not answer, for $away_seconds s at most"
    told=yes
    sleep 1
  done
} >&2

# while_systemd_is_away systemctl …: again as long as systemd cannot be reached; each of its commands may be given twice
while_systemd_is_away() {
  local said code end=$((SECONDS + away_seconds)) told=''
  while :; do
    { said=$("$@" 2>&1 >&4 4>&-) && code=0 || code=$?; } 4>&1
    if ((code == 0 || SECONDS >= end)) || [[ ! $said =~ connect\ to\ (system\ )?(scope\ )?bus|Failed\ to\ get\ D-Bus|Connection\ (refused|reset|timed)|endpoint\ is\ not\ connected|Failed\ to\ activate\ service|D-Bus\ connection\ terminated ]]; then break; fi
    [[ $told ]] || echo "waiting for systemd, which cannot be reached, for $away_seconds s at most" >&2
    told=yes
    sleep 1
  done
  [[ ! $said ]] || printf '%s\n' "$said" >&2
  return "$code"
}

# is_there path: whether something has that name, for what an undo keeps or removes. `[ -e … ]` also says no when a disk does
# not answer or may not be read, and what is only not seen would be taken for what was never there: that ends the script.
is_there() {
  local said
  if said=$(LC_ALL=C stat -c. -- "$1" 2>&1); then return 0; fi
  case $said in *': No such file or directory') return 1 ;; esac
  printf '%s\n' "$said" >&2
  exit 1
}

# Notes in the journal for what an undo has to know and cannot see any more, from a step on: keep_note name text · read_note name ·
# drop_note name. Without a keeper there is none, and nothing is noted.
keep_note() {
  [[ ${KEEPER_JOURNAL:-} ]] || return 0
  printf '%s\n' "$2" | write_file "$KEEPER_JOURNAL/$1"
  sync "$KEEPER_JOURNAL/$1" "$KEEPER_JOURNAL"
}
read_note() {
  [[ ${KEEPER_JOURNAL:-} ]] || return 0
  if is_there "$KEEPER_JOURNAL/$1"; then cat "$KEEPER_JOURNAL/$1"; fi
}
drop_note() {
  [[ ${KEEPER_JOURNAL:-} ]] || return 0
  rm -f "$KEEPER_JOURNAL/$1"
  sync "$KEEPER_JOURNAL"
}

# answer text…: what the task that asked reads back (file descriptor 3)
answer() {
  printf '%s\n' "$*" >&3
}

# write_file path < content: whole or not at all
write_file() {
  cat >"$1.new" && mv -fT -- "$1.new" "$1"
}

# point link target: a symbolic link swapped by rename
point() {
  ln -sfnT -- "$2" "$1.new" && mv -fT -- "$1.new" "$1"
}

# opens_window: visitors notice from now on; their message is ready by then
opens_window() {
  [[ ! ${KEEPER_RUN:-} ]] || printf '%s\n' "${EPOCHREALTIME//./}" >"$KEEPER_RUN/opened"
}
