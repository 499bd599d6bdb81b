# What is done inside a release's folder, by the user whose files are in it: bash -c <this> bash FOLDER WORD …
# unpack SHA (a gzipped tar on standard input) · link SHARED PATH… · clear · check PATH…
# A commit may hold links. Nothing is removed or written through one that points outside the release.
set -euo pipefail
export LC_ALL=C
umask 022

refuse() {
  printf '%s\n' "$1" >&2
  exit 1
}

lies_inside() { # path: where it leads when all links are followed, whether it is there or not
  local real
  IFS= read -r -d '' real < <(realpath -mz -- "$1") && [[ $real/ == "$here"/* ]]
}

refuse_leading_out() { # path: nothing is made or removed in a folder that is somewhere else
  lies_inside "$(dirname -- "$1")" ||
    refuse "the commit has a link in $(dirname -- "$1"), and it points outside the release: nothing was removed or written there"
}

unpack() {
  tar -xzf -
  # a file of the commit, or a link in it, is replaced and not written through
  lies_inside REVISION || refuse 'the commit has a link called REVISION that points outside the release'
  [[ ! -d REVISION || -L REVISION ]] || refuse 'the commit has a folder called REVISION: that name is for the file with its SHA'
  rm -f REVISION
  set -o noclobber
  printf '%s\n' "$1" >REVISION
}

check() {
  local path
  for path; do refuse_leading_out "$path"; done
}

link() {
  local shared=$1 path
  shift
  check "$@"
  for path; do
    refuse_leading_out "$path" # again: a link that was just made may be part of it
    rm -rf -- "$path"
    mkdir -p -- "$(dirname -- "$path")"
    ln -sT -- "$shared/$path" "$path"
  done
}

clear() { # of whatever modes; the folder itself belongs to the deploy user, or did not yet
  chmod -R u+rwX . 2>/dev/null || true
  find . -mindepth 1 -maxdepth 1 -exec rm -rf -- {} +
}

[[ $2 != clear ]] || chmod u+rwx -- "$1" 2>/dev/null || true
cd -P -- "$1"
here=$PWD
shift
"$@"
