# One plan from the lock to its end, as its client requests it line by line; and the undo at boot, without a client (settle_leftover in undo.sh).

hear() { # one line of the client
  local verb=${1:-} text name
  shift
  [[ $verb != @(step|again) ]] || (($# == 6)) || verb=garbled
  case $verb in
    beat) ;;
    step)
      if [[ $failed ]]; then
        :
      elif [[ $running ]]; then
        queue+=("$line")
        prepare "$@" 2>&5
      else start_step "$@"; fi
      ;;
    again) # the same step again: its check was not satisfied
      failed=''
      start_step "$@"
      ;;
    finish) # number seconds title script when
      decode text "$4"
      printf -v name '%s.%03d' "$5" "$1"
      keep "$journal/$name" "$text" || trouble=yes
      ;;
    commit) commit "$@" ;;
    quit) # nothing was done after all
      rm -rf "$journal" "$home/holder" "$home/reserve"
      say 'ended quiet'
      exit 0
      ;;
    abort)
      decode text "$2"
      go_back "$1" "$(plain "$text")"
      exit 0
      ;;
    *) gone="what $client says does not arrive as it was sent" ;;
  esac
}

split() { # line: sets words, its fields; none of them is taken for a pattern
  set -f
  # shellcheck disable=SC2206
  words=($1)
  set +f
}

commit() { # current previous more
  local more
  decode more "$3"
  if [[ $running || $failed || $trouble ]] || ! keep "$journal/commit" "$1"$'\n'"$2"$'\n'"$more"$'\n'; then
    go_back reverted 'the release could not be recorded'
    exit 0
  fi
  go_forward
  exit 0
}

# look_after_self: what the keeper cannot go on without, or could not tell anybody
look_after_self() {
  if ! runs "$tail"; then
    gone="what the server says does not reach $client any more"
  elif [[ $mute ]]; then
    gone='no room was left for what the server has to say'
  elif [[ ! $out -ef /proc/self/fd/5 ]]; then
    gone='the folder of the keeper was removed'
  elif [[ ! -e $journal/attempt ]]; then
    gone='the journal of the keeper was removed'
  elif [[ ! $home/lock -ef /proc/self/fd/8 ]]; then
    gone='the lock of the keeper was removed'
  fi
}

refuse() { # refuse text advice: nothing was begun
  say "refused $(encode "$1") $(encode "${2:-}")."
  sleep 0.2
  exit 1
}

leave() {
  kill "$beating" 2>/dev/null
  free_writers "$run"
  rm -rf "${scratches[@]}"
}

# It never writes to standard output itself, as a stalled client would block it: `tail` copies the file $out there.
open_output() {
  out=$run/out
  exec 5>>"$out"
  flock -n 5 # tells who tidies up that this folder is somebody's
  tail -n +1 -s 0.05 -f --pid=$$ "$out" 9>&- 5>&- </dev/null 2>/dev/null &
  tail=$!
  exec >/dev/null 2>&1
  say_alive </dev/null &
  beating=$!
}

main() {
  local line partial='' chunk code why fix start stored='' words
  exec 5>&1
  trap : PIPE # unlike an empty one, this trap is not handed on
  if ! why=$(mkdir -p "$releases" 2>&1 && mkdir -p -m 700 "$home" 2>&1); then refuse "the folder $home cannot be made: ${why##*: }"; fi
  home_is_ours || refuse "$why: whoever that is could have the server run something else" "$fix"
  trap leave EXIT
  make_scratch 2>/dev/null || refuse "nothing can be written in $home: is the disk full?"
  open_output
  exec 8>>"$home/lock"
  trap 'gone="the server ended the keeper"' TERM INT HUP
  take_lock
  remove_dead_scratch
  printf '%s\n' "$run" >"$home/run"
  read -r patience 2>/dev/null <"$home/patience" && [[ $patience =~ ^[0-9]{1,4}$ ]] || patience=75
  local mine=$attempt
  eval "$mine"
  [[ $log_head =~ \ env=[^\ ]+ ]] && own_environment=${BASH_REMATCH[0]}
  if [[ $accepting ]]; then
    set_aside || refuse "the journal cannot be moved aside in $home: is the disk full?"
  else
    settle_leftover || { sleep 0.2; exit 6; }
  fi
  eval "$mine"
  gone='' failed='' trouble='' running='' tick=0.01 queue=()
  hundredths started
  start_of start "$$"
  IFS= read -r -d '' stored 2>/dev/null <"$home/keeper.sh"
  if ! { mkdir -p "$journal" && keep "$journal/prelude.sh" "$prelude" &&
    keep "$journal/boot" "$boot_id"$'\n' &&
    printf '%s %s\n' "$$" "$start" >"$journal/keeper" &&
    head -c 32768 /dev/zero >"$home/reserve" && reserve_room &&
    { [[ $stored == "$source"$'\n' ]] || keep "$home/keeper.sh" "$source"$'\n'; } &&
    keep "$journal/attempt" "$mine"$'\n'"started=$started"$'\n'; } 2>&5; then
    rm -rf "$journal" "$home/reserve"
    refuse "the journal cannot be written in $home: is the disk full?"
  fi
  printf '%s\n' 'getting ready' >"$journal/step"
  holder_now
  say "ready $(stamp)"
  walk
}

walk() { # hears the client and looks after its steps until one of them ends the plan
  local looked=0
  now heard
  while :; do
    if read -r -t 0; then
      next_line
      code=$?
      now now_
      if ((code == 0)); then
        heard=$now_
        split "$line"
        hear "${words[@]}"
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
    if ((now_ != looked)); then
      looked=$now_
      look_after_self
    fi
    look_after_step
    if [[ $gone ]]; then
      gone+=" during: $(plain "$(cat "$journal/step" 2>/dev/null)")"
      go_back lost "$gone"
      exit 0
    fi
  done
}

stamp() { # changes with every attempt
  printf '%s:%s' "$(wc -c 2>/dev/null <"$releases/releases.log" || echo 0)" "$(cat "$releases/current_release" 2>/dev/null)"
}

settle_at_boot() { # home
  local why fix
  home=$1 journal=$1/journal releases=${1%/*} nonce=settle running='' app_user=''
  [[ -d $journal ]] || exit 0
  if ! home_is_ours; then
    printf '%s: nothing in it is run. %s\n' "$why" "$fix" >&2
    exit 3
  fi
  exec 8>>"$home/lock"
  has_lock || exit 0
  remove_dead_scratch
  trap leave EXIT
  make_scratch 2>/dev/null
  exec 5>>"$home/settle.log" || exec 5>/dev/null
  patience=600 # Docker and the like may still be on their way up
  export KEEPER_BOOT=yes # an undo may do now what would disturb others later
  settle_leftover
}

gone='' mute='' run='' current_step='' scratches=() beating='' own_environment='' damaged=''
read -r boot_id </proc/sys/kernel/random/boot_id
[[ ${1:-} != settle || ${3:-} == clean ]] || start_again "$@"
if [[ ${1:-} == settle ]]; then settle_at_boot "$2"; else main; fi
