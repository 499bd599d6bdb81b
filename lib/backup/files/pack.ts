// Packs the files for one store: all of them, or the changes since the last full pack there.
import type { Say } from '../../report/items.ts';
import type { Target } from '../../target/target.ts';
import { type BackupFiles, recipientsOf } from '../../target/backup-settings.ts';
import { spanSince } from '../../duration.ts';
import { packedFile } from '../../host/packing.ts';
import type { Command } from '../../host/sh.ts';
import { chooseBase, type Base } from './choose-base.ts';
import type { StoredBackup } from '../catalog.ts';
import { readSent, sendFiles, type Sent } from './tar-stream.ts';
import { run, type Remote } from '../../host/run.ts';
import { compareWith, keepInventory, listAll, readComparison, type Comparison } from './inventory.ts';
import type { Manifest, Part } from '../manifest.ts';
import type { Survey } from './survey.ts';

/**
 * Lets what a command of `packing` prints flow into the store, under the part's name; `atMost` is a guess of its bytes from
 * above, `raw` the checksum that it must unpack to: missing for an archive, whose bytes tar counts.
 */
export type Send = (
  name: string,
  command: Command,
  atMost?: number,
  raw?: string,
) => Promise<{ name: string; bytes: number; sha256: string; said: string }>;
type Packed = {
  parts: Part[];
  files: NonNullable<Manifest['files']>;
  base: Manifest['base'];
  tar: string;
};

/** What is known of the files before any of them is sent. `scratch` is the folder of the inventory. */
type PackRequest = { target: Target; files: BackupFiles; survey: Survey; scratch: string; now: Date };

export async function packFiles(
  way: Remote,
  material: PackRequest,
  before: readonly StoredBackup[],
  send: Send,
  say: Say,
): Promise<Packed> {
  const { target, files, scratch, now } = material;
  const choice = chooseBase(before, files, recipientsOf(target), now);
  if ('why' in choice) {
    if (files.fullEverySeconds !== undefined) say(`all files: ${choice.why}`);
    return packAll(way, material, send);
  }
  const { base } = choice;
  const compared = readComparison(await run(way, compareWith(target, base.inventory, scratch), 'comparing the files'));
  if (!compared) say('all files: the host has not kept the inventory of the last full pack');
  else if (compared.changed > material.survey.bytes / 2) say('all files: more than half of them changed');
  else return packChanges(material, base, compared, send, say);
  return packAll(way, material, send);
}

/** What an archive of them may take at most: three blocks for each name, and its content. */
export function archived({ bytes, count }: { bytes: number; count: number }): number {
  return bytes + count * 2048;
}

async function packAll(way: Remote, { target, files, survey, scratch }: PackRequest, send: Send): Promise<Packed> {
  await run(way, listAll(scratch), 'listing the files');
  const { said, ...stored } = await send(
    'files.tar.zst',
    sendFiles(target, files, `${scratch}/list`, recipientsOf(target)),
    archived(survey),
  );
  const sent = readSent(said);
  const keeping = files.fullEverySeconds === undefined ? undefined : keepInventory(target, scratch, sent.vanished);
  const inventory = keeping && (await run(way, keeping, 'keeping the inventory')).trim();
  return {
    parts: [{ ...stored, rawBytes: sent.rawBytes, rawSha256: null }],
    files: factsOf(files, survey, sent, sent.count, inventory),
    base: undefined,
    tar: sent.tar,
  };
}

async function packChanges(
  { target, files, survey, scratch, now }: PackRequest,
  base: Base,
  { list: listed, changed, gone }: Comparison,
  send: Send,
  say: Say,
): Promise<Packed> {
  const { held, sha256 } = base;
  say(`what changed since the full pack ${held.id}, ${spanSince(held.time, now)} ago`);
  const recipients = recipientsOf(target);
  const command = sendFiles(target, files, `${scratch}/list`, recipients);
  const { said, ...stored } = await send('changes.tar.zst', command, archived({ bytes: changed, count: survey.count }));
  const sent = readSent(said);
  const { said: _, ...list } = await send(
    'gone.zst',
    packedFile(`${scratch}/gone`, recipients),
    undefined,
    gone.sha256,
  );
  return {
    parts: [
      { ...stored, rawBytes: sent.rawBytes, rawSha256: null },
      { ...list, rawBytes: gone.bytes, rawSha256: gone.sha256 },
    ],
    // what is not in the list is in the full pack, unchanged
    files: factsOf(files, survey, sent, survey.count - listed + sent.count, undefined),
    base: { id: held.id, sha256 },
    tar: sent.tar,
  };
}

function factsOf(
  { include, exclude }: BackupFiles,
  survey: Survey,
  { noted }: Sent,
  count: number,
  inventory: string | undefined,
): NonNullable<Manifest['files']> {
  return {
    include,
    exclude,
    count,
    bytes: survey.bytes,
    ...(inventory !== undefined && { inventory }),
    noted: [...survey.noted, ...noted].slice(0, 1000),
  };
}
