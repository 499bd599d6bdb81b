// The layout of Bibliotheca's own scripts, `<time>/<name>_<time>.db`, `.db.sha256` and folders: backups written so, and read.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Target } from '../../lib/target/target.ts';
import { Failure, messageOf } from '../../lib/errors.ts';

/** `2026-11-20_020000`, as UTC: the folder does not say whose clock it was. */
const timeForm = /^(\d{4}-\d\d-\d\d)_(\d\d)(\d\d)(\d\d)$/;

export type Layout = { folder: string; time: Date; database: string | undefined; folders: string[] };

/** Looks at such a folder on this machine. @throws Failure 2 for another one, 7 when the checksum is not that of the database. */
export async function readLayout(folder: string): Promise<Layout> {
  const [, day, ...clock] = timeForm.exec(basename(folder)) ?? [];
  const time = new Date(`${day ?? ''}T${clock.join(':')}Z`);
  if (Number.isNaN(time.getTime()))
    throw new Failure(2, `${folder} is not such a backup: its name should be like 2026-11-20_020000`);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new Failure(2, `${folder} cannot be read: ${messageOf(error)}`);
  });
  const [database, ...more] = entries.filter(one => one.isFile() && one.name.endsWith('.db')).map(one => one.name);
  if (more.length) throw new Failure(2, `${folder} has several databases: ${[database, ...more].join(', ')}`);
  if (database !== undefined) await verifySum(join(folder, database));
  return { folder, time, database, folders: entries.filter(one => one.isDirectory()).map(one => one.name) };
}

/** Only the sum counts: in older ones the name beside it is a path on a server of then. */
async function verifySum(file: string): Promise<void> {
  const text = await readFile(`${file}.sha256`, 'utf8').catch(() => '');
  const [wanted] = /^[0-9a-f]{64}\b/.exec(text) ?? [];
  if (wanted === undefined) throw new Failure(7, `${file}.sha256 is missing, or has no checksum in it`);
  if (wanted !== (await sumOf(file)))
    throw new Failure(7, `${file} is not what ${basename(file)}.sha256 says: it is damaged`);
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Makes the layout out of what a restore has put into `from`: database.sqlite, and files below `files`. `sha256sum -c` works
 * wherever the folder is moved to, as only the file is named. @returns the name of the folder that is made in `from`.
 */
export async function writeLayout(from: string, app: string, time: Date, include: readonly string[]): Promise<string> {
  const names = include.map(path => basename(path));
  const twice = names.find((one, at) => names.indexOf(one) < at);
  if (twice !== undefined)
    throw new Failure(2, `two folders are called ${twice}, and this layout has only one place for it`);
  const name = time.toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '');
  await mkdir(join(from, name), { mode: 0o700 });
  const inside = await readdir(from);
  if (inside.includes('database.sqlite')) {
    const file = `${app}_${name}.db`;
    await rename(join(from, 'database.sqlite'), join(from, name, file));
    await writeFile(join(from, name, `${file}.sha256`), `${await sumOf(join(from, name, file))}  ${file}\n`, { mode: 0o600 }); // prettier-ignore
  }
  for (const path of include) await rename(join(from, 'files', path), join(from, name, basename(path)));
  return name;
}

/** The paths of ops.yml that folders of the layout are meant by. @throws Failure 3 when two of them have the same name. */
export function placesOf(target: Target, folders: readonly string[]): { folder: string; path: string }[] {
  const include = target.backup?.files?.include ?? [];
  return folders.map(folder => {
    const [path, other] = include.filter(one => basename(one) === folder);
    if (path === undefined || other !== undefined)
      throw new Failure(
        3,
        `which path of backup.files.include is ${folder}? ${path === undefined ? 'none' : 'several'} end so`,
        {
          advice: `name it in ops.yml, such as shared/storage/${folder}, or move the folder away`,
        },
      );
    return { folder, path };
  });
}
