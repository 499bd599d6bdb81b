# Holds a target's lock and the way back of a running plan, and undoes the plan by itself when its client is gone.
# It is sent to `bash -c eval` with the client on standard input, or started from its own file at boot: keeper.sh settle <home>.
# It never writes to standard output (a stalled client would block it): `tail` copies the file $out there.
set -uo pipefail
umask 022
export LC_ALL=C
end_word=ended

now() { # whole seconds since boot: no clock change can fake a silence
  local up
  read -r up _ </proc/uptime
  printf -v "$1" '%s' "${up%%.*}"
}

hundredths() {
  local up
  read -r up _ </proc/uptime
  printf -v "$1" '%s' "$((10#${up//./}))"
}

# bash may lose the byte at which the time of `read -t` is over, so its time is never over while somebody speaks: `read -t 0`
# takes nothing and says whether there is something. A line that does not go on for 5 s is taken up again later.
next_line() { # as read: 0 line, 1 the end, above 128 only a part of it came
  local code
  IFS= read -r -t 5 chunk
  code=$?
  partial+=$chunk
  ((code == 0)) || return "$code"
  line=$partial
  partial=''
}

pause() { # seconds; nobody ever writes there
  IFS= read -r -t "$1" -u 9 _
}

say() {
  printf '\n%s %s\n' "$nonce" "$*" >>"$out"
}

encode() {
  printf '%s' "$1" | base64 -w0
}

decode() { # a field of the protocol; - stands for nothing
  [[ $1 == - ]] || printf '%s' "$1" | base64 -d
}

keep() { # keep file < content: on the disk, whole or not at all
  if cat >"$1.new" && sync -d "$1.new" 2>/dev/null && mv -fT "$1.new" "$1"; then return 0; fi
  rm -f "$1.new"
  return 1
}

