// Rules across the settings of a backup: unknown stores, nothing to back up, folders that conflict.
import { posix } from 'node:path';
import { excludeFaults, storeFaults, type Places } from './backup-files.ts';
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings, WrittenStore } from '../schema/file.ts';
import { unknown } from './unknown-name.ts';

export function backupFaults(settings: Settings, places: Places, { wrong, from }: Complaints): void {
  const { stores } = places;
  const { backup, database, root = '/' } = settings;
  if (!backup) return;
  const { stores: named = [], files, mode, encrypt } = backup;
  if (!named.length) wrong(['backup'], 'needs stores: the names of some under stores');
  for (const [index, name] of named.entries()) {
    if (!stores.has(name)) wrong(['backup', 'stores', index], unknown('store', name, [...stores.keys()]));
    if (named.indexOf(name) < index) wrong(['backup', 'stores', index], `${name} is named twice`);
  }
  if (!files && !database && !backup.bucket && !backup.command && settings.runtime !== 'once')
    wrong(['backup'], 'has nothing to take: there is neither a database nor files: { include: […] }');
  bucketFaults(backup, stores, wrong);
  commandFaults(settings, { wrong, from });
  if (encrypt?.recipients.length && backup.bucket)
    wrong(
      ['backup', 'bucket'],
      `would not be encrypted, and ${from('backup', 'encrypt')} wants that: back it up as another app`,
    );
  if (files && !files.include?.length) wrong(['backup', 'files'], 'needs include: paths inside the root');

  excludeFaults(settings, { wrong, from });
  storeFaults(settings, places, { wrong, from });

  if (mode === 'tarball' && files?.full_every)
    wrong(['backup', 'files', 'full_every'], `is not used: mode is tarball (${from('backup', 'mode')})`);
  if (encrypt && !encrypt.recipients.length && !encrypt.identity)
    wrong(['backup', 'encrypt', 'recipients'], 'names nobody: add a public key, such as age-keygen prints it');

  const include = files?.include ?? [];
  const within = (inner: string, outer: string) =>
    `${posix.join(root, inner)}/`.startsWith(`${posix.join(root, outer)}/`);
  for (const [index, path] of include.entries()) {
    const at = ['backup', 'files', 'include', index];
    const around = include.find((other, place) => place !== index && within(path, other));
    if (around) wrong(at, around === path ? 'is named twice' : `is already inside ${around}`);
    for (const folder of ['releases', 'current'])
      if (within(path, folder) || within(folder, path))
        wrong(at, `has to do with ${folder}/, which is made anew by each deploy: keep data in shared/`);
    // its -wal would be of another moment, and a restore replaces the folder as a whole
    for (const part of ['sqlite', 'snapshots'] as const) {
      const held = database?.[part];
      if (held && `${held}/`.startsWith(`${posix.join(root, path)}/`))
        wrong(
          at,
          `has ${held} in it (${from('database', part)}), which is taken care of by itself: name the folders beside it`,
        );
    }
  }
}

/** A bucket that is copied into itself would grow each night. */
function bucketFaults(
  { bucket, stores: named = [] }: NonNullable<Settings['backup']>,
  stores: ReadonlyMap<string, WrittenStore>,
  wrong: Complaints['wrong'],
): void {
  if (!bucket) return;
  const at = ['backup', 'bucket', 'from'];
  const source = stores.get(bucket.from);
  if (!source) return wrong(at, unknown('store', bucket.from, [...stores.keys()]));
  if (source.kind !== 's3')
    return wrong(at, `${bucket.from} is of kind ${source.kind}, and only a bucket can be copied`);
  const reach = (...parts: (string | undefined)[]) => posix.join('/', ...parts.map(part => part ?? ''), '/');
  const ours = reach(source.prefix, bucket.prefix);
  for (const name of named) {
    const store = stores.get(name);
    if (store?.kind !== 's3' || store.bucket !== source.bucket) continue;
    if (store.endpoint?.replace(/\/+$/, '') !== source.endpoint?.replace(/\/+$/, '')) continue;
    const theirs = reach(store.prefix);
    if (ours.startsWith(theirs) || theirs.startsWith(ours))
      wrong(at, `${bucket.from} and the store ${name} are in each other: give them buckets or prefixes of their own`);
  }
}

function commandFaults({ backup, runtime }: Settings, { wrong, from }: Complaints): void {
  const command = backup?.command;
  if (!command) return;
  if (!command.run.length) wrong(['backup', 'command', 'run'], 'is empty');
  if (command.service && runtime !== 'compose')
    wrong(['backup', 'command', 'service'], `is only for runtime compose (${from('runtime')})`);
  if (command.service && command.as)
    wrong(['backup', 'command', 'as'], 'is for what runs on the host, and this runs in a service');
}
