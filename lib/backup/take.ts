// One backup into one store: the parts as they flow, then the manifest, which is read back.
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { text } from 'node:stream/consumers';
import { PassThrough } from 'node:stream';
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import type { Command } from '../host/sh.ts';
import type { Store } from '../store/store.ts';
import type { Snapshot } from './at-rest.ts';
import { backupsIn, isWhole, keyOf, type Held } from './catalog.ts';
import { readSent, sendFiles, type Survey } from './files.ts';
import { flowOf, measure, type Way } from './flow.ts';
import { manifestName, prefixOf, readManifest, renderManifest, type Manifest, type Part } from './manifest.ts';
import { shrunkSince } from './shrink.ts';

type Say = (line: string) => void;

/** What is known before anything flows. */
export type Material = {
  target: Target;
  id: string;
  now: Date;
  by: string;
  release: string | undefined;
  snapshot: Snapshot | undefined;
  survey: Survey | undefined;
};

/** Removes what earlier backups that were cut off have left; only for who has the target's lock. @returns what is there. */
export async function tidy(store: Store, target: Target): Promise<Held[]> {
  await store.sweep(prefixOf(target));
  const held = await backupsIn(store, target);
  for (const one of held)
    if (!one.keys.some(({ key }) => key.endsWith(`/${manifestName}`)))
      for (const { key } of one.keys) await store.remove(key);
  return held;
}

/** `holds` throws when the lock was lost meanwhile. @returns the manifest, once the store has given it back as it is. */
export async function take(
  way: Way,
  store: Store,
  material: Material,
  before: readonly Held[],
  holds: () => void,
  say: Say,
): Promise<Manifest> {
  const { target, id, snapshot, survey } = material;
  const parts: Part[] = [];
  const tools: Record<string, string> = {};
  let files: Manifest['files'] = null;

  if (snapshot) {
    const { bytes, sha256 } = await send(way, store, material, snapshot.part, snapshot.send, say);
    parts.push({ name: snapshot.part, bytes, sha256, rawBytes: snapshot.bytes, rawSha256: snapshot.sha256 });
    Object.assign(tools, snapshot.tools);
  }
  const wanted = target.backup?.files;
  if (survey && wanted) {
    const command = sendFiles(target, wanted, survey.leftOut);
    const { bytes, sha256, said } = await send(way, store, material, 'files.tar.zst', command, say);
    const { count, rawBytes, noted, tar } = readSent(said);
    parts.push({ name: 'files.tar.zst', bytes, sha256, rawBytes, rawSha256: null });
    files = { include: wanted.include, count, noted: [...survey.noted, ...noted].slice(0, 1000) };
    tools.tar = tar;
  }

  const content = {
    release: material.release ?? null,
    parts,
    database: snapshot?.facts ?? null,
    files,
  };
  const manifest: Manifest = {
    version: 1,
    app: target.app,
    environment: target.environment,
    id,
    time: material.now.toISOString(),
    by: material.by,
    ...content,
    shrunk: shrunkSince(before.find(isWhole)?.manifest, content),
    tools,
    restore: `npx tsx tasks/restore.ts ${id} --env ${target.environment} --app ${target.app} --to ./restored; or by hand: ${byHand(parts)}`,
  };
  const written = renderManifest(manifest);
  const key = keyOf(target, id, manifestName);
  holds();
  await store.put(key, Readable.from([Buffer.from(written)]));
  // a store that does not give back what it took has no backup of ours
  const back = await text(await store.get(key));
  readManifest(back, { ...target, id });
  if (back !== written) throw new Failure(7, `${store.name} gave back another manifest than it took`);
  return manifest;
}

function byHand(parts: readonly Part[]): string {
  const how = {
    'database.sqlite.zst': 'zstd -d database.sqlite.zst',
    'database.dump.zst': 'zstd -d database.dump.zst; pg_restore --no-owner -d an_empty_database database.dump',
    'files.tar.zst': 'tar --zstd -xf files.tar.zst',
  };
  return parts.map(({ name }) => how[name]).join('; ');
}

async function send(
  way: Way,
  store: Store,
  { target, id }: Material,
  name: Part['name'],
  command: Command,
  say: Say,
): Promise<{ bytes: number; sha256: string; said: string }> {
  let said = '';
  const began = Date.now();
  let told = began;
  const meter = measure(bytes => {
    if (Date.now() - told < 5000) return;
    told = Date.now();
    say(`${name}: ${(bytes / 1e6).toFixed(0)} MB, ${(bytes / 1e3 / (told - began)).toFixed(1)} MB/s`);
  });
  const body = new PassThrough();
  const flow = flowOf(way, command, `reading for ${name}`, errors => (said = errors));
  // the store sees the end only when the command has ended well
  const flowing = pipeline(flow, meter.stream, body);
  flowing.catch(() => {});
  const { bytes } = await store.put(keyOf(target, id, name), body);
  await flowing;
  if (bytes !== meter.bytes())
    throw new Failure(7, `${store.name} says that ${name} has ${bytes} bytes, and ${meter.bytes()} were sent`);
  return { bytes, sha256: meter.sha256(), said };
}
