# Words that every step and every undo may use on the host. Sourced before each of them.
set -euo pipefail
export LC_ALL=C.UTF-8
# where this plan's way back stands; it survives a reboot
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
  if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi </dev/null
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

# opens_window: visitors notice from now on; what they are told is ready by then
opens_window() {
  [[ ! ${KEEPER_RUN:-} ]] || printf '%s\n' "${EPOCHREALTIME//./}" >"$KEEPER_RUN/opened"
}
