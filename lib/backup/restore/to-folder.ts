// Restores into an empty folder on this machine; nothing is in it until everything was checked.
import { secondsSince } from '../../duration.ts';
import type { Check } from '../../finding.ts';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { thisMachine } from '../../target/host-settings.ts';
import { Failure } from '../../errors.ts';
import { sh } from '../../host/sh.ts';
import { canTry } from '../../database/postgres/restore-test.ts';
import type { Context } from '../../task/context.ts';
import { doItem } from '../../report/items.ts';
import type { Result } from '../../report/result.ts';
import type { Identity } from '../encryption.ts';
import { bucketIntoFolder } from '../bucket/restore.ts';
import { indexName } from '../bucket/object-list.ts';
import type { CompleteBackup } from '../catalog.ts';
import { verifyRoom } from '../verify/parts.ts';
import { remoteOn, run, type Remote } from '../../host/run.ts';
import { openBackup, toolsToOpen } from '../verify/open.ts';
import { isOfFiles, packsOf } from '../files/pack-chain.ts';
import { layersOf, unpacking } from '../files/unpack.ts';
import { openScratch } from '../scratch.ts';
import { size } from '../../size.ts';
import { matcher, type Selection } from './selection.ts';

const scratchName = '.restoring';

export async function restoreToFolder(
  { connect, report, signal }: Pick<Context, 'connect' | 'report' | 'signal'>,
  held: CompleteBackup,
  wanted: Selection,
  identity: Identity | undefined,
  folder: string,
  /** Gets the checks that were made. */
  checks: Check[] = [],
): Promise<Result> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const there = (await readdir(folder)).filter(name => name !== scratchName);
  if (there.length)
    throw new Failure(2, `${folder} is not empty: it has ${there[0] ?? ''}`, { advice: 'name a new folder' });
  const way = await remoteOn(thisMachine, { connect, signal });
  const { host } = way;
  const began = performance.now();
  const base = join(folder, scratchName);
  const scratch = await openScratch(host, { base: sh`${base}`, tools: toolsToOpen(held.manifest, identity) });
  const { manifest } = held;
  const made: string[] = [];
  try {
    verifyRoom(held, scratch.free, host.where, { more: manifest.bucket?.bytes ?? 0 });
    const found = matcher(wanted);
    const { parts } = wanted;
    const dumped = !wanted.single && manifest.database?.kind === 'postgres' ? manifest.database : undefined;
    const trial = dumped && (await canTry(way, dumped)) ? 'cluster' : undefined;
    const how = { parts, identity, unpack: !wanted.single, finder: found, trial } as const;
    await openBackup(way, held, scratch.folder, report, checks, how);
    if (dumped && !trial)
      report.warn(
        `the dump is what was backed up, to the byte; ${await listed(way, `${scratch.folder}/database.dump`)}`,
      );
    const from = (name: string) => join(scratch.folder, name);
    const packs = packsOf(held);
    if (wanted.single && packs)
      await run(
        way,
        unpacking(scratch.folder, layersOf(packs, from('files'), ['--no-same-owner'], found.meant())),
        'unpacking',
      );
    if (!wanted.single && manifest.database)
      made.push(manifest.database.kind === 'sqlite' ? 'database.sqlite' : 'database.dump');
    if (parts.some(isOfFiles)) made.push('files');
    if (parts.some(part => part.name.startsWith('app.'))) made.push('app');
    const index = parts.find(part => part.name === indexName);
    if (index) {
      const title = `Fetch ${manifest.bucket?.objects ?? 0} objects of the bucket (${size(manifest.bucket?.bytes ?? 0)})`;
      await doItem(report, title, () => bucketIntoFolder(way, held, scratch.folder, index, from('bucket')));
      made.push('bucket');
    }
    for (const name of made) await rename(from(name), join(folder, name));
  } finally {
    await scratch.end();
    await rm(base, { recursive: true, force: true });
  }
  const seconds = secondsSince(began);
  return {
    text: `${held.id} is in ${folder} after ${seconds} s: ${made.join(', ')}`,
    json: { app: manifest.app, environment: manifest.environment, id: held.id, folder, made, seconds },
  };
}

/** Without a server's programs here. @throws Failure 1 when pg_restore cannot read it. */
async function listed(way: Remote, file: string): Promise<string> {
  const text = sh`command -v pg_restore >/dev/null || { echo none; exit 0; }; pg_restore --list ${file} | grep -c '^[0-9]'`;
  const said = (await run(way, text, 'pg_restore --list')).trim();
  return said === 'none'
    ? 'there is no pg_restore here to look into it: apt-get install postgresql, then --to another folder, restores it for a test'
    : `pg_restore lists ${said} things in it; with apt-get install postgresql it would be restored for a test`;
}
