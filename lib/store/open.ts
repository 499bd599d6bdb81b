// The store that ops.yml describes, ready to be used.
import type { StoreSettings } from '../config/target.ts';
import { folderStore } from './folder.ts';
import type { Store } from './store.ts';

/** `signal` ends an upload that is under way, and its parts are taken away. */
export type Around = { environment: NodeJS.ProcessEnv; signal: AbortSignal };

export async function openStore(settings: StoreSettings, around: Around): Promise<Store> {
  if (settings.kind === 'path') return folderStore(settings.name, settings.folder);
  const { s3Store } = await import('./s3.ts');
  return s3Store(settings, around);
}
