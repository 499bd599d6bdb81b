// Unpacks the archives of a backup over each other, after they were checked: full pack, removals, changes.
import { posix } from 'node:path';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { plainName } from '../manifest.ts';
import type { Packs } from './pack-chain.ts';

/**
 * Paths to unpack from each archive; those that it does not have are left out, as tar would complain. `first`: the first names
 * of files that are meant by another one: tar needs them, and they go again.
 */
export type Meant = { full: readonly string[]; changes: readonly string[]; first?: readonly string[] };
/** A file in the folder, and what reads its unpacked content on standard input. */
type Layer = { file: string; reads: Command };

/**
 * What makes the files of a backup out of its archives, one after the other, in the folder `into`. Only for what was
 * looked at. `flags` are tar's. `there`: the full pack is unpacked already.
 */
export function layersOf(
  { full, changes }: Packs,
  into: string,
  flags: readonly string[],
  meant: Meant,
  there = false,
): Layer[] {
  const unpack = (paths: readonly string[]) =>
    lines(
      sh`mkdir -p ${into}`,
      sh`tar --extract ${flags} --no-wildcards --directory=${into} --file=- -- ${paths}`,
      withoutMarks(into),
    );
  const layers: Layer[] = [];
  if (meant.full.length && !there) layers.push({ file: plainName(full), reads: unpack(meant.full) });
  if (changes && (meant.full.length || there))
    layers.push({
      file: plainName(changes.gone),
      // a folder that nobody may write to gets its rights back from the archive of changes, which has all folders; one with
      // setgid would hand it on to new ones, and tar would not see it
      reads: lines(
        sh`cd ${into} || exit 1`,
        sh`find . -type d '(' '!' -perm -700 -o -perm /2000 ')' -exec chmod u+rwx,g-s '{}' +`,
        sh`xargs -0 -r rm -rf --`,
      ),
    });
  if (changes && meant.changes.length) layers.push({ file: plainName(changes.archive), reads: unpack(meant.changes) });
  const last = layers.at(-1);
  if (last && meant.first?.length)
    last.reads = lines(
      last.reads,
      sh`cd ${into} || exit 1`,
      sh`rm -f -- ${meant.first}`,
      sh`rmdir -p --ignore-fail-on-non-empty -- ${[...new Set(meant.first.map(path => posix.dirname(path)))]} 2>/dev/null || true`,
    );
  return layers;
}

/**
 * Files from an archive never run with the rights of their owner; until then they are where nobody else has access. For the folder
 * that it was unpacked into.
 */
export function withoutMarks(folder: string): Command {
  return sh`find ${folder} -type f -perm /6000 -exec chmod ug-s '{}' +`;
}

/** The layers one after the other, for who may write into the folder. */
export function unpacking(folder: string, layers: readonly Layer[]): Command {
  return lines(
    script('set -euo pipefail'),
    ...layers.map(({ file, reads }) => sh`zstd -dqc ${`${folder}/${file}`} | { ${reads}; }`),
  );
}
