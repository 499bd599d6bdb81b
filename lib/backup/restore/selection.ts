// Which parts and paths of a backup a restore selects.
import { posix } from 'node:path';
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import type { CompleteBackup } from '../catalog.ts';
import type { Part } from '../manifest.ts';
import { isOfFiles, type Listener } from '../files/pack-chain.ts';
import { type Meant } from '../files/unpack.ts';

export type Selection = {
  parts: Part[];
  /** Paths of the files, relative to the root: whole folders of ops.yml, or what --only names. */
  paths: string[];
  /** Only single files are meant, so that nothing has to stop. */
  single: boolean;
};

/** What a manifest says of paths is believed only as far as ops.yml names the same. */
export function selectionOf(target: Target, { manifest }: CompleteBackup, only: readonly string[]): Selection {
  const include = manifest.files?.include ?? [];
  if (!only.length) {
    const known = target.backup?.files?.include ?? [];
    const strange = include.filter(path => !known.includes(path));
    const unnamed = `the backup has ${strange.join(', ')}, which backup.files.include in ops.yml does not name`;
    if (strange.length)
      throw new Failure(3, unnamed, { advice: 'add it there, or take single paths of the others with --only' });
    const [kind, here] = [manifest.database?.kind, target.database?.kind];
    if (kind && !here) throw new Failure(3, `the backup has a database, and ${targetName(target)} has none in ops.yml`);
    if (kind && kind !== here)
      throw new Failure(3, `the backup has a database of ${kind}, and ${targetName(target)} has ${here} in ops.yml`);
    if (manifest.bucket && !target.backup?.bucket)
      throw new Failure(3, `the backup has a bucket, and backup.bucket in ops.yml names none`);
    return { parts: manifest.parts, paths: include, single: false };
  }
  const paths = only.map(path => tidy(path));
  const within = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer}/`);
  const known = (target.backup?.files?.include ?? []).filter(path => include.includes(path));
  for (const path of paths) {
    if (!known.some(folder => within(path, folder)))
      throw new Failure(2, `the backup has no ${path}`, {
        advice: known.length ? `it has files below ${known.join(', ')}` : 'it has no files at all',
      });
    if (paths.some(other => other !== path && within(path, other)) || paths.indexOf(path) !== paths.lastIndexOf(path))
      throw new Failure(2, `${path} is named twice`);
  }
  return { parts: manifest.parts.filter(isOfFiles), paths, single: true };
}

function tidy(path: string): string {
  const found = posix.normalize(path).replace(/\/$/, '');
  if (found.startsWith('/') || found.startsWith('-') || found.split('/').includes('..'))
    throw new Failure(2, `${path} is outside the root`);
  return found;
}

/** Gathers which of the paths each archive has, as it is listed. */
export type Matcher = Listener & {
  /** Of single files, those that the backup does not have. */
  missing(): string[];
  meant(): Meant;
};

export function matcher({ paths, single }: Pick<Selection, 'paths' | 'single'>): Matcher {
  const found = { full: new Set<string>(), changes: new Set<string>() };
  // of files with several names, tar extracts the others only together with the first one
  const first = { full: new Map<string, string>(), changes: new Map<string, string>() };
  const meant = new Set(paths);
  const wanted = (path: string) => paths.some(one => `${path}/`.startsWith(`${one}/`));
  const firstOf = (pack: 'full' | 'changes') => [...new Set(first[pack].values())];
  return {
    see({ path, kind, to }, pack) {
      const name = path.replace(/\/$/, '');
      if (meant.has(name)) found[pack].add(name);
      if (single && kind === 'hard link' && to !== undefined && wanted(name) && !wanted(to)) first[pack].set(name, to);
    },
    forget(path) {
      found.full.delete(path);
      first.full.delete(path);
    },
    missing: () => (single ? paths.filter(path => !found.full.has(path) && !found.changes.has(path)) : []),
    meant: () => ({
      full: [...found.full, ...firstOf('full')],
      changes: [...found.changes, ...firstOf('changes')],
      first: [...firstOf('full'), ...firstOf('changes')],
    }),
  };
}
