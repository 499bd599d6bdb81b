// A backup taken out of its store into scratch space and looked at: every part against what the manifest promised.
import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { inspector, listingFlags } from './archive.ts';
import { isWhole, keyOf, type Held, type Whole } from './catalog.ts';
import { flowOf, measure, perform, pourInto, type Way } from './flow.ts';
import type { DatabaseFacts, Manifest, Part } from './manifest.ts';
import { countsOf, readCounts } from './snapshot.ts';
import { sumOf } from './sum.ts';
import { isVerdictName, readVerdict, type Check } from './verdict.ts';

type Say = (line: string) => void;

/** @throws Failure 1 when the backup would not fit. */
export function verifyRoom({ manifest }: Whole, free: number, where: string): void {
  const needed = manifest.parts.reduce((sum, part) => sum + part.bytes + part.rawBytes, 0);
  if (needed * 1.02 < free) return;
  throw new Failure(1, `${where} has ${free} bytes left, and the backup needs ${needed} to be looked at`, {
    advice: 'make room, or do it elsewhere: --here',
  });
}

/** Brings one part into the folder on the host. @returns what is wrong with it; undefined: nothing. */
export async function fetchPart(way: Way, held: Whole, part: Part, folder: string, say: Say): Promise<Check> {
  const file = `${folder}/${part.name}`;
  const name = `${part.name} is what was stored`;
  const meter = measure(telling(part, say));
  const body = await held.store.get(keyOf(held.manifest, held.id, part.name));
  await pourInto(way, sh`cat >${file}`, body, meter.stream, `writing ${part.name}`);
  const there = (await perform(way, sumOf(file), `reading ${part.name}`)).trim();
  const good = meter.bytes() === part.bytes && meter.sha256() === part.sha256 && there === part.sha256;
  return { name, good, found: good ? `${part.bytes} bytes, ${part.sha256.slice(0, 12)}…` : 'its checksum is another' };
}

/** Reads one part and forgets it. */
async function readPart(held: Whole, part: Part, signal: AbortSignal, say: Say): Promise<Check> {
  const meter = measure(telling(part, say));
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  await pipeline(await held.store.get(keyOf(held.manifest, held.id, part.name)), meter.stream, nowhere, { signal });
  const good = meter.bytes() === part.bytes && meter.sha256() === part.sha256;
  return { name: part.name, good, found: good ? `${part.bytes} bytes` : 'its checksum is another' };
}

/** Reads everything of one backup again, and what was said of it by drills, without opening anything. */
export async function reread(one: Held, signal: AbortSignal, say: Say): Promise<Check[]> {
  if (!isWhole(one)) return [{ name: 'listing', good: false, found: one.fault ?? 'it is not whole' }];
  const checks: Check[] = [];
  const note = async (name: string, check: Promise<Check>) => {
    checks.push(
      await check.catch((error: unknown) => {
        if (!(error instanceof Failure) || error.exit !== 7) throw error;
        return { name, good: false, found: error.message };
      }),
    );
  };
  for (const part of one.manifest.parts) await note(part.name, readPart(one, part, signal, say));
  for (const { key } of one.keys) {
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (isVerdictName(name)) await note(name, rereadVerdict(one, key, name));
  }
  return checks;
}

async function rereadVerdict({ store, id }: Whole, key: string, name: string): Promise<Check> {
  const good = readVerdict(await text(await store.get(key)))?.backup === id;
  return { name, good, found: good ? 'as it was written' : 'it is not what was written' };
}

function telling(part: Part, say: Say): (bytes: number) => void {
  let told = Date.now();
  return bytes => {
    if (Date.now() - told < 5000) return;
    told = Date.now();
    say(`${part.name}: ${Math.floor((bytes / Math.max(1, part.bytes)) * 100)} %`);
  };
}

