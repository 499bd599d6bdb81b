// Writes a book into an empty folder, in the convention that an import reads: the import of an export changes nothing.
import { chmod, mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Failure, messageOf } from '../errors.ts';
import { targetName, type TargetName } from '../target/command.ts';
import type { BookState, Entry, Leaf } from './content.ts';
import { fileNames } from './image-names.ts';
import { readFolder } from './folder/folder.ts';
import { readImage } from './folder/image.ts';
import { leafAddress, planImport } from './import/plan.ts';
import type { Received } from './program/receive.ts';
import { writeRecord } from './record-file.ts';
import { newFile } from './to-folder.ts';

/** @throws Failure 2 when there is something in the folder already. */
export async function refuseFull(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new Failure(3, `${folder} cannot be read: ${messageOf(error)}`);
  });
  if (names.length)
    throw new Failure(2, `${folder} is not empty`, {
      advice:
        'name a new folder; import-chapters --pull brings what the browser changed into a folder that was imported',
    });
}

/** A folder beside the wanted one, which takes its place when all is in it. */
export async function besides(folder: string): Promise<string> {
  const path = resolve(folder);
  await mkdir(dirname(path), { recursive: true });
  return mkdtemp(join(dirname(path), `.${basename(path)}-`));
}

export type Exported = { pages: number; images: number; differs: string[] };

/** @param making a folder of ours, which becomes `folder` @param files what `receiveBook` put into `making` */
export async function exportBook(
  state: BookState,
  files: readonly Received[],
  making: string,
  folder: string,
  target: TargetName,
): Promise<Exported> {
  const leaves = state.leaves.filter(leaf => leaf.active);
  const width = Math.max(2, String(leaves.length).length);
  const names = new Map(
    leaves.map((leaf, index) => [leaf.id, `${String(index + 1).padStart(width, '0')}-${nameOf(leaf)}`]),
  );
  const images = new Map<string, string>();
  const pictures = new Map<number, string>();
  const pictureName = ({ leaf, name }: Received) => `${names.get(leaf ?? 0)}${extensionOf(name)}`;
  const taken = files.filter(one => one.slug === null).map(one => [pictureName(one), one.md5] as const);
  const called = fileNames(state.uploads, new Map(taken));
  for (const file of files) {
    const { at, slug, leaf } = file;
    if (!at) continue;
    const path = `images/${slug === null ? pictureName(file) : called.get(slug)}`;
    const isShown = slug === null || typeof (await readImage(path, at)) === 'object';
    // another kind of file keeps its address in the application
    if (!isShown || (slug !== null && !/\.(?:png|jpe?g|gif|webp)$/i.test(path))) {
      await rm(at);
      continue;
    }
    await mkdir(join(making, 'images'), { recursive: true });
    await rename(at, join(making, path));
    if (slug !== null) images.set(slug, path);
    else if (leaf !== null) pictures.set(leaf, path);
  }
  const chapters = new Map(leaves.map(leaf => [leafAddress(state.book, leaf), `${names.get(leaf.id)}.md`]));
  const record: Record<string, Entry> = {};
  for (const leaf of leaves) {
    const path = `${names.get(leaf.id)}.md`;
    await writeFile(join(making, path), newFile(leaf, path, { images, chapters }, pictures.get(leaf.id)));
    const { kind, title, body, theme, caption, image, made } = leaf;
    record[path] = { leaf: leaf.id, made, kind, title, body, theme, caption, image };
  }
  const copy = { serial: state.record.serial, files: record };
  await writeRecord(making, target, state.book.id, copy);

  const back = planImport(await readFolder(making), state, copy, { trash: false, take: undefined });
  const differs = back.decisions.filter(one => one.does !== 'untouched').map(one => one.path);
  // a scratch folder is for its owner alone
  await chmod(making, 0o755);
  await rmdir(folder).catch(() => {});
  await rename(making, folder).catch((error: unknown) => {
    throw new Failure(
      1,
      `the book of ${targetName(target)} is in ${making}, and not in ${folder}: ${messageOf(error)}`,
    );
  });
  return { pages: leaves.length, images: images.size + pictures.size, differs: [...new Set(differs)] };
}

function nameOf({ slug, kind }: Leaf): string {
  const plain = slug
    .replaceAll(/[^a-z\d-]+/g, '-')
    .slice(0, 60)
    .replaceAll(/^-+|-+$/g, '');
  return plain || kind.toLowerCase();
}

function extensionOf(name: string): string {
  return /\.[a-z\d]{1,8}$/i.exec(name)?.[0].toLowerCase() ?? '';
}
