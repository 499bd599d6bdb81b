// Fetches a backup from its store into scratch space and checks every part against the manifest.
import type { Say } from '../../report/items.ts';
import type { SqliteFacts } from '../../database/facts.ts';
import type { Check } from '../../finding.ts';
import { Failure } from '../../errors.ts';
import { sqlite3 } from '../../host/environment.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { isEncrypted, notOpened, openingInto, type Identity } from '../encryption.ts';
import { keyOf, type CompleteBackup } from '../catalog.ts';
import { isTrouble, makeRoom } from './damage.ts';
import { measure, writeStream, type Remote } from '../../host/run.ts';
import { plainName, type Part } from '../manifest.ts';
import { isFullPack, isPack, listingBeside, neededFor, unpackingAtOnce } from '../files/pack-chain.ts';
import { progress } from '../../report/transfer-progress.ts';
import { countsOf, readCounts } from '../../database/sqlite/backup-copy.ts';
import { compareRows } from '../../database/row-counts.ts';
import { sha256Of } from '../../host/checksum.ts';

export const otherSum = 'its checksum does not match';

/**
 * `more`: bytes besides its parts; `packAtOnce`: the full pack is unpacked on its way. @throws Failure 1 when the backup
 * would not fit.
 */
export function verifyRoom(
  held: CompleteBackup,
  free: number,
  where: string,
  { more = 0, packAtOnce = false }: { more?: number; packAtOnce?: boolean } = {},
): void {
  const needed = neededFor(held, held.manifest.parts).reduce(
    // a dump becomes a database of some such size, with indexes and what a new cluster begins with
    (sum, { part }) =>
      sum +
      (packAtOnce && isFullPack(part) ? 0 : part.bytes) +
      part.rawBytes * (plainName(part) === 'database.dump.zst' ? 3 : 1),
    more + (held.manifest.database?.kind === 'postgres' ? 80_000_000 : 0),
  );
  if (needed * 1.02 < free) return;
  throw new Failure(1, `${where} has ${free} bytes left, and the backup needs ${needed} to be looked at`, makeRoom);
}

/**
 * Brings one part into the folder on the host, decrypted, and says whether it is the one that was stored.
 * @throws Failure 3 when the identity is not one of those that it was encrypted for.
 */
export async function fetchPart(
  way: Remote,
  { held, part }: { held: CompleteBackup; part: Part },
  folder: string,
  identity: Identity | undefined,
  say: Say,
): Promise<Check> {
  const file = `${folder}/${plainName(part)}`;
  const keep = isPack(part) ? sh`tee -p ${file} | { ${listingBeside(folder, part)}; }` : sh`cat >${file}`;
  // read again from the file: cheaper than a tee, and the disk had its part in it
  const plain = lines(script('set -eo pipefail'), keep, sha256Of(file));
  const { check, output } = await fetchInto(way, { held, part }, keep, plain, identity, say);
  const there = /^[0-9a-f]{64}$/m.exec(output)?.[0];
  return there === part.sha256 ? check : { ...check, good: false, found: otherSum };
}

/**
 * Brings the full pack as `fetchPart` does, and unpacks it into `into` on its way; it is never a file of its own there.
 * `fault`: why it does not unpack, though it is what was stored. @throws Failure 1 when the host is to blame for that.
 */
export async function fetchUnpacking(
  way: Remote,
  { held, part }: { held: CompleteBackup; part: Part },
  folder: string,
  into: string,
  identity: Identity | undefined,
  say: Say,
): Promise<{ check: Check; fault: string | undefined }> {
  const keep = unpackingAtOnce(folder, part, into);
  const plain = lines(script('set -o pipefail'), keep);
  const { check, output } = await fetchInto(way, { held, part }, sh`{ ${keep}; }`, plain, identity, say);
  if (/^unpacked$/m.test(output)) return { check, fault: undefined };
  const fault = /^not unpacked: (.*)$/m.exec(output)?.[1]?.trim() ?? 'it does not unpack';
  if (isTrouble(fault)) throw new Failure(1, `unpacking ${part.name} failed on ${way.host.name}: ${fault}`, makeRoom);
  return { check, fault };
}

