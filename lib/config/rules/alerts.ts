// Rules across the settings of monitoring and drills: unknown alerts, checks that need a database without one.
import { posix } from 'node:path';
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings } from '../schema/file.ts';
import { unknown } from './unknown-name.ts';

export function watchFaults(
  { backup, database, systemd, process, root = '/' }: Settings,
  alerts: ReadonlyMap<string, unknown>,
  wrong: Complaints['wrong'],
): void {
  if (!backup) return;
  for (const [index, name] of (backup.alerts ?? []).entries()) {
    if (!alerts.has(name)) wrong(['backup', 'alerts', index], unknown('alert', name, [...alerts.keys()]));
    if (backup.alerts?.indexOf(name) !== index) wrong(['backup', 'alerts', index], `${name} is named twice`);
  }
  if (backup.references !== undefined) {
    if (!database?.sqlite) wrong(['backup', 'references'], 'is asked of a SQLite database, and there is none');
    if (!backup.files) wrong(['backup', 'references'], 'names files, and none are backed up: files: { include: […] }');
  }
  if (backup.drill && database?.postgres)
    wrong(['backup', 'drill'], 'starts the app from what was restored, and with Postgres no server is left for it');
  const shared = (systemd ?? process)?.shared ?? [];
  for (const [index, path] of (backup.drill?.shared ?? []).entries()) {
    const at = ['backup', 'drill', 'shared', index];
    if (!shared.includes(path)) wrong(at, `${path} is not among the shared paths of the runtime`);
    // the app of a drill writes, and must write nowhere but into what was restored
    const real = posix.join(root, 'shared', path);
    const data = [database?.sqlite, ...(backup.files?.include ?? []).map(one => posix.join(root, one))];
    const own = data.find(one => one && (`${one}/`.startsWith(`${real}/`) || `${real}/`.startsWith(`${one}/`)));
    if (own) wrong(at, `${path} has to do with ${own}, and a drill never sees the real data`);
  }
}
