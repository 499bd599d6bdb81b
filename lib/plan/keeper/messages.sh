# Holds a target's lock and the undos of a running plan, and undoes the plan by itself when its client is gone. The parts
# of this folder are one program. It is sent to `bash -c eval` with the client on standard input, or started from its own file
# at boot: keeper.sh settle <home>. This part: the time, and the lines between the keeper and its client.
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
  (($? > 128)) || sleep "$1"
}

# say words…: a line to the client, on descriptor 5. The point at its end tells a whole line from one that a full disk cut off.
say() {
  printf '\n%s %s .\n' "$nonce" "$*" >&5 2>/dev/null && return 0
  [[ ! $run ]] || rm -f "$run/reserve"
  printf '\n%s %s .\n' "$nonce" "$*" >&5 2>/dev/null || mute=yes
}

# Runs beside the keeper: says that it lives, for as long as it does and is not stopped.
say_alive() {
  local state
  while read -r state <"/proc/$$/stat"; do
    state=${state##*) }
    [[ $state != Z* ]] || return 0
    [[ $state == T* ]] || say alive
    pause 2
  done 2>/dev/null
}

encode() {
  printf '%s' "$1" | base64 -w0
}

decode() { # variable field: the text of a field of the protocol; - stands for nothing. Without a process, as there are many.
  [[ $2 != - ]] || set -- "$1" ''
  printf -v "$1" '%b' "$2"
}

plain() { # text that is safe between the quotes of a log line
  local text=${1//[$'\001'-$'\037\177']/ }
  text=${text//\\/}
  printf '%s' "${text//\"/}"
}
