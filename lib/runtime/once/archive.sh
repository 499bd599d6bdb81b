# Functions for the archives of ONCE. They hold SECRET_KEY_BASE and every variable in clear: nobody else may read one.

# prove_archive file host [folder]: it is whole, of that app, and its databases open. ONCE does not look at the errors of its last
# writes, so a full disk leaves a cut archive and a success. `folder`: where there is room for its databases.
prove_archive() (
  umask 077
  trap 'rm -rf "$work"' EXIT
  work=$(mktemp -d "${3:-${1%/*}}/.prove.XXXXXXXX")
  refuse() {
    printf 'the archive is not one to restore: %s\n' "$1" >&2
    exit 1
  }
  gzip -t "$1" 2>"$work/why" || refuse "it is damaged ($(head -c 200 "$work/why"))"
  tar -tzf "$1" >"$work/names" 2>"$work/why" || refuse "it is damaged ($(head -c 200 "$work/why"))"
  # of that ONCE nothing more is known, and nothing of ours restores it
  if [[ ${allow_legacy:-} ]] && ! grep -qxF once.application.json "$work/names"; then
    echo "$(grep -c '[^/]$' "$work/names") files, of the older ONCE"
    exit 0
  fi
  for name in once.application.json once.volume.json; do
    grep -qxF "$name" "$work/names" || refuse "it has no $name"
  done
  settings=$(tar -xzOf "$1" once.application.json)
  [[ ${settings%%\"env\":*} == *"\"host\":\"$2\""* ]] || refuse "it is not of $2"
  # the folder itself is always there
  grep -qE '^data/.*[^/]$' "$work/names" || refuse 'it holds no data'
  grep -E '^data/(.*/)?[^/]+\.sqlite3(-wal|-shm)?$' "$work/names" >"$work/databases" || true
  count=0
  if [[ -s $work/databases ]]; then
    command -v sqlite3 >/dev/null || refuse 'sqlite3 is not there to open its databases: sudo apt-get install sqlite3'
    mkdir "$work/opened"
    tar -xzf "$1" -C "$work/opened" --no-same-owner --no-same-permissions --verbatim-files-from --files-from "$work/databases"
    while IFS= read -r name; do
      if [[ $name != *.sqlite3 ]]; then continue; fi
      said=$(open_database "$work/opened/$name" 'PRAGMA integrity_check' 2>&1) || true
      [[ $said == ok ]] || refuse "$name: $(head -c 200 <<<"$said")"
      count=$((count + 1))
    done <"$work/databases"
  fi
  files=$(grep -cE '^data/.*[^/]$' "$work/names")
  echo "$files files, $count databases opened"
)

# drop_archive file: nothing stays of what is not good, and the app is not left paused, as ONCE leaves it when it is ended meanwhile
drop_archive() {
  rm -f "$1" || return 1
  read_once || return 1
  if [[ $once_state == paused ]]; then docker unpause "$once_id" >/dev/null; fi
}

# take_archive file: of the app as it is now, proven
take_archive() (
  good='' archive=$1 words=(backup "$once_host")
  trap '[[ $good ]] || drop_archive "$archive"' EXIT
  trap 'exit 143' TERM INT HUP PIPE
  if [[ ${allow_legacy:-} ]] && [[ $(once_flavour) == legacy ]]; then words=(data backup); fi
  once "${words[@]}" "$archive"
  chmod 600 "$archive"
  prove_archive "$archive" "$once_host"
  good=yes
)

# print_archive folder: the same, printed; there is no copy of it afterwards
print_archive() (
  umask 077
  trap 'rm -rf "$place"' EXIT
  place=$(mktemp -d "$1/.once.XXXXXXXX")
  take_archive "$place/archive.tar.gz" >&2
  cat "$place/archive.tar.gz"
)

# The image in the settings of an archive. ONCE asks the registry for it before it restores anything.
archive_image() {
  local settings
  settings=$(tar -xzOf "$1" once.application.json) || return 1
  [[ ${settings%%\"env\":*} =~ \"image\":\"([^\"]*)\" ]] || return 1
  printf '%s\n' "${BASH_REMATCH[1]}"
}

# pull_for_restore archive: a registry that is down is found out while the app runs. The image of now is what the undo needs.
pull_for_restore() {
  local image wanted
  wanted=$(archive_image "$1") || fail "$1 names no image"
  read_once
  [[ $once_app ]] || fail "ONCE has no app for $once_host"
  for image in "$wanted" "$once_image"; do
    docker pull -q "$image" >/dev/null || fail "the registry does not give $image, and ONCE restores nothing without asking it"
  done
}

# remove_half: what is there of an app that ONCE was restoring, also when it was ended meanwhile; not the volume of the app `was`
remove_half() {
  local was=$1 temporary volume
  for temporary in once-restore-temp once-restore-hook-temp; do
    volume=$(docker inspect -f '{{range .Mounts}}{{println .Name}}{{end}}' "$temporary" 2>/dev/null | head -n 1) || continue
    docker rm -f "$temporary" >/dev/null
    if [[ $volume == once-app-* && $volume != "once-app-$was" ]]; then docker volume rm "$volume" >/dev/null || true; fi
  done
  if [[ ! $once_id ]]; then return 0; fi
  once_remove
  docker volume rm "once-app-$once_app" >/dev/null
}

# put_back safety: the undo of a removal. The app that was there, or one restored from the archive that was taken before.
put_back() {
  local was
  was=$(read_note once-removing)
  if [[ ! $was ]]; then return 0; fi
  read_once
  if [[ $once_app == "$was" ]]; then
    # it is still there, but visitors may not get to it any more
    once_update "$once_image" "$once_auto"
    return 0
  fi
  remove_half "$was"
  once restore "$1" || fail "ONCE could not restore $1, which is what was there before; the volume once-app-$was has it as well"
  read_once
  [[ $once_state == running ]] || fail "the app restored from $1 is ${once_state:-gone}"
  echo "back: only the volume once-app-$was has what was written after ${1##*/}"
}

# remove_app: its volume stays, so nothing is lost by it. Only ever in one plan with put_back as the undo.
remove_app() {
  local app
  read_once
  app=$once_app
  [[ $app ]] || fail "ONCE has no app for $once_host"
  keep_note once-removing "$app"
  once remove "$once_host" || fail "ONCE did not remove $once_host"
  read_once
  if [[ $once_id ]]; then fail "ONCE says it removed $once_host, and it is still there"; fi
  docker volume inspect "once-app-$app" >/dev/null || fail "ONCE removed the volume once-app-$app as well"
}
