# Probes, asked on the host, and the wait for a release that has to become ready.

# probe set name status url [head:|body:<extended regular expression that part of the answer must contain>]…
probes=()
probe() {
  probes+=("$#" "$@")
}

# since_boot name: hundredths of a second that no change of the clock touches
since_boot() {
  local up
  read -r up _ </proc/uptime
  printf -v "$1" '%s' "$((10#${up//./}))"
}

# wait_until_ready deadline interval name: every probe of one set good in one pass, while alive() says yes.
# Writes what was last seen to descriptor 3. Ends 0 ready, 70 deadline over, 71 not alive any more. The deadline is one,
# also when the client, who judges exactly, has the same wait begin again because the answer was not good after all.
wait_until_ready() {
  local deadline=$1 interval=$2 ends=${KEEPER_RUN:+$KEEPER_RUN/wait.$3} seen end now good tries=0 looked=0
  since_boot now
  end=$((now + deadline * 100))
  if [[ $ends && -s $ends ]]; then
    end=$(cat "$ends")
    tries=60
    sleep "$interval"
  elif [[ $ends ]]; then
    printf '%s\n' "$end" >"$ends"
  fi
  seen=$(mktemp -d "${KEEPER_RUN:-/tmp}/seen.XXXXXX")
  while :; do
    since_boot now
    good=''
    # visitors may be waiting: while the first probe fails, the others and whether the app runs are checked less often
    if ask_sets "$seen" $((now > end ? 1 : 0)); then good=yes; fi
    if [[ ! $good ]] && ((now - looked > 20 && now <= end)); then
      looked=$now
      alive >"$seen/alive" 2>&1 || : >"$seen/dead"
    fi
    if [[ -e $seen/dead ]]; then
      sleep 0.2 # the last output of a process that just ended may not be in its log yet
      answer "dead $(base64 -w0 <"$seen/alive")"
      tell_wait "$seen" log
      return 71
    fi
    if ((now > end)); then
      answer over
      tell_wait "$seen" log
      [[ $good ]] || return 70
      return 0
    fi
    if [[ $good ]]; then
      tell_wait "$seen"
      return 0
    fi
    if ((++tries < 60)); then sleep 0.02; else sleep "$interval"; fi
  done
}

tell_wait() {
  tell_probes "$1"
  [[ ! ${2:-} ]] || answer "log $(log_tail 2>&1 | tail -n 20 | base64 -w0)"
  rm -rf "$1"
}

# last_words lines: of a log on standard input. Apps write a line for each request, and ours, one a second, would be all
# that is left of it: only the last two lines with the path of a probe are kept.
last_words() {
  local at path paths=''
  for ((at = 0; at < ${#probes[@]}; at += probes[at] + 1)); do
    path=${probes[at + 4]#*://*/}
    paths+="/${path%%[?#]*}"$'\n'
  done
  awk -v given="$paths" '
    BEGIN { count = split(given, paths, "\n") }
    function asked(line, i, at, before, after) {
      for (i = 1; i < count; i++) {
        at = index(line, paths[i])
        before = at > 1 ? substr(line, at - 1, 1) : " "
        after = substr(line, at + length(paths[i]), 1)
        if (at && length(paths[i]) > 1 && before !~ /[[:alnum:]\/._-]/ && after !~ /[[:alnum:]\/._-]/) return 1
      }
      return 0
    }
    { text[NR] = $0; if (asked($0)) ours[++found] = NR }
    END {
      for (i = 1; i <= found - 2; i++) delete text[ours[i]]
      for (i = 1; i <= NR; i++) if (i in text) print text[i]
    }' | tail -n "$1"
}

# ask_sets folder whole: whether all of one set are good (its name is in good_set), and the app lives. The first of a set is asked, and when that is
# good, or whole is 1, the others at once.
ask_sets() {
  local seen=$1 whole=$2 set last='' at count number bad first asked
  good_set=''
  for ((at = 0; at < ${#probes[@]}; at += probes[at] + 1)); do
    set=${probes[at + 1]}
    [[ $set != "$last" ]] || continue
    last=$set bad='' first=yes asked=() number=0
    for ((count = 0; count < ${#probes[@]}; count += probes[count] + 1, number++)); do
      [[ ${probes[count + 1]} == "$set" ]] || continue
      if [[ $first ]]; then
        first=''
        one_probe "$seen/$number" "${probes[@]:count+2:probes[count]-1}" || bad=yes
        [[ ! $bad ]] || ((whole)) || continue 2
      else
        one_probe "$seen/$number" "${probes[@]:count+2:probes[count]-1}" &
        asked+=($!)
      fi
    done
    alive >"$seen/alive" 2>&1 || : >"$seen/dead"
    for number in ${asked[@]+"${asked[@]}"}; do wait "$number" || bad=yes; done
    [[ $bad ]] || good_set=${good_set:-$set}
    [[ ! $good_set ]] || ((whole)) || return 0
  done
  [[ $good_set ]]
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
  shopt -s nocasematch
  for wanted; do
    # JSON may spell any letter as \u0061: where a backslash is, only who reads JSON can tell
    if [[ $wanted == body:* ]]; then text=$body; else text=$head; fi
    [[ ${text//[$'\r\n']/ } =~ ${wanted#*:} || $wanted == body:* && $body == *\\* ]] || {
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
    line="probe $(cat "$files.name") $(cat "$file")"
    for part in head body why; do
      if [[ -s $files.$part ]]; then line+=" $(base64 -w0 <"$files.$part")."; else line+=' .'; fi
    done
    printf '%s\n' "$line" >&3
  done
}
