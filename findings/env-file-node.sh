#!/usr/bin/env bash
# One environment file, three readers: a shell, Node's own --env-file, and the dotenv package, on lines that all three accept.
#
# Guess: where a shell reads one word or one quoted string, Node and dotenv read the same bytes; their documentation says that
#        values may be quoted and that # begins a comment.
# Seen:  Node 20.20.2, dotenv 17.4.2. A # inside a plain value ends it for both (a shell wants a blank before it), so that a
#        password loses its end without a word. \" inside "..." ends the value for Node and stays as two characters for dotenv.
#        '...' and "..." that have neither are read alike by all three.
set -euo pipefail
DOTENV=17.4.2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "dotenv@$DOTENV" >/dev/null

cat >app.env <<'END'
PLAIN=k9-Tq7#vWm2
SAID="say \"hi\""
BACKSLASH="a\\b"
SINGLE='k9-Tq7#vWm2'
DOUBLE="k9-Tq7#vWm2"
END
keys='["PLAIN","SAID","BACKSLASH","SINGLE","DOUBLE"]'
print="console.log(JSON.stringify($keys.map(key => process.env[key])))"
# shellcheck disable=SC2016 # the inner shell's
shell=$(env -i PATH="$PATH" bash -c 'set -a; . ./app.env; exec node -e "$1"' bash "$print")
node_reads=$(env -i PATH="$PATH" node --env-file=app.env -e "$print")
dotenv_reads=$(node -e "const read = require('dotenv').parse(require('fs').readFileSync('app.env')); console.log(JSON.stringify($keys.map(key => read[key])))")

expect() { # who seen wanted
  printf '%-12s %s\n' "$1" "$2"
  [[ $2 == "$3" ]] || { printf 'it has changed, it was %s\n' "$3"; exit 1; }
}
echo "node $(node --version), dotenv $DOTENV, bash ${BASH_VERSION%%(*}"
expect shell "$shell" '["k9-Tq7#vWm2","say \"hi\"","a\\b","k9-Tq7#vWm2","k9-Tq7#vWm2"]'
expect --env-file "$node_reads" '["k9-Tq7","say \\","a\\\\b","k9-Tq7#vWm2","k9-Tq7#vWm2"]'
expect dotenv "$dotenv_reads" '["k9-Tq7","say \\\"hi\\\"","a\\\\b","k9-Tq7#vWm2","k9-Tq7#vWm2"]'
echo 'as it was'
