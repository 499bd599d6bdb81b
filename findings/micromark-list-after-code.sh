#!/usr/bin/env bash
# A numbered list that begins with 3, behind a block of indented code and an empty line, in micromark and in cmark-gfm.
#
# Guess: both read a list from 3 on: no paragraph is open, so nothing is interrupted, and any number may begin a list
#        (CommonMark 0.31.2 asks for 1 only where a list interrupts a paragraph).
# Seen:  cmark-gfm 0.29 says <ol start="3">; micromark 4.0.3 says <p>3. had</p>. Behind a fence, a heading or a paragraph it
#        reads a list, as it does behind indented code when the list begins with 1.
# Needs Debian's cmark-gfm, and npm.
set -euo pipefail
MICROMARK=4.0.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "micromark@$MICROMARK" >/dev/null
cmark-gfm --version | head -1
echo "micromark $(node -p 'require("./node_modules/micromark/package.json").version')"

cat >read.mjs <<'END'
import { micromark } from 'micromark';
import { readFileSync } from 'node:fs';
process.stdout.write(micromark(readFileSync(0, 'utf8')));
END

expect() { # name text cmark-gfm micromark
  local cmark micro
  cmark=$(printf '%b' "$2" | cmark-gfm | tr -d '\n' | sed 's/.*<\/code><\/pre>//')
  micro=$(printf '%b' "$2" | node read.mjs | tr -d '\n' | sed 's/.*<\/code><\/pre>//')
  printf '%-28s cmark-gfm %-34s micromark %s\n' "$1" "$cmark" "$micro"
  if [ "$cmark" != "$3" ] || [ "$micro" != "$4" ]; then
    echo "seen before: $3 and $4" >&2
    exit 1
  fi
}
three='<ol start="3"><li>had</li></ol>'
expect 'from 3, behind indented code' '    code\n\n3. had\n' "$three" '<p>3. had</p>'
expect 'from 1, behind indented code' '    code\n\n1. had\n' '<ol><li>had</li></ol>' '<ol><li>had</li></ol>'
expect 'from 3, behind a fence' '```\ncode\n```\n\n3. had\n' "$three" "$three"
