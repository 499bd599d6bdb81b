// Tells when something is written in a folder. Each folder is watched, not each file: an editor that replaces a file by a rename is seen too.
import { lstatSync, readdirSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';

type WatchedFolder = { watcher: FSWatcher; inode: bigint };

export type FolderWatch = {
  /** Looks whether the folder itself was replaced meanwhile. */
  renew(): void;
  close(): void;
};

// A save is several events, and a checkout thousands: they are told together, when it is quiet or has lasted.
const quiet = 50;
const longest = 400;

/** `did`: paths below the folder; that of a folder that came or went ends in `/`. `failed`: this part cannot be watched. */
export function watchFolder(
  folder: string,
  did: (paths: string[]) => void,
  failed: (says: string) => void,
): FolderWatch {
  const watched = new Map<string, WatchedFolder>();
  const pending = new Set<string>();
  let since = 0;
  let timer: NodeJS.Timeout | undefined;
  let told = false;

  const fail = (below: string, error: unknown) => {
    if (!told) failed(`${join(folder, below)} cannot be watched: ${messageOf(error)}`);
    told = true;
  };
  const end = (below: string) => {
    watched.get(below)?.watcher.close();
    watched.delete(below);
  };
  const seen = (path: string) => {
    pending.add(path);
    if (timer) clearTimeout(timer);
    else since = performance.now();
    timer = setTimeout(flush, Math.max(0, Math.min(quiet, since + longest - performance.now())));
  };

  /** Watches a folder, and those in it, that are not watched yet. First watched, then read: nothing comes between. */
  const look = (below: string) => {
    const inode = inodeOf(join(folder, below));
    if (inode === undefined) return;
    if (watched.get(below)?.inode !== inode) {
      end(below);
      try {
        const watcher = watch(join(folder, below), (_event, name) => {
          if (name === null) seen(below);
          else if (isOurs(name)) seen(below + name);
        });
        watcher.on('error', error => {
          end(below);
          fail(below, error);
        });
        watched.set(below, { watcher, inode });
      } catch (error) {
        fail(below, error);
        return;
      }
    }
    for (const name of foldersIn(join(folder, below))) look(`${below}${name}/`);
  };

  const flush = () => {
    timer = undefined;
    const paths = [...pending];
    pending.clear();
    const folders = paths.flatMap(path => {
      const below = path.endsWith('/') || path === '' ? path : `${path}/`;
      const was = watched.get(below)?.inode;
      const is = inodeOf(join(folder, below));
      if (was === is) return [];
      for (const inner of watched.keys()) if (inner.startsWith(below)) end(inner);
      look(below);
      return [below];
    });
    did([...new Set([...paths.filter(path => !folders.includes(`${path}/`)), ...folders])]);
  };

  look('');
  return {
    renew() {
      if (watched.get('')?.inode !== inodeOf(folder)) seen('');
    },
    close() {
      clearTimeout(timer);
      for (const below of watched.keys()) end(below);
    },
  };
}

const isOurs = (name: string) => !name.startsWith('.') && name !== 'node_modules';

function foldersIn(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter(entry => entry.isDirectory() && isOurs(entry.name)).map(entry => entry.name);
  } catch {
    return [];
  }
}

/** undefined when there is no folder; a symbolic link is none. */
function inodeOf(path: string): bigint | undefined {
  try {
    const found = lstatSync(path, { bigint: true });
    return found.isDirectory() ? found.ino : undefined;
  } catch {
    return undefined;
  }
}
