// Commands run as the user who owns an app's data, where that user sees them.
import type { Target } from '../target/target.ts';
import { bash } from './environment.ts';
import { lines, script, sh, type Command } from './sh.ts';

export type RunAs = {
  /** undefined: the deploy user. */
  as: string | undefined;
  /** What the script may see; only compose makes a difference. */
  folders: string[];
  /** Where SQLite may write what does not fit into memory. */
  scratch: string;
};

/** An image `bookops-empty` with nothing in it: with `hostPrograms` it has the host's own programs. */
export const makeEmptyImage: Command = sh`docker image inspect bookops-empty >/dev/null 2>&1 || tar -cf - --files-from /dev/null | docker import - bookops-empty >/dev/null`;
export const hostPrograms: readonly string[] = ['/usr', '/bin', '/lib', '/lib64'].flatMap(path => [
  '-v',
  `${path}:${path}:ro`,
]);

/**
 * Runs a script as that user. For compose that is often a container's root, and the deploy user reaches it through
 * Docker, not sudo: an empty image that sees the host's own programs and the named folders, nothing else.
 * `reads`: the script gets the standard input.
 */
export function runAs(
  target: Target,
  { as, folders, scratch }: RunAs,
  text: Command,
  after: Command = script(''),
  reads = false,
): Command {
  const strict = script('set -euo pipefail; shopt -s inherit_errexit; umask 077');
  const careful = lines(strict, text).text;
  if (as === undefined) return sh`${bash} -c ${careful} ${after}`;
  if (target.runtime.kind !== 'compose')
    return sh`${reads ? sh`feed_user` : sh`as_user`} ${as} ${bash} -c ${careful} ${after}`;
  const input = reads ? sh`-i ` : sh``;
  const mounts = new Map([...new Set(folders)].map(folder => [folder, mountOf(target, folder)]));
  const inside = lines(strict, ...[...mounts].map(([folder, mount]) => staysBelow(folder, mount)), text).text;
  return lines(
    makeEmptyImage,
    sh`docker run --rm ${input}--network none --user "$(id -u ${as} 2>/dev/null || echo ${as})" ${hostPrograms} ${[...new Set(mounts.values())].flatMap(path => ['-v', `${path}:${path}`])} -e SQLITE_TMPDIR=${scratch} -e PATH=/usr/bin:/bin -e OWNER="$(id -u):$(id -g)" bookops-empty /bin/bash --norc --noprofile -c ${inside} ${after}`,
  );
}

/**
 * What Docker has to mount, so that the script sees `folder`. Docker follows links on the way, as root, and the app can
 * make links in what it writes: so the folder right below the root is mounted, which no app can exchange, and what leads out
 * of that leads nowhere.
 */
function mountOf({ root }: Target, folder: string): string {
  if (!folder.startsWith(`${root}/`)) return folder;
  return `${root}/${folder.slice(root.length + 1).split('/', 1)[0]}`;
}

/** In the container; a link of the admin's belongs to where Docker follows it. */
function staysBelow(folder: string, mount: string): Command {
  if (folder === mount) return script('');
  return sh`real=$(realpath -m ${folder})
case $real/ in ${mount}/*) ;; *)
  echo ${folder} "leads to $real by a link in it: name that folder in ops.yml, or put the link right below the root" >&2
  exit 1 ;;
esac`;
}
