# The undo for the old release: before it is stopped, its passing probes are recorded; afterwards only those are required.

# ask_each folder number…: these probes at once; folder/<number>.good for each that is
ask_each() {
  local seen=$1 at number=0 asked=()
  shift
  for ((at = 0; at < ${#probes[@]}; at += probes[at] + 1, number++)); do
    [[ " $* " == *" $number "* ]] || continue
    (if one_probe "$seen/$number" "${probes[@]:at+2:probes[at]-1}"; then : >"$seen/$number.good"; else rm -f "$seen/$number.good"; fi) &
    asked+=($!)
  done
  for at in ${asked[@]+"${asked[@]}"}; do wait "$at" || true; done
}

# note_serving: on the disk before it is stopped, for an undo that may run after a reboot: whether it runs, and the
# numbers of the probes that are good
note_serving() {
  local seen file all
  seen=$(mktemp -d "$KEEPER_RUN/seen.XXXXXX")
  all=$(seq 0 ${#probes[@]})
  # shellcheck disable=SC2086 # each word is a number
  ask_each "$seen" $all
  {
    if alive >/dev/null 2>&1; then echo lived; else echo 'did not live'; fi
    for file in "$seen"/*.good; do [[ ! -e $file ]] || basename "$file" .good; done
  } | write_file "$KEEPER_JOURNAL/served"
  sync "$KEEPER_JOURNAL/served" "$KEEPER_JOURNAL"
  rm -rf "$seen"
}

# lived_before: also when it was not recorded, because it was never stopped
lived_before() {
  local noted
  if ! is_there "$KEEPER_JOURNAL/served"; then return 0; fi
  noted=$(cat "$KEEPER_JOURNAL/served") || exit 1
  case $noted in
    # empty: a server that went down while it was noted, so nothing was stopped
    lived* | '') return 0 ;;
    'did not live'*) return 1 ;;
  esac
  fail "$KEEPER_JOURNAL/served does not say whether it ran before"
}

# good_before: the numbers of the probes that were good, in one line
good_before() {
  if is_there "$KEEPER_JOURNAL/served"; then awk '/^[0-9]+$/ { printf "%s ", $0 }' "$KEEPER_JOURNAL/served"; fi
}

# not_good_again folder: which of them are not good now, as `name answers status`
not_good_again() {
  local number wanted
  wanted=$(good_before) || return 1
  # shellcheck disable=SC2086 # each word is a number
  ask_each "$1" $wanted
  for number in $wanted; do
    [[ -e $1/$number.good ]] || printf '%s answers %s\n' "$(cat "$1/$number.name")" "$(cat "$1/$number.code")"
  done
}

# answers_already: it did not live, and yet its probes were good and are: something else serves, and is left alone
answers_already() {
  local seen bad wanted
  wanted=$(good_before) || return 1
  [[ $wanted ]] || return 1
  seen=$(mktemp -d "$KEEPER_RUN/seen.XXXXXX") || return 1
  bad=$(not_good_again "$seen") || return 1
  rm -rf "$seen" || return 1
  [[ ! $bad ]]
}

# back_again patience interval: waits until all probes that passed pass again; if none did, it stays up for a moment. What
# runs and does not become ready ends the wait too: endless maintenance helps nobody, and the log says it.
back_again() {
  local patience=$1 interval=$2 seen now began bad why lived='' wanted tries=0
  wanted=$(good_before)
  if lived_before; then lived=yes; fi
  [[ $lived || $wanted ]] || return 0
  seen=$(mktemp -d "$KEEPER_RUN/seen.XXXXXX")
  since_boot began
  while :; do
    since_boot now
    if [[ $lived ]] && ! why=$(alive 2>&1); then fail "it ended: $why"; fi
    bad=$(not_good_again "$seen")
    if [[ ! $bad && ($wanted || $((now - began)) -ge 200) ]]; then
      rm -rf "$seen"
      return 0
    fi
    ((now - began < patience * 100)) || break
    if ((++tries < 60)); then sleep 0.05; else sleep "$interval"; fi
  done
  rm -rf "$seen"
  bad=${bad//$'\n'/; }
  [[ $lived ]] || fail "it is not as before: $bad"
  say_back "it runs, and is not ready as it was before: $bad"
}

# say_back text: for the client, and for the attempt's line in the log
say_back() {
  local text
  text=$(tr -d '\042\134' <<<"$1" | tr -s '[:cntrl:]' ' ')
  printf 'back: %s\n' "${text% }"
  printf ' back="%s"' "${text% }" >>"$KEEPER_RUN/more"
}
