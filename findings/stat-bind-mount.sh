#!/usr/bin/env bash
# Which disk is a folder on, when it is a bind mount of the same file system, as containers and fstab make them?
#
# Guess: `stat -c %m`, documented as the mount point, says where the bind mount begins; who compares two answers knows whether
#        a file can be moved there by one rename.
# Seen:  coreutils 9.1 says the mount point of the file system for both, as it compares devices only; `df` and `findmnt` of
#        util-linux 2.38.1 say the bind mount. The kernel renames nothing across it (EXDEV), so `mv` copies and removes: the file
#        has another inode, and who looks in the middle finds half of it.
# Needs root: the mount is made in a view of the file system of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p disk/data site/uploads
echo page >disk/data/page
stat --version | head -n 1
findmnt --version

seen=$(unshare --mount bash -euc '
  mount --bind disk/data site/uploads
  of_stat=$(stat -c %m site/uploads/page) top=$(stat -c %m site)
  echo "stat: $([ "$of_stat" = "$top" ] && echo the same || echo another)"
  echo "findmnt: $([ "$(findmnt -n -o TARGET -T site/uploads/page)" = "$PWD/site/uploads" ] && echo the bind mount || echo another)"
  echo "df: $([ "$(df --output=target site/uploads/page | tail -n 1)" = "$PWD/site/uploads" ] && echo the bind mount || echo another)"
  before=$(stat -c %d:%i site/uploads/page)
  mv site/uploads/page site/page
  echo "mv: $([ "$(stat -c %d:%i site/page)" = "$before" ] && echo renamed || echo copied)"
')
wanted=$'stat: the same\nfindmnt: the bind mount\ndf: the bind mount\nmv: copied'
echo "$seen"
[[ $seen == "$wanted" ]] || { printf 'it has changed, it was\n%s\n' "$wanted"; exit 1; }
echo 'as it was'
