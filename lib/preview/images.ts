// Images of the folder, as the application would have them: by their content, never through a symbolic link.
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { imageBelow } from '../writebook/folder/folder.ts';
import { formatOf } from '../writebook/folder/image.ts';

export type ImageFile = { type: string; bytes: number; handle: FileHandle };

const types = new Map([
  ['PNG', 'image/png'],
  ['JPEG', 'image/jpeg'],
  ['GIF', 'image/gif'],
  ['WebP', 'image/webp'],
]);

/** Open at its first byte; a text says why there is none. Whoever calls closes it. */
export async function openImage(folder: string, path: string): Promise<ImageFile | string> {
  const known = await imageBelow(folder, path);
  if (typeof known === 'string') return known;
  // what was looked at may be another file by now
  const handle = await open(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const state = await handle.stat();
  const start = Buffer.alloc(512);
  const { bytesRead } = state.isFile() ? await handle.read(start, 0, start.length, 0) : { bytesRead: 0 };
  const type = types.get(formatOf(start.subarray(0, bytesRead)) ?? '');
  if (type) return { type, bytes: state.size, handle };
  await handle.close();
  return 'is no image';
}
