// The snapshots that deploys take of a SQLite database before they change it, as entries beside the backups: on the host only, and never counted as backups.
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { SqliteDatabase } from '../target/database-settings.ts';
import { spanSince } from '../duration.ts';
import { messageOf } from '../errors.ts';
import { remoteOn, run } from '../host/run.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import { inItsPlace, snapshotNames } from '../database/sqlite/snapshot.ts';
import { parseLog } from '../release/log.ts';
import { sha7 } from '../release/release.ts';
import type { Report } from '../report/report.ts';
import type { Result } from '../report/result.ts';
import { size } from '../size.ts';
import type { Context } from '../task/context.ts';

export type BeforeDeploy = {
  /** Of the attempt: `20261120-120004`. */
  id: string;
  time: Date;
  bytes: number;
  /** Absolute, on the host. */
  file: string;
  /** What served until then; undefined: the log does not say. */
  release: string | undefined;
  /** What that deploy put live. */
  next: string | undefined;
};

export type BeforeDeployContext = Pick<Context, 'connect' | 'report' | 'signal'> & {
  args: { store: string | undefined };
};

/** Whether a word could be the id of one. */
export function isAttempt(word: string): boolean {
  return /^\d{8}-\d{0,6}/.test(word);
}

/** Reads only. Prints the host's clock, the log of releases and a line per snapshot. */
function beforeDeployQuestion(target: Target, database: SqliteDatabase): Command {
  const { stem, end } = snapshotNames(database);
  const list = sh`[ ! -d ${database.snapshots} ] || find ${database.snapshots} -maxdepth 1 -type f -name ${`${stem}-[0-9]*${end}`} -printf 'snapshot %s %T@ %p\\n'`;
  return lines(
    sh`{ ${list}; } 2>/dev/null || {`,
    inItsPlace(target, database, list),
    sh`}`,
    sh`tail -c 400000 ${`${target.paths.releases}/releases.log`} 2>/dev/null || true`,
  );
}

/** A server that is gone does not hide what is in the stores; with --store only that one is asked. */
export async function askBeforeDeploy(
  { args, connect, report, signal }: BeforeDeployContext,
  target: Target,
): Promise<BeforeDeploy[]> {
  const { database } = target;
  if (database?.kind !== 'sqlite' || args.store !== undefined) return [];
  try {
    const way = await remoteOn(target.host, { connect, signal });
    return readBeforeDeploy(await run(way, beforeDeployQuestion(target, database), 'looking for them'));
  } catch (error) {
    report.warn(`snapshots from before deploys are not listed: ${messageOf(error)}`);
    return [];
  }
}

/** Newest first. */
function readBeforeDeploy(said: string): BeforeDeploy[] {
  const log = parseLog(said);
  return said
    .split('\n')
    .flatMap(line => {
      const [, bytes, seconds, file = ''] = /^snapshot (\d+) ([\d.]+) (\/.*)$/.exec(line) ?? [];
      const [id] = /\d{8}-\d{6}(-\d+)?(?=[^/]*$)/.exec(file) ?? [];
      if (id === undefined) return [];
      const { was: release, sha: next } = log.findLast(one => one.snapshot === file) ?? {};
      return [{ id, time: new Date(Number(seconds) * 1000), bytes: Number(bytes), file, release, next }];
    })
    .toSorted((one, other) => other.time.getTime() - one.time.getTime());
}

/** As a row of the table of backups. */
export function rowOf(one: BeforeDeploy, host: string): string[] {
  return [
    one.id,
    spanSince(one.time),
    host,
    size(one.bytes),
    '',
    one.release === undefined ? '' : sha7(one.release),
    `before deploy${one.next === undefined ? '' : ` of ${sha7(one.next)}`}`,
  ];
}

export function dataOf(one: BeforeDeploy) {
  const { time, release = null, next = null } = one;
  return { kind: 'before deploy', ...one, time: time.toISOString(), release, next };
}

export function shownSnapshot(one: BeforeDeploy, target: Target, report: Report): Result {
  const rows = [
    ['snapshot', one.id],
    ['kind', 'before deploy: the database only, on the server only'],
    ['where', `${one.file} on ${target.host.name}`],
    ['time', one.time.toISOString()],
    ['size', size(one.bytes)],
    ...(one.release === undefined ? [] : [['release', `${sha7(one.release)}, which served until then`]]),
    ...(one.next === undefined ? [] : [['deploy', `of ${sha7(one.next)}`]]),
    ['restore', `${taskCommand('rollback --with-database', target)}, to the release of that time`],
  ];
  return { text: report.table(rows), json: dataOf(one) };
}
