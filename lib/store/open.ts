// The store that ops.yml describes, ready to be used.
import type { StoreSettings } from '../target/backup-settings.ts';
import { folderStore } from './folder/store.ts';
import type { StoreContext, Store } from './store.ts';

export async function openStore(settings: StoreSettings, around: StoreContext): Promise<Store> {
  if (settings.kind === 'path') return folderStore(settings.name, settings.folder);
  if (settings.kind === 'ssh') return (await import('./ssh/store.ts')).sshStore(settings, around);
  const { s3Store } = await import('./s3/store.ts');
  return s3Store(settings, around);
}
