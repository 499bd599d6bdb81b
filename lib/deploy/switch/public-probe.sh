# Asks the site the way visitors do for as long as a plan is in its window, and writes down what they were answered.

# visit scheme name path wait: goes on in the background until `visited` is there, and ends with the keeper, however that ends
visit() {
  local scheme=$1 name=$2 path=$3 wait=$4 port=80 here
  [[ $scheme == http ]] || port=443
  # not the loopback address: what the server asks itself passes maintenance
  here=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -m 1 -E '^[0-9]+(\.[0-9]+){3}$') || here=127.0.0.1
  local visits=$KEEPER_RUN/visits keeper=$PPID end=$((SECONDS + 900))
  (
    set +e
    trap - ERR
    exec </dev/null >>"$visits" 2>/dev/null 3>&-
    one() {
      exec curl -q -s --globoff --noproxy '*' -k --max-time "$wait" --resolve "$name:$port:$here" -o /dev/null \
        -w '%{http_code} %{time_total}\n' -- "$scheme://$name$path"
    }
    until [[ -e $KEEPER_RUN/visited || ! -e $visits ]] || ! kill -0 "$keeper" || ((SECONDS > end)); do
      if (($(jobs -rp | wc -l) < 40)); then one & fi
      sleep 0.2
    done
    if [[ -e $KEEPER_RUN/visited ]]; then
      one &
      for ((try = 0; try < 40; try++)); do
        [[ $(jobs -rp) ]] || break
        sleep 0.05
      done
      echo over
    fi
    # shellcheck disable=SC2046 # each word is a number
    kill $(jobs -rp)
  ) &
}

# closed: the moment at which the window ended
closed() {
  printf '%s\n' "${EPOCHREALTIME//./}" >"$KEEPER_RUN/closed"
}

# sum_visits told: ends the asking, and sets words and window. A 503 is no failure where maintenance tells visitors.
sum_visits() {
  local try opened
  words='' window=''
  [[ -e $KEEPER_RUN/visits ]] || return 0
  : >"$KEEPER_RUN/visited"
  for ((try = 0; try < 100; try++)); do
    ! grep -qx over "$KEEPER_RUN/visits" || break
    sleep 0.05
  done
  words=$(awk -v told="$1" 'NF == 2 {
      all++
      if ($1 == 503 && told == "told") said++
      else if ($1 < 100 || $1 >= 500) bad++
      if ($2 > most) most = $2
    }
    END { if (all) printf "requests=%d%s failures=%d longest=%.1f", all, said ? " told=" said : "", bad, most }' "$KEEPER_RUN/visits")
  if [[ -e $KEEPER_RUN/closed ]]; then
    window=$(cat "$KEEPER_RUN/closed") || return 1
    opened=$(cat "$KEEPER_RUN/opened") || return 1
    window=$(((window - opened) / 10000))
    printf -v window '%d.%02d' $((window / 100)) $((window % 100))
  fi
}

# write_visits log id told: adds what visitors saw to the attempt's line
write_visits() {
  local log=$1 id=$2 words window
  sum_visits "$3"
  [[ $words ]] || return 0
  sed -E "/ id=$id /{${window:+s/ window=[0-9.]+/ window=$window/;}s/ seconds=([0-9.]+)\$/ $words seconds=\1/;}" "$log" >"$log.new"
  sync -d "$log.new"
  mv -fT "$log.new" "$log"
  echo "visitors $words${window:+ window=$window}"
}

# leave_visits told: the same on the way back, where the keeper has yet to write the line
leave_visits() {
  local words window
  sum_visits "$1"
  [[ $words ]] || return 0
  printf ' %s' "$words${window:+ window=$window}" >>"$KEEPER_RUN/more"
  echo "visitors $words${window:+ window=$window}"
}
