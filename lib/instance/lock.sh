# The lock of all instances of an environment, for tasks and for end.sh. Defined above: folder (all instances).

lock_instances() { # no other user can open it, nor hold it
  (umask 077 && : >>"$folder/.lock") && exec 7<>"$folder/.lock" || return
  if ! flock -w 20 7; then
    echo "another run has been working on the instances for 20 s: $(head -c 200 "$folder/.lock")" >&2
    return 1
  fi
  echo "process $$ since $(date -u +%FT%TZ)" >"$folder/.lock"
}
