// The archives that contain the files of a backup: a full pack, and the changes that are unpacked over it.
import type { Check } from '../../finding.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import {
  inspector,
  isOfTarItself,
  listingFlags,
  unpackingFlags,
  type ArchiveEntry,
  type Inspector,
} from './inspect-archive.ts';
import type { CompleteBackup } from '../catalog.ts';
import { asDamage } from '../verify/damage.ts';
import { readStream, recordsOf, type Remote } from '../../host/run.ts';
import { partOf, plainName, type Part } from '../manifest.ts';

/** `full` may belong to an earlier backup; `changes` and `gone` come together, or not at all. */
export type Packs = { full: Part; count: number; changes: { archive: Part; gone: Part } | undefined };

/** Parts of files, decrypted or not. */
export function isOfFiles(part: Part): boolean {
  return ['files.tar.zst', 'changes.tar.zst', 'gone.zst'].includes(plainName(part));
}

/** An archive of files, also of those that the app made itself. */
export function isPack(part: Part): boolean {
  return plainName(part).endsWith('.tar.zst');
}

export function isFullPack(part: Part): boolean {
  return plainName(part) === 'files.tar.zst';
}

/** Everything that has to be fetched for these parts of a backup, each with the backup that has it. */
export function neededFor(held: CompleteBackup, parts: readonly Part[]): { held: CompleteBackup; part: Part }[] {
  const own = parts.map(part => ({ held, part }));
  const full = held.base && partOf(held.base.manifest, 'files.tar.zst');
  if (!held.base || !full || !parts.some(isOfFiles)) return own;
  return [...own, { held: held.base, part: full }];
}

/** undefined: the backup has no files. */
export function packsOf(held: CompleteBackup): Packs | undefined {
  const source = held.base ?? held;
  const full = partOf(source.manifest, 'files.tar.zst');
  if (!full || !source.manifest.files) return undefined;
  const [archive, gone] = [partOf(held.manifest, 'changes.tar.zst'), partOf(held.manifest, 'gone.zst')];
  return { full, count: source.manifest.files.count, changes: archive && gone && { archive, gone } };
}

/** Hears of every entry: which archive has it, and what the changes take away from the full pack. */
export type Listener = { see(entry: ArchiveEntry, pack: 'full' | 'changes'): void; forget(path: string): void };

/**
 * Looks at every name in the archives, in the folder on the host, as they would be unpacked over each other.
 * @throws Failure 7 for one that is hostile, or more than was promised.
 */
export async function inspectPacks(
  way: Remote,
  folder: string,
  packs: Packs,
  wanted: { count: number },
  listener?: Listener,
): Promise<Check> {
  const looking = inspector();
  const bad = (found: string): Check => ({ name: 'files', good: false, found });
  let marked = 0;
  const hear = (entry: ArchiveEntry, pack: 'full' | 'changes') => {
    if (entry.marked) marked++;
    listener?.see(entry, pack);
  };
  try {
    const { full, changes } = packs;
    await listArchive(way, folder, full, looking, entry => hear(entry, 'full'));
    if (looking.count() !== packs.count)
      return bad(`${changes ? 'the full pack has ' : ''}${looking.count()} and had ${packs.count}`);
    if (changes) {
      await readGone(way, folder, changes.gone, bytes => {
        const path = looking.forget(bytes);
        listener?.forget(path);
      });
      await listArchive(way, folder, changes.archive, looking, entry => hear(entry, 'changes'));
    }
  } catch (error) {
    const damage = asDamage(error);
    if (damage instanceof Failure && damage.exit === 7 && damage !== error) return bad(damage.message);
    throw damage;
  }
  const count = looking.count();
  if (count !== wanted.count) return bad(`${count} and were ${wanted.count}`);
  const without = marked ? `; ${marked} without their setuid or setgid bit` : '';
  return { name: 'files', good: true, found: `${count}, as in the manifest${without}` };
}

/**
 * Reads a pack on standard input and leaves tar's list of it beside the file that it becomes: made while the pack arrives,
 * as another pass over it would take as long as the unpacking.
 */
export function listingBeside(folder: string, part: Part): Command {
  const list = listOf(folder, part);
  return lines(
    sh`if { zstd -dqc | ${byTar(part, listingFlags)}; } >${`${list}.new`} 2>/dev/null; then mv ${`${list}.new`} ${list}; fi`,
    // who sends does not hear that nobody listens any more
    sh`cat >/dev/null`,
  );
}

/**
 * Reads a pack on standard input and unpacks it into `into` at once, with tar's list beside it and nothing of the pack
 * itself. Only for scratch space, as it is checked only afterwards. Prints `unpacked`, or `not unpacked` with tar's last messages.
 */
export function unpackingAtOnce(folder: string, part: Part, into: string): Command {
  const list = listOf(folder, part);
  const tar = byTar(part, [...unpackingFlags, ...scratchFlags, `--directory=${into}`]);
  return lines(
    // the folder above may be gone, with the client that asked for it
    sh`mkdir ${into} || exit 1`,
    sh`words=$({ export LC_ALL=C.UTF-8; zstd -dqc | ${tar}; } 2>&1 >${list}) && echo unpacked || echo "not unpacked: $(grep -v 'Exiting with failure' <<<"$words" | tail -n 5 | tr '\n' ' ')"`,
    // who sends does not hear that nobody listens any more
    sh`cat >/dev/null`,
  );
}

/** How files are unpacked where nobody else looks. */
export const scratchFlags = ['--preserve-permissions', '--no-same-owner'];

function listOf(folder: string, part: Part): string {
  return `${folder}/${plainName(part)}.list`;
}

/** tar reads what comes unpacked on standard input, and fails when that is more than was promised. */
function byTar(part: Part, flags: readonly string[]): Command {
  return sh`head -c ${part.rawBytes + 1} | { tar ${flags} --file=- && { rest=$(wc -c); [ "$rest" -eq 0 ] || { echo "it unpacks to more than its manifest promises" >&2; exit 1; }; }; }`;
}

/** The archive's content as tar lists it. */
async function listArchive(
  way: Remote,
  folder: string,
  part: Part,
  { see }: Inspector,
  each: (entry: ArchiveEntry) => void,
): Promise<void> {
  const list = listOf(folder, part);
  const command = lines(
    script('set -o pipefail'),
    sh`if [ -e ${list} ]; then cat ${list}; exit; fi`,
    sh`zstd -dqc ${`${folder}/${plainName(part)}`} | ${byTar(part, listingFlags)}`,
  );
  let bytes = 0;
  for await (const found of recordsOf(readStream(way, command, 'listing the files'), 10, 'the list of the files'))
    for (const line of found.map(String)) {
      if (isOfTarItself(line)) continue;
      const entry = see(line);
      if (entry.kind === 'file') bytes += entry.bytes;
      if (bytes > part.rawBytes) throw new Failure(7, 'the archive unpacks to more than its manifest promises');
      each(entry);
    }
}

async function readGone(way: Remote, folder: string, part: Part, each: (path: Buffer) => void): Promise<void> {
  const file = `${folder}/${plainName(part)}`;
  const command = lines(script('set -o pipefail'), sh`zstd -dqc ${file} | head -c ${part.rawBytes + 1}`);
  const name = 'the list of what is gone';
  let bytes = 0;
  for await (const found of recordsOf(readStream(way, command, 'listing what is gone'), 0, name))
    for (const path of found) {
      bytes += path.length + 1;
      each(path);
    }
  if (bytes !== part.rawBytes) throw new Failure(1, `${name} is not what was promised`);
}
