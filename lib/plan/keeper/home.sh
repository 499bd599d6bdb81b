# Where the keeper lives: a folder that is the user's own and that nobody else can exchange, its scratch in it, and the lock.

# folders_to path: every folder on the way to it, and every link, as the kernel follows them
folders_to() {
  local at='' rest=$1 part target hops=0
  printf '%s\0' /
  while [[ $rest ]]; do
    part=${rest%%/*}
    rest=${rest#"$part"}
    rest=${rest#/}
    case $part in
      '' | .) continue ;;
      ..) at=${at%/*} ;;
      *)
        printf '%s\0' "$at/$part"
        if [[ -L $at/$part ]]; then
          ((++hops < 40)) && target=$(readlink -- "$at/$part") || return 1
          [[ $target != /* ]] || at=''
          rest=$target/$rest
        else at+=/$part; fi
        ;;
    esac
  done
}

# mine_alone group folder: nobody but this user and root is in the group, and no access list says more than the mode does
mine_alone() {
  [[ $(ls -ld -- "$2") != ??????????+* ]] && { getent group "$1" && getent passwd; } | awk -F: -v group="$1" -v me="$(id -un)" '
    NR == 1 {count = split($4, names, ","); for (at = 1; at <= count; at++) if (names[at] != me && names[at] != "root") bad = 1; next}
    $4 == group && $1 != me && $3 != 0 {bad = 1}
    END {exit bad || NR < 2}'
}

# distrust path: sets `why` and `fix` when somebody else can change what stands there; nobody can exchange a folder whose way is
# trusted from the root on, which is why the order matters
distrust() {
  local mode owner group name
  why='' fix=''
  while read -r -d '' mode owner group name; do
    mode=$((16#$mode))
    if ((owner != 0 && owner != EUID)); then
      why="$name belongs to $(id -un "$owner" 2>/dev/null || echo "$owner")" fix="chown $(id -un) $(printf %q "$name")"
    elif (((mode & 0170000) == 0120000 || mode & 01000)); then
      continue # a link has no rights of its own; in a sticky folder everybody has only what is his
    elif ((mode & 2)); then
      why="everybody can change $name" fix="chmod o-w $(printf %q "$name")"
    elif ((mode & 020)) && ! mine_alone "$group" "$name"; then
      why="the group $(getent group "$group" | cut -d: -f1) can change $name" fix="chmod g-w $(printf %q "$name")"
    else continue; fi
    fix="as root: $fix" # a user's own chmod takes the setgid bit of a group away that he is not in
    return 0
  done < <(folders_to "$1" | xargs -0r stat --printf '%f %u %g %n\0')
  return 1
}

# Files in the home are run: nobody else may be able to change it or what leads there, or nothing in it is touched.
home_is_ours() { # else sets why and fix
  local foreign
  if [[ -L $home || ! -d $home || ! -O $home ]]; then
    why="$home is not a folder of $(id -un) itself" fix="look who put it there, then as root: rm $home, or mv $home to another place"
    return 1
  fi
  ! distrust "$home" || return 1
  for _ in 1 2 3; do # a plan may end while its journal is looked at
    foreign=$(find "$home" -ignore_readdir_race -maxdepth 1 \( ! -uid "$EUID" -o -type l -o -path "$home" -perm /022 \) -print -quit &&
      if [[ -e $journal ]]; then find "$journal" -ignore_readdir_race -maxdepth 1 \( ! -uid "$EUID" -o -type l -o -perm /022 \) -print -quit; fi) && break
    foreign=$home
  done
  [[ $foreign ]] || return 0
  why="${foreign%%$'\n'*} is a link, or somebody else's, or can be changed by others"
  fix="look who put it there, then as root: chown -hR $(id -un) $home && chmod -R go-w $home"
  return 1
}

# make_scratch: sets run, a folder of our own with space reserved for messages and undos
make_scratch() {
  run=$(mktemp -d "$home/bookops.XXXXXXXX") && scratches+=("$run") && : >"$run/out" && mkfifo "$run/pause" || return 1
  # the first is reserved for messages, whatever fills the disk; the second is freed when something fails
  fallocate -n -l 65536 "$run/out" 2>/dev/null
  reserve_room && exec 9<>"$run/pause"
}

reserve_room() {
  [[ -e $run/reserve ]] || fallocate -l 131072 "$run/reserve" 2>/dev/null || head -c 131072 /dev/zero >"$run/reserve"
}

# Undos write things down: the room for it is given back, and when that is not enough it is found elsewhere.
make_room() {
  local base
  [[ ! $run ]] || rm -f "$run/reserve"
  if [[ $run && -d $run ]] && head -c 65536 /dev/zero >"$run/room"; then
    rm -f "$run/room"
    return 0
  fi
  for base in "$home" /dev/shm /tmp /var/tmp; do
    run=$(mktemp -d "$base/bookops.XXXXXXXX") && scratches+=("$run") && head -c 65536 /dev/zero >"$run/room" && rm -f "$run/room" && return 0
  done
  return 0 # an undo that needs it says what is missing
} 2>/dev/null

# remove_dead_scratch: that of the keeper which had the lock before, and of those that died while they waited for it
remove_dead_scratch() {
  local one
  while read -r one; do
    if [[ -d $one && $one == @("$home"|/dev/shm|/tmp|/var/tmp)/bookops.* ]]; then
      # a step that outlived its keeper is ended, also when the journal has lost it
      if [[ -d $journal && ! -e $journal/running && -f $one/running ]]; then cat "$one/running" >"$journal/running"; fi
      free_writers "$one"
      rm -rf "$one"
    fi
  done < <(cat "$home/run" 2>/dev/null)
  while read -r one; do
    flock -n "$one" true 2>/dev/null && rm -rf "${one%/*}"
  done < <(find "$home" -mindepth 2 -maxdepth 2 -path '*/bookops.*/out' -mmin +1 2>/dev/null)
}

keep() { # keep file text: on the disk, whole or not at all
  if printf '%s' "$2" >"$1.new" && sync -d "$1.new" 2>/dev/null && mv -fT "$1.new" "$1"; then return 0; fi
  rm -f "$1.new"
  return 1
}

holder_now() { # what others see while they wait
  local step=''
  read -r step 2>/dev/null <"$journal/step"
  printf '%s\n' "$holder step=\"$(plain "$step")\"" >"$home/holder.new" 2>/dev/null &&
    mv -fT "$home/holder.new" "$home/holder"
}

lock_owner() { # who has the lock without having signed for it, as the kernel knows: by hand, or between two words of ours
  local inode pid
  inode=$(stat -L -c %i /proc/self/fd/8)
  pid=$(awk -v inode="$inode" '$2 == "FLOCK" && $6 ~ ":" inode "$" {print $5; exit}' /proc/locks)
  [[ ! $pid ]] || printf 'by="process %s (%s) on the server"' "$pid" "$(plain "$(cat "/proc/$pid/comm")")"
} 2>/dev/null

# has_lock: ours, and nobody works without it: after its file was removed, the holder has a lock on another file
has_lock() {
  local boot pid start state began
  flock -n 8 || return 1
  [[ $home/lock -ef /proc/self/fd/8 ]] || { exec 8>>"$home/lock" && return 1; }
  { read -r boot <"$journal/boot" && read -r pid start <"$journal/keeper"; } 2>/dev/null || return 0
  start_of began "$pid"
  [[ $boot == "$boot_id" && $began == "$start" ]] || return 0
  read -r state 2>/dev/null <"/proc/$pid/stat" || return 0
  [[ ${state##*) } == Z* ]]
}

take_lock() { # waits at most $wait seconds, telling who holds it whenever that changes
  local since seen='' is
  now since
  until has_lock; do
    is=$(cat "$home/holder" 2>/dev/null)
    now now_
    if ((now_ - since >= wait)); then
      for _ in 1 2 3 4 5 6 7 8 9 10; do # a holder that only just took it may not have signed yet
        [[ $is ]] && break
        has_lock && return 0
        sleep 0.1
        is=$(cat "$home/holder" 2>/dev/null)
      done
      say "held $(encode "${is:-$(lock_owner)}")."
      exit 5
    fi
    # who leaves takes the name away before the lock is free
    [[ $is && $is != "$seen" ]] && say "waiting $(encode "$is")." && seen=$is
    pause 0.5
    if read -r -t 0; then next_line || (($? > 128)) || exit 5; fi # the client gave up
  done
}
