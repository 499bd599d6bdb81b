# Reads the URL of a Postgres server out of environment files, exports it as libpq's own variables, and becomes the program
# that its arguments name. No password is ever an argument, and nothing here says the URL. Needs: variable, files, application,
# and the words of lib/env/read.sh.
set -euo pipefail
# what the login shell has of another server
# shellcheck disable=SC2086
unset ${!PG@}

refuse() {
  printf '%s\n' "$1" >&2
  exit 1
}

readable=()
for file in "${files[@]}"; do [[ ! -r $file ]] || readable+=("$file"); done
read_environment "${readable[@]}" || exit 1
found=''
# the last one counts, as for everybody else who reads such files
for at in "${!env_names[@]}"; do [[ ${env_names[at]} != "$variable" ]] || found=${env_values[at]}; done
unset -f read_environment export_environment
unset env_names env_values env_lines
[[ -n $found ]] || refuse "no file that may be read here has $variable: ${files[*]}"

# put NAME text: exports it, with %20 and the like as what they stand for
put() {
  [[ -n $2 ]] || return 0
  if [[ $2 =~ %([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$) || $2 == *%00* ]]; then
    refuse "$variable has a % that is not followed by two digits of a character: write %25 for %"
  fi
  local text=${2//\\/\\\\} value
  printf -v value '%b' "${text//%/\\x}"
  export "$1=$value"
}

url='^postgres(ql)?([+][a-z0-9]+)?://(([^/?#]*)@)?([^/?#@]*)(/([^?#]*))?([?]([^#]*))?$'
[[ $found =~ $url ]] || refuse "$variable is no URL of a Postgres server: postgresql://user:password@host:5432/name"
credentials=${BASH_REMATCH[4]} place=${BASH_REMATCH[5]} name=${BASH_REMATCH[7]} query=${BASH_REMATCH[9]}
six='^\[([^]]*)\](:([0-9]*))?$'
four='^([^:]*)(:([0-9]*))?$'
[[ $place =~ $six || $place =~ $four ]] || refuse "$variable has no host that is understood"
host=${BASH_REMATCH[1]} port=${BASH_REMATCH[3]}
put PGHOST "$host"
put PGPORT "$port"
put PGUSER "${credentials%%:*}"
[[ $credentials != *:* ]] || put PGPASSWORD "${credentials#*:}"
put PGDATABASE "$name"
IFS='&' read -r -a pairs <<<"$query"
for pair in "${pairs[@]}"; do
  value=${pair#*=}
  case ${pair%%=*} in
    host) put PGHOST "$value" ;;
    port) put PGPORT "$value" ;;
    user) put PGUSER "$value" ;;
    password) put PGPASSWORD "$value" ;;
    dbname) put PGDATABASE "$value" ;;
    sslmode) put PGSSLMODE "$value" ;;
    sslrootcert) put PGSSLROOTCERT "$value" ;;
    sslcert) put PGSSLCERT "$value" ;;
    sslkey) put PGSSLKEY "$value" ;;
    channel_binding) put PGCHANNELBINDING "$value" ;;
    options) put PGOPTIONS "$value" ;;
    connect_timeout) put PGCONNECT_TIMEOUT "$value" ;;
    # schema, connection_limit and the like are for the app's own driver
  esac
done
me=$(id -un)
export PGUSER=${PGUSER:-$me}
export PGDATABASE=${PGDATABASE:-$PGUSER} PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-10} PGAPPNAME=$application
exec "$@"
