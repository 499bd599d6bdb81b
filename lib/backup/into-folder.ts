// A restore into a folder on this machine: an empty one, and nothing in it until everything was checked.
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostSettings } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { sh } from '../host/sh.ts';
import type { Context, Result } from '../task.ts';
import { toolsToOpen, type Identity } from './age.ts';
import { bucketIntoFolder } from './bucket-back.ts';
import { indexName } from './bucket-lines.ts';
import type { Whole } from './catalog.ts';
import { verifyRoom } from './examine.ts';
import { perform, type Way } from './flow.ts';
import { writeLayout } from './layout.ts';
import { openBackup } from './open.ts';
import { isOfFiles, layersOf, packsOf, unpacking } from './packs.ts';
import { openScratch } from './scratch.ts';
import { size } from './settings.ts';
import { finder, type Wanted } from './wanted.ts';

const here: HostSettings = { name: 'this machine', kind: 'local' };
const scratchName = '.restoring';

export async function intoFolder(
  { connect, report, signal }: Pick<Context, 'connect' | 'report' | 'signal'>,
  held: Whole,
  wanted: Wanted,
  identity: Identity | undefined,
  folder: string,
  layout = false,
): Promise<Result> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const there = (await readdir(folder)).filter(name => name !== scratchName);
  if (there.length)
    throw new Failure(2, `${folder} is not empty: it has ${there[0] ?? ''}`, { advice: 'name a new folder' });
  const host = await connect(here);
  const way: Way = { host, signal, appUser: undefined };
  const began = performance.now();
  const base = join(folder, scratchName);
  const scratch = await openScratch(host, { base: sh`${base}`, tools: toolsToOpen(identity) });
  const { manifest } = held;
  const made: string[] = [];
  try {
    verifyRoom(held, scratch.free, host.where, manifest.bucket?.bytes);
    const found = finder(wanted);
    const { parts } = wanted;
    await openBackup(way, held, scratch.folder, report, [], { parts, identity, unpack: !wanted.single, finder: found });
    const [none] = found.missing();
    if (none !== undefined) throw new Failure(2, `the backup has no ${none}`);
    const from = (name: string) => join(scratch.folder, name);
    const packs = packsOf(held);
    if (wanted.single && packs)
      await perform(
        way,
        unpacking(scratch.folder, layersOf(packs, from('files'), ['--no-same-owner'], found.meant())),
        'unpacking',
      );
    if (!wanted.single && manifest.database) made.push('database.sqlite');
    if (parts.some(isOfFiles)) made.push('files');
    if (parts.some(part => part.name.startsWith('app.'))) made.push('app');
    const index = parts.find(part => part.name === indexName);
    if (index) {
      await report.show([
        {
          title: `Fetch ${manifest.bucket?.objects ?? 0} objects of the bucket (${size(manifest.bucket?.bytes ?? 0)})`,
          run: async () => bucketIntoFolder(way, held, scratch.folder, index, from('bucket')),
        },
      ]);
      made.push('bucket');
    }
    if (layout) {
      const name = await writeLayout(scratch.folder, manifest.app, held.time, manifest.files?.include ?? []);
      made.splice(0, made.length, name, ...made.filter(one => one === 'app' || one === 'bucket'));
    }
    for (const name of made) await rename(from(name), join(folder, name));
  } finally {
    await scratch.end();
    await rm(base, { recursive: true, force: true });
  }
  const seconds = Math.round((performance.now() - began) / 10) / 100;
  return {
    text: `${held.id} is in ${folder} after ${seconds} s: ${made.join(', ')}`,
    json: { app: manifest.app, environment: manifest.environment, id: held.id, folder, made, seconds },
  };
}
