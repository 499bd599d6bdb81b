// Writes one backup to one store: the parts as a stream, then the manifest, which is read back.
import { nameOf, taskCommand } from '../../target/command.ts';
import type { Say } from '../../report/items.ts';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import type { AppBucket } from '../../store/s3/app-bucket.ts';
import { getText, putText, type Store } from '../../store/store.ts';
import type { Snapshot } from '../../database/copy-between-deploys.ts';
import { sendBucket } from '../bucket/mirror.ts';
import { backupsIn, isComplete, isFinished, keyOf, type StoredBackup } from '../catalog.ts';
import { packingFault, storedName, verifyPacked } from '../encryption.ts';
import { recipientsOf } from '../../target/backup-settings.ts';
import type { Survey } from '../files/survey.ts';
import { readStream, measure, type Remote } from '../../host/run.ts';
import { manifestName, prefixOf, readManifest, renderManifest, timeOf, type Manifest, type Part } from '../manifest.ts';
import { packFiles, type Send } from '../files/pack.ts';
import { sendOwn, type OwnMade } from './app-command.ts';
import { progress } from '../../report/transfer-progress.ts';
import { shrunkSince } from './shrinkage.ts';

/** What is known before anything flows. */
export type Material = {
  target: Target;
  id: string;
  now: Date;
  by: string;
  release: string | undefined;
  snapshot: Snapshot | undefined;
  survey: Survey | undefined;
  /** What the app has made by itself, on the host. */
  own: OwnMade | undefined;
  /** The bucket to mirror. */
  source: AppBucket | undefined;
  /** A folder on the host that is there until the end, with the inventory of the files. */
  scratch: string;
};

/** Removes what earlier, interrupted backups have left; only for who has the target's lock. @returns what is there. */
export async function removeUnfinished(store: Store, target: Target): Promise<StoredBackup[]> {
  await store.sweep(prefixOf(target));
  const held = await backupsIn(store, target);
  for (const one of held)
    if (!isFinished(one)) for (const { key } of one.keys) await store.remove(key).catch(onlyRefused);
  return held;
}

/** A key without the right to remove can take backups all the same: what was never finished is listed by nobody. */
function onlyRefused(error: unknown): void {
  if (!(error instanceof Failure) || (error.exit !== 1 && error.exit !== 3)) throw error;
}

/** `holds` throws when the lock was lost meanwhile. @returns the manifest, once the store has given it back as it is. */
export async function writeBackup(
  way: Remote,
  store: Store,
  material: Material,
  before: readonly StoredBackup[],
  holds: () => void,
  say: Say,
): Promise<Manifest> {
  const { target, id, now, snapshot, survey, scratch } = material;
  const recipients = recipientsOf(target);
  // copies of a bucket are shared by backups with and without encryption, and so is the index that names them
  const put = putting(way, store, material, say);
  const sending: Send = (name, ...rest) => put(storedName(name, recipients), ...rest);
  const parts: Part[] = [];
  const tools: Record<string, string> = {};
  let files: Manifest['files'] = null;
  let base: Manifest['base'];

  if (snapshot) {
    const { said: _, ...stored } = await sending(snapshot.part, snapshot.send, snapshot.bytes, snapshot.sha256);
    parts.push({ ...stored, rawBytes: snapshot.bytes, rawSha256: snapshot.sha256 });
    Object.assign(tools, snapshot.tools);
  }
  const wanted = target.backup?.files;
  if (survey && wanted) {
    const packed = await packFiles(way, { target, files: wanted, survey, scratch, now }, before, sending, say);
    parts.push(...packed.parts);
    ({ files, base } = packed);
    tools.tar = packed.tar;
  }

  const own = material.own && (await sendOwn(material.own, sending));
  const bucket = material.source && (await sendBucket(way, store, { ...material, source: material.source }, before, put, say)); // prettier-ignore
  for (const more of [own, bucket]) if (more) parts.push(more.part);

  const content = {
    release: material.release ?? null,
    ...(base && { base }),
    ...(recipients.length > 0 && { recipients: [...recipients] }),
    parts,
    database: snapshot?.facts ?? null,
    files,
    ...(own && { own: own.facts }),
    ...(bucket && { bucket: bucket.facts }),
  };
  const manifest: Manifest = {
    version: 1,
    ...nameOf(target),
    id,
    time: timeOf(id).toISOString(),
    by: material.by,
    ...content,
    shrunk: shrunkSince(before.find(isComplete)?.manifest, content),
    tools,
    restore: `${taskCommand(`restore ${id}`, target)} --to ./restored; or by hand, as RESTORE.md in the store says`,
  };
  const written = renderManifest(manifest);
  const key = keyOf(target, id, manifestName);
  holds();
  await putText(store, key, written);
  // if the store does not return what was written, the backup is not in it
  const back = await getText(store, key);
  readManifest(back, { ...target, id });
  if (back !== written) throw new Failure(7, `${store.name} returned a different manifest than was written`);
  return manifest;
}

function putting(way: Remote, store: Store, { target, id }: Material, say: Say): Send {
  return async (name, command, atMost, raw) => {
    let said = '';
    const meter = measure(progress(name, atMost === undefined ? undefined : { bytes: atMost, atMost: true }, say));
    const body = new PassThrough();
    const flow = readStream(way, command, `reading for ${name}`, errors => (said = errors));
    // the store gets the end of the stream only when the command has succeeded
    const flowing = pipeline(flow, meter.stream, body);
    flowing.catch(() => {});
    const { bytes } = await store.put(keyOf(target, id, name), body, atMost).catch((error: unknown) => {
      throw packingFault(error);
    });
    await flowing;
    if (bytes !== meter.bytes())
      throw new Failure(7, `${store.name} says that ${name} has ${bytes} bytes, and ${meter.bytes()} were sent`);
    const sha256 = meter.sha256();
    verifyPacked(name, said, sha256, raw);
    return { name, bytes, sha256, said };
  };
}