plain() { # text that may stand between the quotes of a log line
  local text=${1//[$'\001'-$'\037\177']/ }
  text=${text//\\/}
  printf '%s' "${text//\"/}"
}

# --- the release log -------------------------------------------------------------------------------------------------

record() { # record outcome reason more: exactly one line for this attempt; small changes have none
  [[ $log_head ]] || return 0
  local seconds line end
  rm -f "$home/reserve" # room for the line, even on a full disk
  hundredths end
  seconds=$((end - started))
  ((seconds < 0)) && seconds=0 # started before a reboot
  printf -v seconds '%d.%02d' $((seconds / 100)) $((seconds % 100))
  line="$log_head outcome=$1${2:+ reason=\"$2\"}$3 seconds=$seconds"
  # a line that a full disk cut off does not count
  grep -qE -- " id=$run_id .* seconds=[0-9]+\.[0-9]{2}$" "$releases/releases.log" 2>/dev/null && return 0
  [[ -s $releases/releases.log && $(tail -c1 "$releases/releases.log" | od -An -tx1) != ' 0a' ]] && line=$'\n'$line
  printf '%s\n' "$line" >>"$releases/releases.log" && sync -d "$releases/releases.log"
}

pointer() { # pointer name sha; - removes it
  if [[ $2 == - ]]; then rm -f "$releases/$1"; else printf '%s\n' "$2" | keep "$releases/$1" && chmod 644 "$releases/$1"; fi
}

# --- the way back and the way forward -----------------------------------------------------------------------------------

run_file() { # run_file file seconds: one undo or finish script, in a group of its own
  KEEPER_UNDO=yes KEEPER_RUN=$run timeout -k 5 "$2" bash --norc --noprofile -c '. "$1"; . "$2"' bash "$journal/prelude.sh" "$1" \
    </dev/null 3>/dev/null 8>&- 9>&- >>"$out" 2>&1
}

persist() { # persist file seconds tries
  local try
  for ((try = 1; ; try++)); do
    run_file "$1" "$2" && return 0
    ((try >= $3)) && return 1
    sleep 1
  done
}

undo_all() { # newest first; stops at the first that fails, because those below may rely on it
  local file number
  for file in $(printf '%s\n' "$journal"/undo.[0-9][0-9][0-9] | sort -r); do # not undo.001.new, which a full disk or a crash cut off
    [[ -e $file ]] || continue
    number=${file##*.}
    say "undoing $((10#$number))"
    if ! persist "$file" 300 "$1"; then
      say "undone $((10#$number)) 1"
      return 1
    fi
    rm -f "$file"
    say "undone $((10#$number)) 0"
  done
}

go_back() { # go_back outcome reason tries
  local outcome=$1 reason=$2
  end_step
  [[ $outcome == reverted && ! $(compgen -G "$journal/undo.[0-9][0-9][0-9]") ]] && outcome=failed
  if ! undo_all "$3"; then
    record stuck "$reason; then an undo failed" ''
    [[ -e $journal/stuck ]] || : >"$journal/stuck"
    rm -f "$home/holder"
    say "$end_word stuck"
    return 1
  fi
  if ! record "$outcome" "$reason" "$(cat "$run/more" 2>/dev/null)"; then # all is undone, but no line tells it: the next run writes it
    rm -f "$home/holder"
    say "$end_word stuck"
    return 1
  fi
  rm -rf "$journal" "$home/holder" "$home/reserve"
  say "$end_word $outcome"
}

# `first` is what visitors wait for: the decision is on the disk, and the record can be written behind it.
finish() { # first|after tries
  local file number code
  for file in "$journal/$1".[0-9][0-9][0-9]; do
    [[ -e $file ]] || continue
    number=${file##*.}
    say "finishing $((10#$number))"
    persist "$file" 300 "$2" && code=0 || code=1
    say "finished $((10#$number)) $code"
  done
}

go_forward() { # the attempt is decided: write it down everywhere, then finish; repeatable
  local current previous more
  { read -r current && read -r previous && IFS= read -r more; } <"$journal/commit"
  finish first "$1"
  rm -f "$home/reserve" # room for the pointers too
  if ! { pointer previous_release "$previous" && pointer current_release "$current" && record live '' "$more"; }; then
    rm -f "$home/holder"
    say "$end_word stuck" # the decision stays in the journal: the next run goes forward from it
    return 1
  fi
  say "recorded"
  rm -f "$journal"/undo.*
  finish after "$1"
  rm -rf "$journal" "$home/holder" "$home/reserve"
  say "$end_word live"
}

end_step() { # ends the step that runs, and everything it started in its group
  local try
  [[ ${running:-} ]] || return 0
  kill_group TERM "$running"
  for ((try = 0; try < 100; try++)); do
    kill -0 -- "-$running" 2>/dev/null || kill -0 "$running" 2>/dev/null || break
    ((try == 50)) && kill_group KILL "$running"
    sleep 0.1
  done
  wait "$running" 2>/dev/null
  for file in "$run"/stream.*; do [[ -p $file ]] && : 7<>"$file"; done # frees a writer that waits for its reader
  running=''
}

kill_group() { # sudo's children belong to the app's user: that user ends them
  # a step that waits for its stream has no group of its own yet
  kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2" 2>/dev/null
  [[ $app_user && $app_user != "$(id -un)" ]] && sudo -n -u "$app_user" -- kill -s "$1" -- "-$2" 2>/dev/null
  return 0
}

# settle_leftover tries: what a killed keeper or a rebooted server left behind goes back, or forward if it was decided
settle_leftover() {
  [[ -d $journal ]] || return 0
  local left_boot left_group left_start reason
  if [[ ! -e $journal/attempt ]]; then # died before it knew what it was for: nothing had started
    rm -rf "$journal"
    return 0
  fi
  # shellcheck source=/dev/null
  . "$journal/attempt"
  read -r left_boot <"$journal/boot" 2>/dev/null || left_boot=''
  if [[ $left_boot == "$(</proc/sys/kernel/random/boot_id)" ]]; then
    reason="the keeper was killed"
    if read -r left_group left_start <"$journal/running" 2>/dev/null &&
      [[ $(start_of "$left_group") == "$left_start" ]]; then
      running=$left_group
    fi
  else
    reason="the server restarted"
    started=$(read -r up _ </proc/uptime && echo "$((10#${up//./}))")
  fi
  [[ -e $journal/stuck ]] && reason="an undo failed"
  reason+=" during: $(plain "$(cat "$journal/step" 2>/dev/null)")"
  say "settling $(encode "$reason")"
  local end_word=settled
  if [[ -e $journal/commit ]]; then go_forward "$1"; else go_back lost "$reason" "$1"; fi
}

start_of() { # the kernel's start time of a process: tells it from a later one with the same number
  local stat
  read -r stat <"/proc/$1/stat" 2>/dev/null || return 0
  stat=${stat##*) }
  # shellcheck disable=SC2086 # its fields are the words
  set -- $stat
  printf '%s' "${20}"
}

# --- one plan -----------------------------------------------------------------------------------------------------------

hear() { # one line of the client
  local verb=$1
  shift
  [[ $verb != @(step|again) ]] || (($# == 6)) || verb=garbled
  case $verb in
    beat) ;;
    step)
      if [[ $failed ]]; then
        :
      elif [[ $running ]]; then
        queue+=("$*")
        prepare "$@" 2>>"$out"
      else start_step "$@"; fi
      ;;
    again) # the same step once more: its judge was not content
      failed=''
      start_step "$@"
      ;;
    finish) # number seconds title script when
      decode "$4" | keep "$journal/$5.$(printf '%03d' "$1")" || trouble=yes
      ;;
    commit) commit "$@" ;;
    quit) # nothing was done after all
      rm -rf "$journal" "$home/holder" "$home/reserve"
      say 'ended quiet'
      exit 0
      ;;
    abort)
      go_back "$1" "$(plain "$(decode "$2")")" 3
      exit 0
      ;;
    *) gone="what $client says does not arrive as it was sent" ;;
  esac
}

