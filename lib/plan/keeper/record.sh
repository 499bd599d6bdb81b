# What is written down of an attempt: its line in releases.log, the pointers, and what is known of one whose file was damaged.

record() { # record outcome reason more: exactly one line for this attempt; small changes have none
  [[ $log_head ]] || return 0
  local seconds line end
  rm -f "$home/reserve" # room for the line, even on a full disk
  hundredths end
  seconds=$((end - started))
  ((seconds < 0)) && seconds=0 # started before a reboot
  printf -v seconds '%d.%02d' $((seconds / 100)) $((seconds % 100))
  line="$log_head outcome=$1${2:+ reason=\"$2\"}$3 seconds=$seconds"
  # a line that a full disk truncated does not count
  grep -qE -- " id=$run_id .* seconds=[0-9]+\.[0-9]{2}$" "$releases/releases.log" 2>/dev/null && return 0
  [[ -s $releases/releases.log && $(tail -c1 "$releases/releases.log" | od -An -tx1) != ' 0a' ]] && line=$'\n'$line
  printf '%s\n' "$line" >>"$releases/releases.log" && sync -d "$releases/releases.log"
}

pointer() { # pointer name sha; - removes it
  if [[ $2 == - ]]; then rm -f "$releases/$1"; else keep "$releases/$1" "$2"$'\n' && chmod 644 "$releases/$1"; fi
}

record_live() { # record_live current previous more
  pointer previous_release "$2" && pointer current_release "$1" && record "${live_word:-live}" '' "$3"
}

# know_attempt: sets what the journal says of its attempt, and nothing of the one that settles it
know_attempt() {
  local line last='' told='' word="([A-Za-z0-9_@%+=:,./-]*|'[^']*'(\\\\''[^']*')*)"
  run_id='' log_head='' client='' started='' damaged='' live_word=''
  while IFS= read -r line; do
    last=$line
    # whole lines as the client wrote them: quote() made their value one word
    [[ $line =~ ^(run_id|log_head|holder|client|app_user|live_word|started)=$word$ ]] || continue
    eval "$line"
    [[ $line != log_head=* ]] || told=yes
  done < <(tr -d '\0' 2>/dev/null <"$journal/attempt")
  [[ $last =~ ^started=[0-9]+$ ]] && return 0
  damaged=yes
  hundredths started
  [[ $told || -e $journal/stuck ]] || guess_attempt
}

# guess_attempt: the line of an attempt whose file is lost, from who signed for the lock and from the decision, if there is one
guess_attempt() {
  local said part value='("[^"]*"|[^" ]*)' sha='' action='' by='' since='' environment=$own_environment
  said=$(cat "$home/holder" 2>/dev/null)
  for part in sha action by since; do
    [[ " $said" =~ \ $part=$value ]] && printf -v "$part" '%s' "${BASH_REMATCH[1]}"
  done
  read -r sha 2>/dev/null <"$journal/commit"
  [[ $sha || ! $action ]] || return 0 # a small change, which has no line
  [[ $environment ]] || environment=$(grep -oE ' env=[^ ]+' "$releases/releases.log" 2>/dev/null | tail -n 1)
  run_id=${run_id:-lost-$(stat -c %Y "$journal/boot" 2>/dev/null || date +%s)}
  log_head="${since:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}${environment:- env=unknown} sha=${sha:-unknown} id=$run_id action=${action:-unknown}${by:+ by=$by}"
}
