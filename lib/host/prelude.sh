# Words that every step and every undo may use on the host. Sourced before each of them.
set -euo pipefail
export LC_ALL=C.UTF-8
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
  local user=$1
  shift
  if [[ $user == "$(id -un)" ]]; then "$@"; else sudo -n -u "$user" -- "$@"; fi
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

# probe name status url [extended regular expression the answer must contain]…
probes=()
probe() {
  probes+=("$#" "$@")
}

# wait_until_ready deadline interval: every probe good in one pass, while alive() says yes.
# Writes what was last seen to descriptor 3. Ends 0 ready, 70 deadline over, 71 not alive any more.
wait_until_ready() {
  local deadline=$1 interval=$2 seen end good i n why tries=0
  seen=$(mktemp -d "${KEEPER_RUN:-/tmp}/seen.XXXXXX")
  end=$((${EPOCHREALTIME//./} + deadline * 1000000))
  while :; do
    good=yes
    : >"$seen/answers"
    for ((i = 0; i < ${#probes[@]}; i += n + 1)); do
      n=${probes[i]}
      one_probe "$seen" "${probes[@]:i+1:n}" || good=''
    done
    if ! why=$(alive 2>&1); then
      [[ ! ${KEEPER_UNDO:-} ]] || printf 'it ended: %s\n' "$why" >&2
      sleep 0.2 # the last words of a process that just ended are still on their way to its log
      answer "dead $(base64 -w0 <<<"$why")"
      cat "$seen/answers" >&3
      answer "log $(log_tail 2>&1 | tail -n 20 | base64 -w0)"
      rm -rf "$seen"
      return 71
    fi
    if [[ $good ]]; then
      cat "$seen/answers" >&3
      rm -rf "$seen"
      return 0
    fi
    if ((${EPOCHREALTIME//./} > end)); then
      [[ ! ${KEEPER_UNDO:-} ]] || awk '{print "not ready: " $2 " answers " $3}' "$seen/answers" >&2
      cat "$seen/answers" >&3
      answer "log $(log_tail 2>&1 | tail -n 20 | base64 -w0)"
      rm -rf "$seen"
      return 70
    fi
    if ((++tries < 10)); then sleep 0.1; else sleep "$interval"; fi
  done
}

one_probe() {
  local seen=$1 name=$2 status=$3 url=$4 code
  shift 4
  : >"$seen/head"
  : >"$seen/body"
  code=$(curl -q -sS --globoff --proto =http,https --noproxy '*' --max-time 5 --max-filesize 1048576 -D "$seen/head" -o "$seen/body" -w '%{http_code}' -- "$url" 2>"$seen/why") || true
  printf 'probe %s %s %s %s %s\n' "$name" "${code:-000}" "$(head -c 8192 "$seen/head" | base64 -w0)." \
    "$(head -c 65536 "$seen/body" | base64 -w0)." "$(head -c 500 "$seen/why" | base64 -w0)." >>"$seen/answers"
  [[ $code == "$status" ]] || return 1
  local wanted
  for wanted; do
    cat "$seen/head" "$seen/body" | tr '\r\n' '  ' | grep -qiE -- "$wanted" || return 1
  done
}
