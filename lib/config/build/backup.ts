// Builds the backup settings of a target and its stores from a checked ops.yml.
import { posix } from 'node:path';
import { ageOf } from '../../duration.ts';
import type { SecretReference } from '../../secret.ts';
import type { StoreSettings, Backup, AppCommand } from '../../target/backup-settings.ts';
import type { WrittenStore } from '../schema/file.ts';
import { local } from '../merge.ts';
import type { HostSettings } from '../../target/host-settings.ts';
import { type Section, given } from './given.ts';

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
    ...(command && { command: appCommandOf(command) }),
    keep: keep && { daily: keep.daily ?? 0, weekly: keep.weekly ?? 0, monthly: keep.monthly ?? 0 },
    ...(encrypt && { encrypt: { recipients: encrypt.recipients, identity: encrypt.identity } }),
  };
}

function appCommandOf({
  run,
  service,
  writes,
  as,
  seconds: most,
}: NonNullable<Section<'backup'>['command']>): AppCommand {
  return { words: run, service, writes: writes ?? '-', as, seconds: most ?? 600 };
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
  const {
    bucket,
    endpoint,
    region = 'us-east-1',
    prefix = '',
    path_style: pathStyle,
    storage_class: storageClass,
  } = store;
  const place = (reference: SecretReference): SecretReference =>
    'env' in reference ? reference : { file: local(reference.file, folder) };
  return {
    name,
    kind: 's3',
    bucket,
    endpoint,
    region,
    prefix,
    pathStyle: pathStyle ?? endpoint !== undefined,
    ...(storageClass !== undefined && { storageClass }),
    key: place(store.key),
    secret: place(store.secret),
  };
}
