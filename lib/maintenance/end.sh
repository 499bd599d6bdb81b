# Beside the flag while a maintenance is to end by itself: cron starts it each minute and at boot, and so does each task
# that changes the maintenance. It removes the flag when its time is over, and has its lines in the crontab only as long as
# there is a time to wait for. Defined above: flag, keeper (the folder with lock and journal), cron_lines (its own), and the words
# of lib/cron/crontab.sh.
set -uo pipefail
export LC_ALL=C
folder=${flag%/*}

end_time() { # seconds since 1970; fails when nothing is to end by itself
  local when
  when=$(sed -nE '1s/^by [^ ]+: switched on by hand until=([0-9T:+-]+)( .*)?$/\1/p' "$flag" 2>/dev/null)
  [[ $when ]] && date -d "$when" +%s 2>/dev/null
}

is_over() {
  local end
  end=$(end_time) && (($(date +%s) >= end))
}

end_maintenance() { # not while a task works on the target: cron asks again in a minute
  [[ -d $keeper/journal ]] && return
  exec 8>>"$keeper/lock"
  if flock -n 8 && [[ ! -d $keeper/journal ]] && is_over; then
    rm -f "$flag" && rm -rf "$folder/allow" "$folder/pass" "$folder/maintenance.html" "$folder/maintenance.json"
  fi
  exec 8>&-
}

settle_crontab() { # what others wrote there stays as it is
  local waits=''
  ! end_time >/dev/null || waits=$cron_lines
  change_crontab 20 without_and_with "$cron_lines" "$waits" || return
  [[ $waits ]] || rm -f "$folder/end.sh"
}

main() { # read whole before it runs, because it removes its own file
  is_over && end_maintenance
  settle_crontab
  exit
}
main
