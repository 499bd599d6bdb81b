#!/usr/bin/env bash
# A database file with holes, packed by `tar --sparse` in both of GNU tar's formats, and unpacked by two packages that Node programs use.
#
# Guess: who cannot read the map of the holes fails, or says at least that something was left out.
# Seen:  GNU tar 1.34 brings it back whole. tar 7.5.23, also with `strict: true`: of the format gnu nothing is written, of the
#        format posix a file of 8,704 bytes in a folder GNUSparseFile.<process>, in both cases without an error or a warning.
#        tar-fs 3.1.3 refuses the format gnu ("unsupported type"); of the format posix it writes the same wrong file, and finishes.
set -euo pipefail
TAR=7.5.23 TAR_FS=3.1.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "tar@$TAR" "tar-fs@$TAR_FS" >/dev/null

mkdir source
truncate -s 3M source/book.db
printf 'begin' | dd of=source/book.db conv=notrunc status=none
printf 'end' | dd of=source/book.db bs=1 seek=2000000 conv=notrunc status=none

shown() { # folder: size and name of each file, and whether it is the one that was packed
  (cd "$1" && find . -type f -printf '%s %P ' -exec sh -c 'cmp -s "$1" "$2" && echo same || echo other' _ {} ../source/book.db \; |
    sed 's/GNUSparseFile\.[0-9]*/GNUSparseFile.N/')
}
expect() { # who seen wanted
  printf '%-13s %s\n' "$1" "${2:-nothing}"
  [[ $2 == "$3" ]] || { printf 'it has changed, it was %s\n' "${3:-nothing}"; exit 1; }
}
tar --version | head -n 1
echo "node $(node --version), tar $TAR, tar-fs $TAR_FS"
declare -A node_wrote=([gnu]='' [posix]='8704 GNUSparseFile.N/book.db other')
declare -A stream_said=([gnu]=failed [posix]=done)
declare -A stream_wrote=([gnu]='' [posix]='8704 GNUSparseFile.N/book.db other')
for format in gnu posix; do
  rm -rf by-tar node stream
  mkdir by-tar node stream
  tar --sparse --format="$format" -C source -cf book.tar book.db
  tar -xf book.tar -C by-tar
  said=$(node -e "let warned = 0; require('tar').x({ file: 'book.tar', cwd: 'node', strict: true, onwarn: () => warned++ }).then(() => console.log('done, ' + warned + ' warnings'), () => console.log('failed'))")
  streamed=$(node -e "require('fs').createReadStream('book.tar').pipe(require('tar-fs').extract('stream')).on('error', () => console.log('failed')).on('finish', () => console.log('done'))")
  expect "$format GNU tar" "$(shown by-tar)" '3145728 book.db same'
  expect "$format tar" "$said: $(shown node)" "done, 0 warnings: ${node_wrote[$format]}"
  expect "$format tar-fs" "$streamed: $(shown stream)" "${stream_said[$format]}: ${stream_wrote[$format]}"
done
echo 'as it was'
