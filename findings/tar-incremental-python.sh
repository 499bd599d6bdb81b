#!/usr/bin/env bash
# An archive of `tar --listed-incremental`, as nightly scripts make them, and one with a label, read by Python's tarfile.
#
# Guess: the folders and files have their names; the label, which is no file, is left out, as GNU tar does.
# Seen:  Python 3.11: in the archive of the incremental backup each name has a number in front, a folder of its own
#        (GNU tar keeps times where other formats keep the beginning of a long name); it cannot be unpacked as it is:
#        IsADirectoryError. In the format posix the names are right. A label becomes an empty file of that name.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p tree/uploads
echo page >tree/uploads/page

expect() { # what seen wanted
  printf '%-28s %s\n' "$1" "$2"
  [[ $2 == "$3" ]] || { printf 'it has changed, it was %s\n' "$3"; exit 1; }
}
names() { # archive
  python3 -c 'import sys, tarfile; print(" ".join(one.name for one in tarfile.open(sys.argv[1])))' "$1" |
    sed -E 's/\b[0-9]{9,}\b/N/g'
}
tar --version | head -n 1
python3 --version
tar --listed-incremental=gnu.state -C tree -cf gnu.tar .
tar --format=posix --listed-incremental=posix.state -C tree -cf posix.tar .
tar --label='nightly backup' -C tree -cf label.tar .
expect 'incremental, GNU tar' "$(tar -tf gnu.tar --listed-incremental=/dev/null | sort | paste -sd' ')" './ ./uploads/ ./uploads/page'
expect 'incremental, tarfile' "$(names gnu.tar)" 'N/./ N/./uploads/ N/./uploads/page'
mkdir out
expect 'unpacked by tarfile' "$(python3 -W ignore -c 'import tarfile; tarfile.open("gnu.tar").extractall("out")' 2>&1 | tail -n 1 | cut -d: -f1)" IsADirectoryError
expect 'incremental, format posix' "$(names posix.tar)" '. ./uploads ./uploads/page'
expect 'with a label, tarfile' "$(names label.tar)" 'nightly backup . ./uploads ./uploads/page'
echo 'as it was'
