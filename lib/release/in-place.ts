// Commands run as the user who owns an app's data, where that user sees them.
import type { Target } from '../config/target.ts';
import { bash } from '../host/environment.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';

export type Place = {
  /** undefined: the user who deploys. */
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
 * Runs a script as that user. For compose that is often a container's root, and the user who deploys reaches it through
 * Docker, not sudo: an empty image that sees the host's own programs and the named folders, nothing else.
 * `reads`: the script gets the standard input.
 */
export function inPlace(
  target: Target,
  { as, folders, scratch }: Place,
  text: Command,
  after: Command = script(''),
  reads = false,
): Command {
  const careful = lines(script('set -euo pipefail; umask 077'), text).text;
  if (as === undefined) return sh`${bash} -c ${careful} ${after}`;
  if (target.runtime.kind !== 'compose')
    return sh`${reads ? sh`feed_user` : sh`as_user`} ${as} ${bash} -c ${careful} ${after}`;
  const input = reads ? sh`-i ` : sh``;
  return lines(
    makeEmptyImage,
    sh`docker run --rm ${input}--network none --user "$(id -u ${as} 2>/dev/null || echo ${as})" ${hostPrograms} ${[...new Set(folders)].flatMap(path => ['-v', `${path}:${path}`])} -e SQLITE_TMPDIR=${scratch} -e PATH=/usr/bin:/bin -e OWNER="$(id -u):$(id -g)" bookops-empty /bin/bash --norc --noprofile -c ${careful} ${after}`,
  );
}
