// Replaces the present data with restored ones: staged beside them while the app runs, then exchanged by renaming, with an undo.
import { posix } from 'node:path';
import type { Target } from '../../target/target.ts';
import type { SqliteDatabase } from '../../target/database-settings.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { sweepDumps } from '../../database/postgres/swap.ts';
import { databaseEnds } from '../../database/sqlite/exact-copy.ts';
import { inItsPlace } from '../../database/sqlite/snapshot.ts';
import { runAs } from '../../host/run-as.ts';
import { carry, swap } from './swap-paths.ts';
import { type Packs } from '../files/pack-chain.ts';
import { layersOf, type Meant } from '../files/unpack.ts';
import type { Step } from '../../plan/step.ts';

/** `stamp` names this restore in everything that it makes; `paths` are relative to the root. */
export type Replacement = {
  target: Target;
  stamp: string;
  database: SqliteDatabase | undefined;
  paths: readonly string[];
};

/** Where the present data go, for the person to remove. */
export function asidePlaces({ target, stamp, database, paths }: Replacement): string[] {
  return [
    ...(database ? [asideOf(database.file, stamp)] : []),
    ...(paths.length ? [`${filesHome(target)}/before-restore-${stamp}`] : []),
  ];
}

function asideOf(file: string, stamp: string): string {
  return `${file}.before-restore-${stamp}`;
}

/** The folder of the first folder that is backed up: the user who writes there may write beside it. */
function filesHome(target: Target): string {
  return posix.dirname(posix.join(target.root, target.backup?.files?.include[0] ?? 'x'));
}

function staged(target: Target, stamp: string): string {
  return `${filesHome(target)}/.restored-${stamp}`;
}

function inFilesPlace(target: Target, text: Command, reads = false): Command {
  const place = { as: target.backup?.files?.as, folders: [target.root], scratch: target.root };
  return runAs(target, place, text, script(''), reads);
}

/** Removes what an interrupted restore has staged and not used. */
export function sweepBrought(target: Target): Command {
  const { database, backup } = target;
  return lines(
    script('set -e'),
    database?.kind === 'postgres' && sweepDumps(target, database),
    database?.kind === 'sqlite' && inItsPlace(target, database, sh`rm -rf ${`${database.file}.restored-`}*`),
    backup?.files && inFilesPlace(target, sh`rm -rf ${`${filesHome(target)}/.restored-`}*`),
  );
}

/** Brings the database from the scratch folder beside the present one, owned and readable as that one is. */
export function bringDatabase({ target, stamp }: Replacement, database: SqliteDatabase, from: string): Command {
  const fresh = `${database.file}.restored-${stamp}`;
  const keeping = lines(
    sh`mkdir -p ${posix.dirname(database.file)}`,
    sh`cat >${fresh}`,
    sh`if [ -e ${database.file} ]; then chmod --reference=${database.file} ${fresh}; chown --reference=${database.file} ${fresh} 2>/dev/null || true; else chmod 600 ${fresh}; fi`,
    sh`sync ${fresh}`,
  );
  return sh`${inItsPlace(target, database, keeping, script(''), true)} <${from}`;
}

/** Unpacks paths of checked archives in the scratch folder, beside the folders that they will replace. */
export function bringFiles({ target, stamp }: Replacement, scratch: string, packs: Packs, meant: Meant): Command {
  const layers = layersOf(packs, staged(target, stamp), ['--preserve-permissions', '--numeric-owner'], meant);
  return lines(
    script('set -e; set -o pipefail'),
    ...layers.flatMap(({ file, reads }) => [
      sh`zstd -dqc ${`${scratch}/${file}`} | {
${inFilesPlace(target, reads, true)}
}`,
    ]),
  );
}

export function swapDatabase({ stamp, target }: Replacement, database: SqliteDatabase): Step {
  const { file } = database;
  const home = posix.dirname(file);
  const aside = asideOf(file, stamp);
  const fresh = `${file}.restored-${stamp}`;
  const kept = (end: string) => `${aside}/${posix.basename(file)}${end}`;
  const put = `${aside}/.put`;
  return {
    title: 'Replace the present database with the restored one',
    seconds: 300,
    ...swap('database', text => inItsPlace(target, database, text), {
      home,
      aside,
      ahead: [fresh, file],
      forth: lines(
        // all of them together: a -wal that stays would be played into the restored database
        ...databaseEnds.map(end => sh`if [ -e ${`${file}${end}`} ]; then mv -T ${`${file}${end}`} ${kept(end)}; fi`),
        sh`: >${put}`,
        sh`mv -T ${fresh} ${file}`,
        sh`sync ${home} ${aside}`,
      ),
      back: lines(
        // the file in place is the restored one only as long as the mark is there, and nothing was moved back
        sh`if is_there ${put}; then rm -f ${databaseEnds.map(end => `${file}${end}`)}; sync ${home}; rm -f ${put}; fi`,
        ...databaseEnds.map(end => sh`if is_there ${kept(end)}; then mv -fT ${kept(end)} ${`${file}${end}`}; fi`),
      ),
    }),
  };
}

export function swapFiles({ target, stamp, paths }: Replacement): Step {
  const home = filesHome(target);
  const aside = `${home}/before-restore-${stamp}`;
  const place = (path: string) => posix.join(target.root, path);
  const kept = (path: string) => posix.join(aside, path);
  const disk = (index: number) => `${aside}/.disk${index}`;
  const mark = (index: number) => `${aside}/.put${index}`;
  return {
    title: `Replace ${paths.join(', ')} with what was restored`,
    seconds: 600,
    ...swap('files', text => inFilesPlace(target, text), {
      home,
      aside,
      ahead: [staged(target, stamp), ...paths.map(place)],
      forth: lines(
        carry,
        ...paths.flatMap((path, index) => [
          sh`mkdir -p ${posix.dirname(kept(path))} ${posix.dirname(place(path))}`,
          sh`disk_of ${place(path)} >${disk(index)}`,
          sh`if [ -e ${place(path)} ] || [ -L ${place(path)} ]; then carry ${place(path)} ${kept(path)}; fi`,
          sh`: >${mark(index)}`,
          sh`carry ${posix.join(staged(target, stamp), path)} ${place(path)}`,
        ]),
        sh`rm -rf ${staged(target, stamp)}; sync ${home}`,
      ),
      back: lines(
        carry,
        ...paths.flatMap((path, index) => [
          sh`if is_there ${disk(index)}; then
  was=$(cat ${disk(index)})
  now=$(disk_of ${place(path)})
  # empty: it was cut off before anything was moved
  [ -z "$was" ] || [ "$was" = "$now" ] || { echo ${place(path)} "was on the disk $was and would now be on $now: is it mounted?" >&2; exit 1; }
fi`,
          sh`if is_there ${mark(index)}; then rm -rf ${place(path)}; sync ${home}; rm -f ${mark(index)}; fi`,
          sh`if is_there ${kept(path)}; then
  # on its way to another disk, what was there is only taken out of its place when the other one is whole
  if is_there ${place(path)} && ! beside ${place(path)} ${kept(path)}; then rm -rf ${kept(path)}; else carry ${kept(path)} ${place(path)}; fi
fi`,
          sh`rm -rf ${[place(path), kept(path)].flatMap(one => [`${one}.carried`, `${one}.gone`])}`,
        ]),
        sh`sync ${home}`,
        sh`rm -f ${paths.map((_, index) => disk(index))}`,
      ),
    }),
  };
}
