# The one editor of the crontab of the user who runs this: under a lock that no other user can hold, never from a reading that
# failed, and looked at again after it was written. Everything else in it stays byte for byte.

crontab_lock() { # seconds: waits at most so long; it is held until crontab_unlock or the end of the shell
  local folder=$HOME/.local/state/bookops rights
  (umask 077 && mkdir -p "$folder") || return
  rights=$(stat -c %A "$folder") || return
  if [[ -L $folder || ! -O $folder || $rights == d????w* || $rights == d???????w* ]]; then
    echo "$folder must be a folder of $(id -un) that only they may write, because the lock of the crontab is in it: chmod 700 $folder" >&2
    return 1
  fi
  (umask 077 && : >>"$folder/crontab.lock") || return
  exec 6>>"$folder/crontab.lock" || return
  if ! flock -w "$1" 6; then
    echo "the crontab has been locked for $1 s by $(head -c 200 "$folder/crontab.lock")" >&2
    return 1
  fi
  printf 'process %s of %s since %s\n' "$$" "$(id -un)" "$(date +%FT%T%z)" >"$folder/crontab.lock"
}

crontab_unlock() {
  exec 6>&-
}

crontab_read() { # sets crontab_was to what there is, nothing when there is none; fails for any other reason
  local why
  if crontab_was=$(crontab -l 2>/dev/null && echo .); then
    crontab_was=${crontab_was%.}
    return
  fi
  crontab_was=''
  why=$(crontab -l 2>&1 >/dev/null) || true
  if grep -qE "^(crontab: )?no crontab for |^crontab: can't open '[^']*': No such file" <<<"$why"; then return; fi
  printf 'the crontab cannot be read, so it stays as it is: %s\n' "${why:-the first reading failed, the second did not}" >&2
  return 1
}

crontab_is() { # text
  local now
  now=$(crontab -l 2>/dev/null && echo .) || now=.
  [[ ${now%.} == "$1" || ${now%.} == "$1"$'\n' ]]
}

crontab_put() { # text. What <<< gives is whole before crontab starts, so that a part is never installed
  if [[ $1 ]]; then crontab - <<<"${1%$'\n'}"; else crontab -r; fi
}

change_crontab() { # seconds filter words…: the filter gets what is there and prints what is to be there
  local next
  crontab_lock "$1" || return
  crontab_read || return
  next=$(printf %s "$crontab_was" | "${@:2}" && echo .) || return
  next=${next%.}
  if [[ $next != "$crontab_was" ]] && ! { crontab_put "$next" && crontab_is "$next"; }; then
    crontab_is "$crontab_was" || crontab_put "$crontab_was"
    echo 'the crontab was not taken as it was written, and is as before' >&2
    return 1
  fi
  crontab_unlock
}

without_and_with() { # without with: a filter. Each line of the one goes, and the other stands at the end, unless it is there
  local was line missing=''
  was=$(cat && echo .) || return
  was=${was%.}
  while IFS= read -r line; do
    [[ $'\n'$was == *$'\n'"$line"$'\n'* ]] || missing=yes
  done <<<"$2"
  if [[ $2 && ! $missing ]]; then
    printf %s "$was"
    return
  fi
  while IFS= read -r line || [[ $line ]]; do
    [[ $line && $'\n'$1$'\n' == *$'\n'"$line"$'\n'* ]] || printf '%s\n' "$line"
  done < <(printf %s "$was")
  [[ ! $2 ]] || printf '%s\n' "$2"
}
