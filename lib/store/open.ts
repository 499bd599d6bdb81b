// The store that ops.yml describes, ready to be used.
import type { HostSettings, StoreSettings } from '../target/target.ts';
import type { Host } from '../host/host.ts';
import { folderStore } from './folder/store.ts';
import type { S3Around } from './s3/client.ts';
import type { Store } from './store.ts';

/** `connect` is the task's own, so that one connection serves a host and a store on it, and ends with the task. */
export type Around = S3Around & { connect: (settings: HostSettings) => Promise<Host> };

export async function openStore(settings: StoreSettings, around: Around): Promise<Store> {
  if (settings.kind === 'path') return folderStore(settings.name, settings.folder);
  if (settings.kind === 'ssh') return (await import('./ssh/store.ts')).sshStore(settings, around);
  const { s3Store } = await import('./s3/store.ts');
  return s3Store(settings, around);
}
