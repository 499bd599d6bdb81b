# The steps of a plan: recorded with their undos, started one by one, supervised, ended with all processes they started.

# Everything that can be done for a step before its turn: between two steps visitors may be waiting.
prepare() { # number seconds title undo script input
  local name title undo text
  printf -v name '%03d' "$1"
  decode title "$3"
  decode undo "$4"
  decode text "$5"
  if [[ $undo && ! -e $journal/undo.$name ]]; then # the second is for whoever loses the journal
    keep "$journal/next.$name" "$undo" && printf '%s' "$undo" >"$run/undo.$name" || return 1
  fi
  printf '%s' "$title" >"$run/title.$name" && printf '%s' "$text" >"$run/step.$name" && : >"$run/answer.$name"
}

start_step() { # number seconds title undo script input
  local number=$1 name title
  limit=$2
  printf -v name '%03d' "$number"
  [[ -e $run/step.$name ]] || prepare "$@"
  IFS= read -r -d '' title 2>/dev/null <"$run/title.$name"
  if [[ ! -e $run/answer.$name ]] || ! { [[ $4 == - || -e $journal/undo.$name ]] || mv -fT "$journal/next.$name" "$journal/undo.$name"; } ||
    ! printf '%s\n' "$title" >"$journal/step" || ! printf '%s %s\n' "$name" "$title" >>"$journal/titles"; then
    say "done $number 1 $(encode 'the way back could not be written down: is the disk full?')"
    failed=yes
    return
  fi
  case $6 in
    -) launch "$name" 6</dev/null ;;
    stream)
      mkfifo "$run/stream.$name"
      launch "$name" "$run/stream.$name" 6</dev/null
      say "stream $number $(encode "$run/stream.$name")"
      ;;
    *) launch "$name" 6< <(exec 5>&- 8>&- 9>&- && printf '%b' "$6") ;;
  esac
  current_step=$number
  now step_began
  holder_now
}

launch() {
  (
    exec 8>&- 9>&- <&6 6<&-
    [[ ${2:-} ]] && exec <"$2" # waits here until the client opens its end
    KEEPER_RUN=$run exec setsid bash --norc --noprofile -c '. "$1"; . "$2"' bash "$journal/prelude.sh" "$run/step.$1" 3>"$run/answer.$1" >&5 2>&1 5>&-
  ) &
  running=$!
  local start
  start_of start "$running"
  printf '%s %s\n' "$running" "$start" >"$run/running" # for whoever loses the journal
  printf '%s %s\n' "$running" "$start" >"$journal/running"
}

look_after_step() {
  local code name
  [[ $running ]] || return 0
  if runs "$running"; then
    # visitors may be waiting for the end of the step: it is looked for often, and less so the longer it takes
    if ((now_ - step_began > 30)); then tick=0.1; elif ((now_ - step_began > 5)); then tick=0.03; fi
    if ((now_ - step_began >= limit)); then
      local stood
      stood=$(what_runs)
      end_step
      say "done $current_step 124 $(encode "no end after $limit s${stood:+; what still ran: $stood}")"
      failed=yes
      queue=()
    fi
    return 0
  fi
  wait "$running"
  code=$?
  running=''
  tick=0.01
  printf -v name '%03d' "$current_step"
  local ended=$current_step answer=''
  if [[ -s $run/answer.$name || ! -e $run/answer.$name ]]; then
    answer=$(base64 -w0 <"$run/answer.$name") || code=1 # what it answered is lost, and with it what was to be judged
  fi
  if ((code)); then
    failed=yes
    queue=()
  elif ((${#queue[@]})); then
    local next=${queue[0]}
    say "next $ended" # output from here on belongs to the next step; that this one is done is reported when the next has begun
    queue=("${queue[@]:1}")
    split "$next"
    start_step "${words[@]:1}"
  fi
  say "done $ended $code $answer"
  [[ $running ]] || rm -f "$journal/running" "$run/running"
  [[ ! -e $run/stream.$name ]] || rm -f "$run/stream.$name"
}

# A program that has ended but was not waited for has a number still, so `kill -0` is no proof that it runs.
runs() { # number
  local stat
  IFS= read -r stat 2>/dev/null <"/proc/$1/stat" && [[ ${stat##*) } != [ZX]* ]]
}

what_runs() { # the processes of the step's session, each with its state (S sleeps, D waits for a disk, Z has ended) and words
  local file stat fields words list=''
  for file in /proc/[0-9]*/stat; do
    IFS= read -r stat 2>/dev/null <"$file" || continue
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[3]:-} == "$running" || $file == "/proc/$running/stat" ]] || continue
    words=$(tr '\0\n' '  ' 2>/dev/null <"${file%stat}cmdline")
    words=${words% }
    [[ $words != *" $run/step."* ]] || words='bash, the step itself'
    list+="${list:+, }${fields[0]} $(plain "${words:0:120}")"
  done
  printf '%s' "${list:0:600}"
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
  free_writers "$run"
  running=''
}

# free_writers scratch: who waits there for a reader of a stream, or comes just now, would wait for ever once it is removed
free_writers() {
  local file
  [[ $1 ]] || return 0
  for file in "$1"/stream.*; do
    [[ ! -p $file ]] || rm -f "$file" 7<>"$file" # open while its name goes
  done
}

kill_group() { # sudo's children belong to the app's user: that user ends them
  # a step that waits for its stream has no group of its own yet
  kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2" 2>/dev/null
  [[ $app_user && $app_user != "$(id -un)" ]] && sudo -n -u "$app_user" -- kill -s "$1" -- "-$2" 2>/dev/null
  return 0
}
