# The undos, newest first, and the finishing steps of a recorded attempt; both can be run again from the journal.

said_since() { # said_since bytes: what was printed after that point, without our own lines
  tail -c +"$(($1 + 1))" /proc/self/fd/5 2>/dev/null | grep -v -e "^$nonce " -e '^$' | tail -n 20
}

run_file() { # run_file file seconds: one undo or finish script, in a group of its own
  KEEPER_UNDO=yes KEEPER_RUN=$run timeout -k 5 "$2" bash --norc --noprofile -c '. "$1"; . "$2"' bash "$journal/prelude.sh" "$1" \
    </dev/null 3>/dev/null 8>&- 9>&- >&5 2>&1 5>&-
}

# patiently seconds command…: until it succeeds, with growing pauses. Docker, systemd or a disk that is away comes back within
# a minute or so, and looks like any other failure; what fails for good ends all the same.
patiently() {
  local most=$1 from rest=1 try
  shift
  now from
  for ((try = 1; ; try++)); do
    "$@" && return 0
    now now_
    ((try >= 2 && now_ - from + rest > most)) && return 1
    ((try > 1)) || printf '\nthis is tried again for %s s\n' "$most" >&5 2>/dev/null
    pause "$rest"
    ((rest = rest < 8 ? rest * 2 : 10))
  done
}

