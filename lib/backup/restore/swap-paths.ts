// Exchanges present and restored data, with an undo that knows how far the exchange came, also when a disk is not mounted.
import { isThere } from '../../host/environment.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import type { Step } from '../../plan/step.ts';

type Exchange = {
  home: string;
  /** Where what was there before goes. */
  aside: string;
  /** Of these, one is there while nothing is moved yet. */
  ahead: string[];
  forth: Command;
  back: Command;
};

/**
 * An exchange and its undo, done by `inTheirPlace` as the owner of the data. How far it came is in the journal until all
 * is back: an unmounted disk looks like one on which nothing was begun, or on which all was undone.
 */
export function swap(
  name: string,
  inTheirPlace: (text: Command) => Command,
  { home, aside, ahead, forth, back }: Exchange,
): Pick<Step, 'run' | 'undo'> {
  const note = `exchanged-${name}`;
  return {
    run: lines(
      sh`keep_note ${note} begun`,
      inTheirPlace(lines(sh`mkdir -m 700 ${aside}`, forth)),
      sh`keep_note ${note} done`,
    ),
    undo: lines(
      sh`state=$(read_note ${note})`,
      sh`found=$(
${inTheirPlace(
  lines(
    isThere,
    sh`if ! is_there ${aside}; then
  for one in ${ahead}; do
    if is_there "$one"; then echo unmoved; exit 0; fi
  done
  echo none
  exit 0
fi`,
    back,
    sh`sync ${home}`,
    sh`left=$(find ${aside} ! -type d -print -quit)
[ -z "$left" ] || { echo "$left was not put back" >&2; exit 1; }`,
  ),
)}
)`,
      sh`case $found:$state in none:?* | unmoved:done) fail ${`${aside} is lost, and what was there before with it: is the disk mounted?`} ;; esac`,
      sh`drop_note ${note}`,
      inTheirPlace(
        lines(
          isThere,
          sh`if is_there ${aside}; then
  find ${aside} -depth -type d -exec rmdir -- {} +
  sync ${home}
fi`,
        ),
      ),
    ),
  };
}

/**
 * carry from to: by one rename, or from one disk to another so that both ends are whole or not there at all.
 * beside from to: whether a rename does.
 * disk_of path: the mount that its folder is on. The kernel renames nothing from one mount to another, also of the same file
 * system, and then mv copies in place; stat -c %m does not see these.
 */
export const carry: Command = sh`disk_of() {
  local folder
  folder=$(dirname "$1") || exit 1
  findmnt -n -o TARGET -T "$folder" || { echo "$folder is on no disk that is mounted" >&2; exit 1; }
}
beside() {
  local from to
  from=$(disk_of "$1") || exit 1
  to=$(disk_of "$2") || exit 1
  [ "$from" = "$to" ]
}
carry() {
  if beside "$1" "$2"; then
    mv -T "$1" "$2"
  else
    rm -rf "$2.carried" "$1.gone"
    cp -aT "$1" "$2.carried"
    sync -f "$2.carried"
    mv -T "$2.carried" "$2"
    mv -T "$1" "$1.gone"
    rm -rf "$1.gone"
  fi
}`;
