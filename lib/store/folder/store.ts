// A store that is a folder on the machine where the task runs: a second disk, a mount, the server's own when cron runs it.
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, mkdir, open, opendir, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../errors.ts';
import { leftovers, room } from '../checks.ts';
import { folderAbove, unfinished, verifyKey, type Store } from '../store.ts';

export function folderStore(name: string, folder: string): Store {
  const place = (key: string) => {
    verifyKey(key);
    return join(folder, key);
  };

  /** Every file whose path begins with `prefix`, and its own name. */
  async function* walk(prefix: string, below = folderAbove(prefix)): AsyncGenerator<{ path: string; name: string }> {
    const entries = await opendir(join(folder, below)).catch(missingAsNothing);
    for await (const entry of entries ?? []) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) yield* walk(prefix, path);
      else if (entry.isFile() && path.startsWith(prefix)) yield { path, name: entry.name };
    }
  }

  const free = async () => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };

  return {
    name,
    free,

    async put(key, body) {
      const file = place(key);
      const making = join(dirname(file), `${unfinished}${randomBytes(6).toString('hex')}`);
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await pipeline(body, createWriteStream(making, { flags: 'wx', mode: 0o600, flush: true }));
        await publish(making, file);
        await syncFolder(dirname(file));
        return { bytes: (await stat(file)).size };
      } catch (error) {
        body.destroy();
        throw refusal(error, `${name} cannot take ${key}`, folder);
      } finally {
        await rm(making, { force: true }).catch(() => {});
      }
    },

    async get(key) {
      const handle = await open(place(key)).catch(missingAsNothing);
      if (handle) return handle.createReadStream();
      throw new Failure(7, `the store ${name} has no ${key}`, { advice: `look into ${folder}` });
    },

    async *list(prefix) {
      for await (const { path, name: own } of walk(prefix)) {
        if (own.startsWith('.')) continue;
        const found = await stat(join(folder, path)).catch(missingAsNothing);
        if (found) yield { key: path, bytes: found.size };
      }
    },

    async remove(key) {
      const file = place(key);
      await rm(file, { force: true });
      try {
        for (let at = dirname(file); at !== folder && at.startsWith(folder); at = dirname(at)) await rmdir(at);
      } catch {
        // an empty folder is nothing that this store has; others are not empty and stay
      }
    },

    async sweep(prefix) {
      let count = 0;
      for await (const { path, name: own } of walk(prefix)) {
        if (!own.startsWith(unfinished)) continue;
        await rm(join(folder, path), { force: true });
        count++;
      }
      return count;
    },

    async examine(prefix, needed) {
      let count = 0;
      for await (const { name: own } of walk(prefix)) if (own.startsWith(unfinished)) count++;
      return [room(await free(), needed, folder), leftovers(count)];
    },
  };
}

/** Under its name at once and never over another; where a disk knows no second name for a file, by a look before. */
async function publish(making: string, file: string): Promise<void> {
  try {
    await link(making, file);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || (await stat(file).catch(missingAsNothing)))
      throw new Failure(1, `${file} already exists, and nothing is ever overwritten`, { cause: error });
    await rename(making, file);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function refusal(error: unknown, what: string, folder: string): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof Failure) return error;
  return new Failure(1, `${what}: ${code}`, {
    advice: `is the disk of ${folder} full, or does it belong to another user?`,
    cause: error,
  });
}

function missingAsNothing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