undo_all() { # newest first; stops at the first that fails, because those below may rely on it
  local file number from
  for file in $(printf '%s\n' "$journal"/undo.[0-9][0-9][0-9] | sort -r); do # not undo.001.new, which a full disk or a crash cut off
    [[ -e $file ]] || continue
    number=${file##*.}
    say "undoing $((10#$number))"
    from=$(stat -L -c %s /proc/self/fd/5 2>/dev/null) || from=0
    if ! patiently "$patience" run_file "$file" 300; then
      keep "$journal/stuck" "$(said_since "$from")"$'\n' # what recover shows
      say "undone $((10#$number)) 1"
      return 1
    fi
    rm -f "$file"
    say "undone $((10#$number)) 0"
  done
}

# journal_again: what an undo needs of a journal that somebody removed; the scratch has it too. What served is not noted
# there: nothing is asked of it then but that it runs.
journal_again() {
  local file name title
  rm -f "$run/reserve"
  [[ -e $run/out ]] && mkdir -p "$journal" && keep "$journal/prelude.sh" "$prelude" && keep "$journal/boot" "$boot_id"$'\n' || return 1
  for file in "$run"/undo.[0-9][0-9][0-9]; do
    name=${file##*.}
    if [[ ! -e $file || -e $journal/undo.$name ]] || ((10#$name > current_step)); then continue; fi
    ln -f "$file" "$journal/undo.$name" || return 1
    IFS= read -r -d '' title <"$run/title.$name"
    printf '%s %s\n' "$name" "$title" | tee -a "$journal/titles" | cut -d' ' -f2- >"$journal/step"
  done
  keep "$journal/attempt" "$mine"$'\n'"started=$started"$'\n'
} 2>/dev/null

stay_stuck() { # stay_stuck reason: nobody works on it any more, and what is left stays in the journal
  rm -f "$home/holder"
  say "$end_word stuck $(encode "$1")"
}

go_back() { # go_back outcome reason
  local outcome=$1 reason=$2 more gone_for_good=''
  end_step
  more=$(cat "$run/more" 2>/dev/null)
  [[ -e $journal/attempt || ! $current_step ]] || journal_again || gone_for_good=yes
  make_room
  if [[ $gone_for_good || ! -d $journal ]]; then # somebody removed the undos
    record stuck "$reason; and the journal is gone" ''
    stay_stuck "$reason"
    return 1
  fi
  [[ $outcome == reverted && ! $(compgen -G "$journal/undo.[0-9][0-9][0-9]") ]] && outcome=failed
  if ! undo_all; then
    record stuck "$reason; then an undo failed" ''
    [[ -e $journal/stuck ]] || : >"$journal/stuck"
    stay_stuck "$reason"
    return 1
  fi
  more=$(cat "$run/more" 2>/dev/null || printf '%s' "$more") # undos write into it too
  if ! patiently "$patience" record "$outcome" "$reason" "$more"; then # all is undone, but no line tells it: the next run writes it
    stay_stuck "$reason"
    return 1
  fi
  rm -rf "$journal" "$home/holder" "$home/reserve"
  say "$end_word $outcome $(encode "$reason")"
}

know_step() { # sets running, when the step that the journal names still does
  local group start began
  read -r group start 2>/dev/null <"$journal/running" || return 0
  start_of began "$group"
  [[ ! $start || $began != "$start" ]] || running=$group
}

# set_aside: a person accepts what an earlier attempt left. Nothing of it is undone, and its journal is kept for inspection.
set_aside() {
  local when
  [[ -d $journal ]] || return 0
  know_attempt
  know_step
  end_step
  when=$(date -u +%Y%m%d_%H%M%S)
  record stuck "what it left was accepted during: $(plain "$(cat "$journal/step" 2>/dev/null)")" ''
  mv -T "$journal" "$home/accepted_${when}_$$" && rm -f "$home/holder" "$home/reserve"
}

# `first` is what visitors wait for: the decision is on the disk, and the record can be written behind it.
finish() { # first|after seconds
  local file number code
  for file in "$journal/$1".[0-9][0-9][0-9]; do
    [[ -e $file ]] || continue
    number=${file##*.}
    say "finishing $((10#$number))"
    patiently "$2" run_file "$file" 300 && code=0 || code=1
    say "finished $((10#$number)) $code"
  done
}

go_forward() { # the attempt is decided: write it down everywhere, then finish; repeatable
  local current previous more
  if ! { read -r current && read -r previous && IFS= read -r more; } <"$journal/commit" || [[ ! $current ]]; then
    say "$end_word stuck $(encode 'the decision in the journal cannot be read')"
    return 1
  fi
  finish first "$patience"
  rm -f "$home/reserve" # room for the pointers too
  if ! patiently "$patience" record_live "$current" "$previous" "$more"; then
    rm -f "$home/holder"
    say "$end_word stuck" # the decision stays in the journal: the next run goes forward from it
    return 1
  fi
  say "recorded"
  rm -f "$journal"/undo.*
  finish after $((patience < 15 ? patience : 15)) # what tidies up may fail for good, and the release is live
  rm -rf "$journal" "$home/holder" "$home/reserve"
  say "$end_word live"
}

# settle_leftover: what a killed keeper or a rebooted server left behind goes back, or forward if it was decided
settle_leftover() {
  [[ -d $journal ]] || return 0
  local left_boot reason patience=$patience
  if [[ ! -e $journal/attempt && ! $(compgen -G "$journal/undo.[0-9][0-9][0-9]") && ! -e $journal/commit ]]; then
    rm -rf "$journal" # died before it knew what it was for: nothing had started
    return 0
  fi
  # the present functions are used for undos whose own are gone
  [[ -e $journal/prelude.sh || ! ${prelude:-} ]] || keep "$journal/prelude.sh" "$prelude"
  know_attempt
  read -r left_boot 2>/dev/null <"$journal/boot" || left_boot=''
  if [[ $left_boot == "$boot_id" ]]; then
    reason="the keeper was killed"
    know_step
  else
    reason="the server restarted"
    hundredths started
  fi
  if [[ -e $journal/stuck ]]; then # it was tried for long before, and now a person waits
    reason="an undo failed"
    [[ ${KEEPER_BOOT:-} ]] || ((patience < 5)) || patience=5
  fi
  reason+=" during: $(plain "$(cat "$journal/step" 2>/dev/null)")"
  [[ ! $damaged ]] || reason+="; the journal was damaged"
  say "settling $(encode "$reason")"
  local end_word=settled
  if [[ -e $journal/commit ]]; then go_forward; else go_back lost "$reason"; fi
}

start_of() { # variable process: the kernel's start time of it, nothing when it is gone: tells it from a later one with the same number
  local variable=$1 stat=''
  read -r stat 2>/dev/null <"/proc/$2/stat"
  # shellcheck disable=SC2086 # its fields are the words
  set -- ${stat##*) }
  printf -v "$variable" '%s' "${20:-}"
}
