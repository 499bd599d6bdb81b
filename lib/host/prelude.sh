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

# probe name status url [extended regular expression the answer must contain]…
probes=()
probe() {
  probes+=("$#" "$@")
}

# wait_until_ready deadline interval: every probe good in one pass, while alive() says yes.
# Writes what was last seen to descriptor 3. Ends 0 ready, 70 deadline over, 71 not alive any more.
wait_until_ready() {
  local deadline=$1 interval=$2 seen end now good tries=0 looked=0
  seen=$(mktemp -d "${KEEPER_RUN:-/tmp}/seen.XXXXXX")
  end=$((${EPOCHREALTIME//./} + deadline * 1000000))
  while :; do
    now=${EPOCHREALTIME//./}
    good=''
    # visitors may be waiting: while the first probe is not good, the others and the app's life are looked at less often
    if all_probes "$seen" $((now > end ? 1 : 0)); then good=yes; fi
    if [[ ! $good ]] && ((now - looked > 200000 && now <= end)); then
      looked=$now
      alive >"$seen/alive" 2>&1 || : >"$seen/dead"
    fi
    if [[ -e $seen/dead ]]; then
      [[ ! ${KEEPER_UNDO:-} ]] || printf 'it ended: %s\n' "$(<"$seen/alive")" >&2
      sleep 0.2 # the last words of a process that just ended are still on their way to its log
      answer "dead $(base64 -w0 <"$seen/alive")"
      tell_probes "$seen"
      answer "log $(log_tail 2>&1 | tail -n 20 | base64 -w0)"
      rm -rf "$seen"
      return 71
    fi
    if [[ $good ]]; then
      tell_probes "$seen"
      rm -rf "$seen"
      return 0
    fi
    if ((now > end)); then
      [[ ! ${KEEPER_UNDO:-} ]] || tell_probes "$seen" 3>&1 | awk '{print "not ready: " $2 " answers " $3}' >&2
      tell_probes "$seen"
      answer "log $(log_tail 2>&1 | tail -n 20 | base64 -w0)"
      rm -rf "$seen"
      return 70
    fi
    if ((++tries < 60)); then sleep 0.02; else sleep "$interval"; fi
  done
}

# all_probes folder whole: asks the first, and when that is good, or whole is 1, the others at once, and whether the app lives
all_probes() {
  local seen=$1 whole=$2 number=0 at count bad='' running=()
  for ((at = 0; at < ${#probes[@]}; at += count + 1)); do
    count=${probes[at]}
    if ((number == 0)); then
      one_probe "$seen/$number" "${probes[@]:at+1:count}" || bad=yes
      [[ ! $bad ]] || ((whole)) || return 1
    else
      one_probe "$seen/$number" "${probes[@]:at+1:count}" &
      running+=($!)
    fi
    number=$((number + 1))
  done
  alive >"$seen/alive" 2>&1 || : >"$seen/dead"
  for at in ${running[@]+"${running[@]}"}; do wait "$at" || bad=yes; done
  [[ ! $bad ]]
}

# one_probe files name status url [expression]…: leaves what it saw in files.name, .code, .head, .body and .why
one_probe() {
  local files=$1 status=$3 url=$4 code text wanted
  printf '%s' "$2" >"$files.name"
  shift 4
  : >"$files.head"
  : >"$files.body"
  code=$(curl -q -sS --globoff --proto =http,https --noproxy '*' --max-time 5 --max-filesize 1048576 -D "$files.head" -o "$files.body" -w '%{http_code}' -- "$url" 2>"$files.why") || true
  printf '%s' "${code:-000}" >"$files.code"
  [[ $code == "$status" ]] || return 1
  if ! (($#)); then # nobody asks what it says
    : >"$files.head"
    : >"$files.body"
    return 0
  fi
  local IFS='' head body
  read -r -d '' head <"$files.head" || true
  read -r -d '' body <"$files.body" || true
  text="${head//[$'\r\n']/ }${body//[$'\r\n']/ }"
  shopt -s nocasematch
  for wanted; do
    [[ $text =~ $wanted ]] || {
      shopt -u nocasematch
      return 1
    }
  done
  shopt -u nocasematch
}

# tell_probes folder: a line on descriptor 3 for each probe that was asked
tell_probes() {
  local file files part line
  [[ -e $1/0.code ]] || return 0
  truncate -s '<65536' "$1"/*.body "$1"/*.head "$1"/*.why
  for file in "$1"/*.code; do
    files=${file%.code}
    line="probe $(<"$files.name") $(<"$file")"
    for part in head body why; do
      if [[ -s $files.$part ]]; then line+=" $(base64 -w0 <"$files.$part")."; else line+=' .'; fi
    done
    printf '%s\n' "$line" >&3
  done
}
