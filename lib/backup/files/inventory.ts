// The inventory of files at one moment, and the changes since the full pack: all computed on the host, in constant memory.
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { sha256Of } from '../../host/checksum.ts';

/**
 * A line for each file, ended by NUL: path, tab, kind, bytes, and the moments of its last changes and its inode, which a
 * later inventory is compared with byte for byte. Whoever writes to a file, puts its time back (rsync), exchanges it or
 * renames it changes its ctime, whatever the clock says. Folders are told apart by a / and have nothing to compare: each
 * archive has them all.
 */
export type Inventory = { count: number; bytes: number };

const tab = '\t';
/** From a line to its path, without the / of a folder. */
const toPath = `s#/\\{0,1\\}${tab}[^${tab}]*$##`;

/**
 * Reads the lines of the links that may come along, and writes `inventory` into the scratch folder where `found` is; says what
 * is in it, and which of the folders, by their numbers, have nothing in them.
 */
export function finishInventory(scratch: string, include: readonly string[]): Command {
  const alone = include.map(
    (path, index) =>
      sh`grep -zaqE ${`^${path.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(/[^${tab}]|${tab})`} inventory || echo ${`alone ${index}`}`,
  );
  return lines(
    script('set -o pipefail; export LC_ALL=C'),
    sh`cd ${scratch} || exit 1`,
    sh`cat >links && sort -z -T . found links >inventory || exit 1`,
    sh`echo "count $(tr -cd '\\0' <inventory | wc -c)"`,
    said('bytes', 'inventory'),
    ...alone,
  );
}

function said(word: string, file: string): Command {
  const attributes = `s/.*${tab}//`;
  return sh`echo ${`${word} `}"$(sed -z ${attributes} ${file} | tr '\\0' '\\n' | awk '$1 == "f" {sum += $2} END {printf "%.0f", sum}')"`;
}

/** @throws Failure 1 when the answer tells less than it should. */
export function readInventory(text: string): Inventory {
  return { count: number(text, 'count'), bytes: number(text, 'bytes') };
}

function number(text: string, word: string): number {
  const [, found] = new RegExp(`^${word} (\\d+)$`, 'm').exec(text) ?? [];
  if (found === undefined) throw new Failure(1, `the files could not be counted: no ${word}`, { detail: text });
  return Number(found);
}

/** Writes `list`: the paths of the whole inventory, for tar. */
export function listAll(scratch: string): Command {
  return lines(sh`cd ${scratch} || exit 1`, sh`LC_ALL=C sed -z ${toPath} inventory >list`);
}

/** Where the host keeps an inventory, under the checksum that the manifest of its full pack names. */
function keptAs(target: Target, sum: string): string {
  return `${target.paths.releases}/.keeper/backup/inventory-${sum}.zst`;
}

/**
 * Compares with the inventory of a full pack. Writes `list`, what an archive of the changes has to have, and `gone`, what
 * of the full pack is not valid any more: removed, or in the list. Prints `none` when the host has not kept that inventory.
 */
export function compareWith(target: Target, sum: string, scratch: string): Command {
  const kept = keptAs(target, sum);
  return lines(
    script('set -o pipefail; export LC_ALL=C'),
    sh`cd ${scratch} || exit 1`,
    sh`zstd -dqc ${kept} >before 2>/dev/null && [ "$(${sha256Of('before')})" = ${sum} ] || { echo none; exit 0; }`,
    sh`comm -z -13 before inventory >changed || exit 1`,
    sh`comm -z -23 before inventory | sed -z ${toPath} >gone || exit 1`,
    sh`{ cat changed && comm -z -12 before inventory | { grep -za ${`/${tab}d$`} || true; }; } | sort -z -T . >listed || exit 1`,
    sh`sed -z ${toPath} listed >list || exit 1`,
    sh`echo "list $(tr -cd '\\0' <list | wc -c)"`,
    said('changed', 'changed'),
    sh`echo "gone $(stat -c %s gone)"`,
    sh`echo "sum $(${sha256Of('gone')})"`,
  );
}

export type Comparison = { list: number; changed: number; gone: { bytes: number; sha256: string } };

/** @returns undefined when the host has not kept the inventory. */
export function readComparison(text: string): Comparison | undefined {
  if (/^none$/m.test(text)) return undefined;
  const [, sha256 = ''] = /^sum ([0-9a-f]{64})$/m.exec(text) ?? [];
  return {
    list: number(text, 'list'),
    changed: number(text, 'changed'),
    gone: { bytes: number(text, 'gone'), sha256 },
  };
}

const mostVanished = 200;

/**
 * Keeps the inventory of a full pack for the next backups, and prints its checksum. What vanished before tar read it
 * is not in the pack: its line becomes one that nothing is equal to. @returns undefined when that cannot be done.
 */
export function keepInventory(target: Target, scratch: string, vanished: readonly string[]): Command | undefined {
  // a name that tar had to write in another way than it is
  if (vanished.length > mostVanished || vanished.some(name => /[\\\p{Cc}\ufffd]/u.test(name))) return undefined;
  const exact = (name: string) => name.replace(/[\\^$.*+?()[\]{}|,]/g, '\\$&').replace(/\/$/, '');
  const edit = vanished.map(name => `s,^(${exact(name)}/?)${tab}[^${tab}]*$,\\1${tab}f 0 vanished,`).join('\n');
  if (edit.length > 60_000) return undefined;
  const folder = `${target.paths.releases}/.keeper/backup`;
  return lines(
    script('set -o pipefail; umask 077; export LC_ALL=C'),
    sh`cd ${scratch} || exit 1`,
    edit ? sh`sed -z -E ${edit} inventory >kept || exit 1` : sh`cp inventory kept || exit 1`,
    sh`sum=$(${sha256Of('kept')})`,
    sh`nice zstd -q -3 -f kept -o kept.zst && sync kept.zst && mv -fT kept.zst ${folder}/inventory-"$sum".zst || exit 1`,
    sh`echo "$sum"`,
  );
}

/** Removes the inventories of full packs that are too old to build on. */
export function forgetInventories(target: Target, seconds: number): Command {
  const minutes = Math.ceil(seconds / 60);
  return sh`find ${`${target.paths.releases}/.keeper/backup`} -maxdepth 1 -name 'inventory-*' -mmin ${`+${minutes}`} -delete 2>/dev/null || true`;
}
