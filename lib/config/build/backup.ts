// Builds the backup settings of a target and its stores from a checked ops.yml.
import { posix } from 'node:path';
import { ageOf } from '../../duration.ts';
import type { StoreSettings, Backup } from '../../target/backup-settings.ts';
import type { WrittenStore } from '../schema/file.ts';
import { local } from '../merge.ts';
import type { HostSettings } from '../../target/host-settings.ts';
import { type Section, given, secretAt } from './given.ts';

export function buildBackup(backup: Section<'backup'>, known: ReadonlyMap<string, StoreSettings>): Backup {
  const { stores, files, bucket, command, keep, mode, encrypt } = backup;
  const from = bucket && known.get(bucket.from);
  const others = [...known].filter(([name, store]) => store.kind !== 's3' && !given(stores).includes(name));
  return {
    stores: given(stores).map(name => given(known.get(name))),
    ...(others.length && { otherStores: others.map(([, store]) => store) }),
    files: files && {
      include: given(files.include),
      exclude: files.exclude ?? [],
      as: files.as,
      ...(mode !== 'tarball' && { fullEverySeconds: ageOf(files.full_every ?? '7d') }),
    },
    ...(from?.kind === 's3' && { bucket: { from, prefix: bucket?.prefix ?? '' } }),
    ...(command && {
      command: {
        words: command.run,
        service: command.service,
        writes: command.writes ?? '-',
        as: command.as,
        seconds: command.seconds ?? 600,
      },
    }),
    keep: keep && { daily: keep.daily ?? 0, weekly: keep.weekly ?? 0, monthly: keep.monthly ?? 0 },
    ...(encrypt && { encrypt: { recipients: encrypt.recipients, identity: encrypt.identity } }),
  };
}

export function buildStore(
  name: string,
  store: WrittenStore,
  folder: string,
  hosts: ReadonlyMap<string, HostSettings>,
): StoreSettings {
  if (store.kind === 'path') return { name, kind: 'path', folder: local(store.folder, folder) };
  if (store.kind === 'ssh')
    return { name, kind: 'ssh', host: given(hosts.get(store.host)), folder: posix.join(store.folder, '.') };
  const { bucket, endpoint, region = 'us-east-1', prefix = '', storage_class: storageClass } = store;
  return {
    name,
    kind: 's3',
    bucket,
    endpoint,
    region,
    prefix,
    pathStyle: store.path_style ?? endpoint !== undefined,
    ...(storageClass !== undefined && { storageClass }),
    key: secretAt(store.key, folder),
    secret: secretAt(store.secret, folder),
  };
}