/** `opened` and `plain` are what takes the part on the host, when it is encrypted and when not. */
async function fetchInto(
  way: Remote,
  { held, part }: { held: CompleteBackup; part: Part },
  opened: Command,
  plain: Command,
  given: Identity | undefined,
  say: Say,
): Promise<{ check: Check; output: string }> {
  const identity = isEncrypted(part) ? given : undefined;
  const meter = measure(telling(part, say));
  const body = await held.store.get(keyOf(held.manifest, held.id, part.name));
  const { output, errors } = await writeStream(
    way,
    identity ? openingInto(opened) : plain,
    body,
    meter.stream,
    `writing ${part.name}`,
    identity?.secret,
  );
  const good = meter.bytes() === part.bytes && meter.sha256() === part.sha256;
  if (good && identity && !/^age 0$/m.test(output)) throw notOpened(held, part, identity, errors);
  const name = `${part.name} is what was stored`;
  return {
    check: { name, good, found: good ? `${part.bytes} bytes, ${part.sha256.slice(0, 12)}…` : otherSum },
    output,
  };
}

export function telling({ name, bytes }: Part, say: Say): (bytes: number) => void {
  return progress(name, { bytes, atMost: false }, say);
}

/** Opens the database in the folder, as database.sqlite, and counts it. */
export function openDatabase(folder: string, part: Part): Command {
  const file = `${folder}/database.sqlite`;
  return lines(
    script('set -euo pipefail'),
    unpackInto(file, folder, part),
    sh`echo "integrity $(${sqlite3} ${file} 'PRAGMA integrity_check' 2>&1 | head -n 3 | tr '\\n' ' ')"`,
    sh`{ ${countsOf(file)}; } || true`,
  );
}

/** Unpacks a dump in the folder, as database.dump. */
export function unpackDump(folder: string, part: Part): Command {
  return lines(script('set -euo pipefail; umask 077'), unpackInto(`${folder}/database.dump`, folder, part));
}

function unpackInto(file: string, folder: string, part: Part): Command {
  return lines(
    // never more than was promised: a few bytes may unpack to a full disk
    sh`zstd -dqc ${`${folder}/${plainName(part)}`} | head -c ${part.rawBytes + 1} >${file} || [ "$(stat -c %s ${file})" -gt ${part.rawBytes} ]`,
    sh`echo "sha256 $(${sha256Of(file)})"`,
  );
}

/** Whether the copy, unpacked, is what was copied. */
export function judgeCopy(said: string, part: Part): Check {
  const good = /^sha256 (.*)$/m.exec(said)?.[1]?.trim() === part.rawSha256;
  return { name: 'the database is what was copied', good, found: good ? `${part.rawBytes} bytes` : otherSum };
}

export function judgeDatabase(said: string, part: Part, wanted: SqliteFacts): Check[] {
  const word = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(said)?.[1]?.trim() ?? 'no answer';
  const integrity = word('integrity');
  if (isTrouble(integrity)) throw new Failure(1, `opening the database failed: ${integrity}`, makeRoom);
  const checks = [judgeCopy(said, part), { name: 'integrity_check', good: integrity === 'ok', found: integrity }];
  let counts: SqliteFacts;
  try {
    counts = readCounts(said);
  } catch {
    return [...checks, { name: 'rows', good: false, found: 'the tables cannot be counted' }];
  }
  const faults = (count: number | null) => (count === null ? 'cannot be counted' : String(count));
  const [is, was] = [counts.foreignKeyFaults, wanted.foreignKeyFaults];
  const found = `${faults(is)} foreign key violations${is === was ? '' : `, and were ${faults(was)}`}`;
  return [...checks, { name: 'foreign_key_check', good: is === was, found }, compareRows(counts, wanted)];
}