# Everything that can be done for a step before its turn: between two steps visitors may be waiting.
prepare() { # number seconds title undo script input
  local name
  printf -v name '%03d' "$1"
  [[ $4 == - || -e $journal/undo.$name ]] || decode "$4" | keep "$journal/next.$name" || return 1
  decode "$3" >"$run/title.$name" && decode "$5" >"$run/step.$name" && : >"$run/answer.$name"
}

start_step() { # number seconds title undo script input
  local number=$1 name title
  limit=$2
  printf -v name '%03d' "$number"
  [[ -e $run/step.$name ]] || prepare "$@"
  IFS= read -r -d '' title 2>/dev/null <"$run/title.$name"
  if [[ ! -e $run/answer.$name ]] || ! { [[ $4 == - || -e $journal/undo.$name ]] || mv -fT "$journal/next.$name" "$journal/undo.$name"; } ||
    ! printf '%s\n' "$title" >"$journal/step"; then
    say "done $number 1 $(encode 'the way back could not be written down: is the disk full?')"
    failed=yes
    return
  fi
  case $6 in
    -) launch "$name" 6</dev/null ;;
    stream)
      rm -f "$run/stream.$name"
      mkfifo "$run/stream.$name"
      launch "$name" "$run/stream.$name" 6</dev/null
      say "stream $number $(encode "$run/stream.$name")"
      ;;
    *) launch "$name" 6< <(exec 8>&- 9>&- && decode "$6") ;;
  esac
  current_step=$number
  now step_began
  holder_now
}

launch() {
  (
    exec 8>&- 9>&- <&6 6<&-
    [[ ${2:-} ]] && exec <"$2" # waits here until the client opens its end
    KEEPER_RUN=$run exec setsid bash --norc --noprofile -c '. "$1"; . "$2"' bash "$journal/prelude.sh" "$run/step.$1" 3>"$run/answer.$1" >>"$out" 2>&1
  ) &
  running=$!
  printf '%s %s\n' "$running" "$(start_of "$running")" >"$journal/running"
}