/** Opens the database in the folder and counts it. `text` is run where the file can be read. */
export function openDatabase(folder: string, part: Part): { file: string; command: Command } {
  const file = `${folder}/database.sqlite`;
  return {
    file,
    command: lines(
      script('set -euo pipefail'),
      // never more than was promised: a few bytes may unpack to a full disk
      sh`zstd -dqc ${`${folder}/${part.name}`} | head -c ${part.rawBytes + 1} >${file} || [ "$(stat -c %s ${file})" -gt ${part.rawBytes} ]`,
      sh`echo "sha256 $(${sumOf(file)})"`,
      sh`echo "integrity $(sqlite3 -batch ${file} 'PRAGMA integrity_check' 2>&1 | head -n 3 | tr '\\n' ' ')"`,
      sh`{ ${countsOf(file)}; } || true`,
    ),
  };
}

export function judgeDatabase(said: string, part: Part, wanted: DatabaseFacts): Check[] {
  const word = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(said)?.[1]?.trim() ?? 'no answer';
  const integrity = word('integrity');
  const checks: Check[] = [
    {
      name: 'the database is what was copied',
      good: word('sha256') === part.rawSha256,
      found: word('sha256') === part.rawSha256 ? `${part.rawBytes} bytes` : 'its checksum is another',
    },
    { name: 'integrity_check', good: integrity === 'ok', found: integrity },
  ];
  let counts: DatabaseFacts;
  try {
    counts = readCounts(said);
  } catch {
    return [...checks, { name: 'rows', good: false, found: 'the tables cannot be counted' }];
  }
  const faults = (count: number | null) => (count === null ? 'cannot be counted' : String(count));
  checks.push({
    name: 'foreign_key_check',
    good: counts.foreignKeyFaults === wanted.foreignKeyFaults,
    found: `${faults(counts.foreignKeyFaults)} that lead nowhere${counts.foreignKeyFaults === wanted.foreignKeyFaults ? '' : `, and were ${faults(wanted.foreignKeyFaults)}`}`,
  });
  const names = [...new Set([...Object.keys(wanted.tables), ...Object.keys(counts.tables)])];
  const odd = names.flatMap(name => {
    const [is, was] = [counts.tables[name], wanted.tables[name]];
    if (is !== was) return [`${name} has ${is ?? 'no'} rows and had ${was ?? 'none'}`];
    return counts.highWater[name] === wanted.highWater[name] ? [] : [`${name} ends at another row`];
  });
  const rows = Object.values(counts.tables).reduce((sum, one) => sum + one, 0);
  checks.push({
    name: 'rows',
    good: odd.length === 0,
    found: odd.length ? odd.slice(0, 5).join('; ') : `${rows} in ${names.length} tables, as promised`,
  });
  return checks;
}

/** The archive's content as tar lists it, every entry looked at. @throws Failure 7 for one that is hostile, or more than was promised. */
export async function inspectFiles(
  way: Way,
  folder: string,
  part: Part,
  wanted: NonNullable<Manifest['files']>,
  each: (path: string) => void = () => {},
): Promise<Check> {
  const command = lines(
    script('set -o pipefail'),
    sh`zstd -dqc ${`${folder}/${part.name}`} | head -c ${part.rawBytes + 1} | { tar ${listingFlags} --file=- && { rest=$(wc -c); [ "$rest" -eq 0 ] || exit 1; }; }`,
  );
  const { see, count } = inspector();
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let bytes = 0;
  const look = new Writable({
    write(piece: Buffer, _encoding, done) {
      const found = (rest + decoder.write(piece)).split('\n');
      rest = found.pop() ?? '';
      try {
        for (const line of found) {
          const entry = see(line);
          if (entry.kind === 'file') bytes += entry.bytes;
          if (bytes > part.rawBytes) throw new Failure(7, 'the archive unpacks to more than its manifest promises');
          each(entry.path);
        }
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });
  try {
    await pipeline(flowOf(way, command, 'listing the files'), look, { signal: way.signal });
  } catch (error) {
    if (error instanceof Failure && error.exit === 1) return { name: 'files', good: false, found: error.message };
    throw error;
  }
  const good = count() === wanted.count && rest === '';
  return { name: 'files', good, found: good ? `${count()}, as promised` : `${count()} and were ${wanted.count}` };
}
