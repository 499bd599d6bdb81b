# Restores the dump on standard input into a server of its own that nobody else reaches, and counts it. For any sh, also in an
# image without bash. Needs: place, encoding, super (SUPERUSER or NOSUPERUSER), roles, trusting, counting.
set -eu
umask 077
cd "$place"
exec 3<&0 </dev/null
# what the image or its compose file sets for others
unset PGOPTIONS PGSERVICE PGSERVICEFILE PGDATESTYLE PGTZ PGGEQO LANGUAGE
# the way of the socket may be longer than the system takes; the folder of the program's own is never
export PGHOST=/proc/self/cwd PGPORT=5432 PGUSER=bookops PGCONNECT_TIMEOUT=10 PGCLIENTENCODING=UTF8
last() { tail -n 5 "$place/log" >&2; }
initdb -D "$place/data" -U bookops -A trust -E "$encoding" --locale=C -N >"$place/log" 2>&1 || { last; exit 1; }
cd data
postgres -D "$place/data" -k . -c listen_addresses= -c fsync=off -c full_page_writes=off -c autovacuum=off \
  -c wal_level=minimal -c max_wal_senders=0 -c max_parallel_workers=0 -c max_parallel_maintenance_workers=0 >>"$place/log" 2>&1 3<&- &
server=$!
trap 'kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
trap 'exit 143' TERM INT HUP
ask() { psql -XAtqw -v ON_ERROR_STOP=1 -d "$@"; }
tries=0
until ask postgres -c 'SELECT 1' >/dev/null 2>&1; do
  kill -0 "$server" 2>/dev/null || { last; exit 1; }
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || { echo 'the server for the drill does not answer' >&2; last; exit 1; }
  sleep 0.1
done
printf '%s\n' "CREATE ROLE restorer LOGIN $super; $roles
CREATE DATABASE restored OWNER restorer TEMPLATE template0;" | ask postgres
lacking=$(printf '%s\n' "$trusting" | ask restored)
[ -z "$lacking" ] || { printf 'lacking %s\n' "$lacking"; exit 0; }
if words=$(PGUSER=restorer pg_restore -w -d restored --exit-on-error --no-owner --no-privileges --no-comments \
  --no-publications --no-subscriptions --no-security-labels <&3 2>&1); then
  echo 'restore good'
else
  case $words in *'No space left'*) printf '%s\n' "$words" >&2; exit 1 ;; esac
  printf 'restore %s\n' "$(printf '%s' "$words" | tail -n 3 | tr '\n' ' ')"
  exit 0
fi
printf '%s\n' "$counting" | ask restored