look_after_step() {
  local code name
  [[ $running ]] || return 0
  if kill -0 "$running" 2>/dev/null; then
    # visitors may be waiting for the end of the step: it is looked for often, and less so the longer it takes
    if ((now_ - step_began > 30)); then tick=0.1; elif ((now_ - step_began > 5)); then tick=0.03; fi
    if ((now_ - step_began >= limit)); then
      end_step
      say "done $current_step 124 $(encode "no end after $limit s")"
      failed=yes
      queue=()
    fi
    return 0
  fi
  wait "$running"
  code=$?
  running=''
  tick=0.01
  rm -f "$journal/running"
  printf -v name '%03d' "$current_step"
  local ended=$current_step
  if ((code)); then
    failed=yes
    queue=()
  elif ((${#queue[@]})); then
    local next=${queue[0]}
    say "next $ended" # what is printed from here on is the next one's; that this one is done is told when the next has begun
    queue=("${queue[@]:1}")
    # shellcheck disable=SC2086
    start_step $next
  fi
  say "done $ended $code $(base64 -w0 <"$run/answer.$name")"
  rm -f "$run/stream.$name"
}

commit() { # current previous more
  if [[ $running || $failed || $trouble ]] || ! printf '%s\n%s\n%s\n' "$1" "$2" "$(decode "$3")" | keep "$journal/commit"; then
    go_back reverted 'the release could not be recorded' 3
    exit 0
  fi
  go_forward 3
  exit 0
}

holder_now() { # what others see while they wait
  printf '%s\n' "$holder step=\"$(plain "$(cat "$journal/step" 2>/dev/null)")\"" >"$home/holder.new" 2>/dev/null &&
    mv -fT "$home/holder.new" "$home/holder"
}

take_lock() { # waits at most $wait seconds, telling who holds it whenever that changes
  local since seen='' is
  now since
  until flock -n 8; do
    is=$(cat "$home/holder" 2>/dev/null)
    now now_
    if ((now_ - since >= wait)); then
      for _ in 1 2 3 4 5 6 7 8 9 10; do # a holder that only just took it may not have signed yet
        [[ $is ]] && break
        flock -n 8 && return 0
        sleep 0.1
        is=$(cat "$home/holder" 2>/dev/null)
      done
      say "held $(encode "$is")."
      exit 5
    fi
    # who leaves takes the name away before the lock is free
    [[ $is && $is != "$seen" ]] && say "waiting $(encode "$is")." && seen=$is
    pause 0.5
    if read -r -t 0; then next_line || (($? > 128)) || exit 5; fi # the client gave up
  done
}

main() {
  local line partial='' chunk code
  run=$(mktemp -d /dev/shm/bookops.XXXXXXXX 2>/dev/null || mktemp -d) || exit 70
  trap 'rm -rf "$run"' EXIT
  out=$run/out
  : >"$out"
  mkfifo "$run/pause" && exec 9<>"$run/pause" || exit 70
  tail -n +1 -s 0.05 -f --pid=$$ "$out" 8>&- 9>&- </dev/null 2>/dev/null &
  if ! { mkdir -p "$releases" && mkdir -p -m 700 "$home"; } 2>>"$out"; then
    say "refused $(encode "the folder $home cannot be made")"
    sleep 0.2
    exit 1
  fi
  exec 8>>"$home/lock"
  trap 'gone="the server ended the keeper"' TERM INT HUP
  take_lock
  while read -r chunk; do [[ -d $chunk && $chunk == */bookops.* ]] && rm -rf "$chunk"; done < <(cat "$home/run" 2>/dev/null)
  printf '%s\n' "$run" >"$home/run"
  local mine=$attempt
  eval "$mine"
  settle_leftover 3 || { sleep 0.2; exit 6; }
  eval "$mine"
  gone='' failed='' trouble='' running='' tick=0.01 queue=()
  hundredths started
  if ! { mkdir -p "$journal" && printf '%s' "$prelude" | keep "$journal/prelude.sh" &&
    cat /proc/sys/kernel/random/boot_id | keep "$journal/boot" &&
    head -c 32768 /dev/zero >"$home/reserve" &&
    printf '%s\n' "$source" | keep "$home/keeper.sh" &&
    printf '%s\nstarted=%s\n' "$mine" "$started" | keep "$journal/attempt"; } 2>>"$out"; then
    rm -rf "$journal" "$home/reserve"
    say "refused $(encode "the journal cannot be written in $home: is the disk full?")"
    sleep 0.2
    exit 1
  fi
  printf '%s\n' 'getting ready' >"$journal/step"
  holder_now
  say "ready $(stamp)"
  now heard
  while :; do
    if read -r -t 0; then
      next_line
      code=$?
      now now_
      if ((code == 0)); then
        heard=$now_
        # shellcheck disable=SC2086
        hear $line
      elif ((code > 128)); then
        [[ $chunk ]] && heard=$now_
      else
        gone="$client is gone"
      fi
    else
      pause "$tick"
      now now_
    fi
    ((now_ - heard > silence)) && gone="no sign of life from $client for $silence s"
    look_after_step
    if [[ $gone ]]; then
      gone+=" during: $(plain "$(cat "$journal/step" 2>/dev/null)")"
      go_back lost "$gone" 3
      exit 0
    fi
  done
}

stamp() { # changes with every attempt
  printf '%s:%s' "$(wc -c <"$releases/releases.log" 2>/dev/null || echo 0)" "$(cat "$releases/current_release" 2>/dev/null)"
}

settle_at_boot() { # home; Docker and the like may still be on their way up, hence the patience
  home=$1 journal=$1/journal releases=${1%/*} nonce=settle running='' app_user=''
  [[ -d $journal ]] || exit 0
  run=$(mktemp -d) out=$home/settle.log
  trap 'rm -rf "$run"' EXIT
  exec 8>>"$home/lock"
  flock -n 8 || exit 0
  export KEEPER_BOOT=yes # an undo may do now what would disturb others later
  settle_leftover 60
}

[[ ${1:-} != settle || ${3:-} == clean ]] || start_again "$@"
if [[ ${1:-} == settle ]]; then settle_at_boot "$2"; else main; fi
