# Who besides root and the deploy user could replace what that user, root or the proxy reads, runs or writes.
# writers_of PATH…: a line “who <tab> path” for each that is there and others can write; links are looked at, not followed.

writers_of() {
  local path mode owner group kind who me
  me=$(id -u)
  for path; do
    # a path that cannot be looked at is not ours to judge
    { IFS=' ' read -r mode owner group kind < <(stat -c '%a %u %g %F' -- "$path"); } 2>/dev/null || continue
    if [[ $owner != 0 && $owner != "$me" ]]; then
      who="its owner $(stat -c %U -- "$path")"
    elif [[ $kind == 'symbolic link' ]]; then
      continue # only who may write its folder can replace it
    elif ((8#$mode & 8#1000)) && [[ $kind == directory ]]; then
      continue # as /tmp: nobody takes away what belongs to somebody else
    elif ((8#$mode & 2)); then
      who='every user'
    elif ((8#$mode & 8#20)); then
      # shellcheck disable=SC2012 # the eleventh letter is what nothing else prints: there are more rights than the mode says
      if [[ $(ls -ld -- "$path" | cut -c11) == + ]]; then who='whom its ACL names'; else who=$(others_in "$group"); fi
    else who=''; fi
    [[ ! $who ]] || printf '%s\t%s\n' "$who" "$path"
  done
  return 0
}

others_in() { # group id: its members but root and ourselves
  local name members
  IFS=: read -r name _ _ members < <(getent group "$1")
  members=$(
    { tr , '\n' <<<"${members:-}"; getent passwd | awk -F: -v group="$1" '$4 == group {print $1}'; } |
      grep -vxF -e root -e "$(id -un)" -e '' | sort -u | xargs
  )
  [[ ! $members ]] || printf 'the group %s (%s)' "${name:-$1}" "$members"
}

# above PATH: all folders it lies in
above() {
  local path=$1
  while [[ $path == /*/* ]]; do
    path=${path%/*}
    printf '%s\0' "$path"
  done
}
