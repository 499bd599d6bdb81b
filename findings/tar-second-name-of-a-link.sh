#!/usr/bin/env bash
# A symbolic link with two names, as `cp -al` makes them, stored by GNU tar and unpacked by two packages that Node programs use.
#
# Guess: each unpacker makes both names links to the same file; the one that cannot makes two links of their own, or fails.
# Seen:  GNU tar 1.34 stores the second name as a hard link and brings both back. tar 7.5.23 leaves the second name out: a
#        warning for those who listen, and a promise that is kept all the same. tar-fs 3.1.3 makes the second name one of the
#        file behind the link, and gives that file the mode of the link: a plain 644 file is 755 afterwards. No error.
set -euo pipefail
TAR=7.5.23 TAR_FS=3.1.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
umask 022
npm init -y >/dev/null
npm install --silent --no-audit --no-fund "tar@$TAR" "tar-fs@$TAR_FS" >/dev/null

mkdir tree gnu node stream
(cd tree && echo text >file && chmod 644 file && ln -s file link && ln -P link second)
tar --sort=name -cf tree.tar -C tree .
tar -xf tree.tar -C gnu
node_says=$(node -e "let warned = 0; require('tar').x({ file: 'tree.tar', cwd: 'node', onwarn: () => warned++ }).then(() => console.log('done, ' + warned + ' warning'), error => console.log('failed: ' + error.message))")
stream_says=$(node -e "require('fs').createReadStream('tree.tar').pipe(require('tar-fs').extract('stream')).on('error', error => console.log('failed: ' + error.message)).on('finish', () => console.log('done'))")

shown() { # folder: kind, mode and name of each, and what links lead to
  (cd "$1" && find . -mindepth 1 -printf '%y %m %P %l\n' | sort -k3 | sed 's/ $//' | paste -sd';')
}
expect() { # who seen wanted
  printf '%-8s %s\n' "$1" "$2"
  [[ $2 == "$3" ]] || { printf 'it has changed, it was %s\n' "$3"; exit 1; }
}
tar --version | head -n 1
echo "node $(node --version), tar $TAR, tar-fs $TAR_FS"
expect gnu "$(shown gnu)" 'f 644 file;l 777 link file;l 777 second file'
expect tar "$node_says: $(shown node)" 'done, 1 warning: f 644 file;l 777 link file'
expect tar-fs "$stream_says: $(shown stream)" 'done: f 755 file;l 777 link file;f 755 second'
echo 'as it was'
