// Rules across backup.files, its excludes and the stores: nothing left to back up, or a store inside what it stores.
import { posix } from 'node:path';
import { leavesOut, readPattern } from '../../target/exclude-patterns.ts';
import { local } from '../merge.ts';
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings, WrittenHost, WrittenStore } from '../schema/file.ts';

export type Places = {
  stores: ReadonlyMap<string, WrittenStore>;
  hosts: ReadonlyMap<string, WrittenHost>;
  /** Of ops.yml: relative paths of stores begin there. */
  folder: string;
};

/** Names that have nothing in common: what matches all of them matches any. */
const anyNames = ['x', 'k.jpg', '.hidden', '0', 'Ü \u{10ffff}'];

/** `wrong` gets a fault for each pattern that leaves out nothing or everything. */
export function excludeFaults({ backup, root = '/' }: Settings, { wrong, from }: Complaints): void {
  const { include = [], exclude = [] } = backup?.files ?? {};
  for (const [index, text] of exclude.entries()) {
    const at = ['backup', 'files', 'exclude', index];
    if (text.startsWith('!')) {
      wrong(
        at,
        'cannot take back what another leaves out: name what is to be left out (a file that is called so is [!]…)',
      );
      continue;
    }
    const pattern = readPattern(text, root, include);
    if (!pattern) {
      wrong(at, 'leaves out nothing: no path that is backed up has .. in it');
      continue;
    }
    for (const [number, path] of include.entries()) {
      const itself = leavesOut(pattern, path, true);
      if (!itself && !anyNames.every(name => leavesOut(pattern, `${path}/${name}`, true))) continue;
      const what = itself ? path : `everything in ${path}`;
      wrong(at, `leaves out ${what} (${from('backup', 'files', 'include', number)}), so that nothing of it would be backed up`); // prettier-ignore
    }
  }
}

/** A store inside of what it stores would grow each night, and be gone together with it. */
export function storeFaults(settings: Settings, { stores, hosts, folder }: Places, { wrong }: Complaints): void {
  const { backup, root = '/', host } = settings;
  const { include = [], exclude = [] } = backup?.files ?? {};
  for (const [name, store] of stores) {
    if (store.kind === 's3' || !isThere(store, host, hosts)) continue;
    const place = store.kind === 'path' ? local(store.folder, folder) : posix.join(store.folder, '.');
    for (const [index, path] of include.entries()) {
      if (!`${place}/`.startsWith(`${posix.join(root, path)}/`)) continue;
      const inside = posix.relative(root, place);
      const left = exclude.some(text => {
        const pattern = readPattern(text, root, include);
        return pattern && leavesOut(pattern, inside, true);
      });
      if (left) continue;
      wrong(
        ['backup', 'files', 'include', index],
        `has the store ${name} in it, ${place}, and would grow each night: give the store a folder elsewhere, or exclude /${inside}`,
      );
    }
  }
}

/** Whether the store's folder is on the target's own host, as far as names can tell. */
function isThere(
  store: Exclude<WrittenStore, { kind: 's3' }>,
  name: string | undefined,
  hosts: ReadonlyMap<string, WrittenHost>,
): boolean {
  const host = hosts.get(name ?? '');
  if (store.kind === 'path') return host === 'local';
  const other = hosts.get(store.host);
  return (
    store.host === name || (host !== undefined && JSON.stringify(addressOf(host)) === JSON.stringify(addressOf(other)))
  );
}

function addressOf(host: WrittenHost | undefined): unknown {
  return typeof host === 'object' && 'ssh' in host ? host.ssh : host;
}
