// Brings what was edited in the browser into the folder's files, with the images that were added there, and new pages as new files.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { Failure } from '../../errors.ts';
import type { Entry, Leaf } from '../content.ts';
import type { BookChapter } from '../folder/chapter.ts';
import type { Folder } from '../folder/folder.ts';
import type { Application } from '../program/application.ts';
import { receiveBook, type Received } from '../program/receive.ts';
import { editedFile, newFile, type FolderPlaces } from '../to-folder.ts';
import { joinedPage } from './joined-page.ts';
import { namesOfNew } from './new-names.ts';
import { entryOf, leafAddress, uploadOf, type ChangedPage, type ImportPlan } from './plan.ts';
import { replaceFile } from '../../text-file.ts';

/** `marked`: files in which two texts have to be joined by hand. `entries`: what the record says of them from now on. */
export type Pulled = {
  files: string[];
  marked: string[];
  byHand: { path: string; says: string }[];
  entries: Record<string, Entry>;
};

export type PullChoices = {
  book: string;
  /** In their order. */
  leaves: readonly Leaf[];
  /** Pages that were made in the browser, too. */
  withNew: boolean;
  /** Texts as last written, by path: pages changed on both sides are joined. Without it, those are left alone. */
  bases: ReadonlyMap<string, string> | undefined;
  environment: NodeJS.ProcessEnv;
};

/** The application is booted once more; nothing is written there. Each file is replaced in one move. */
export async function pullEdits(
  application: Application,
  plan: ImportPlan,
  own: Folder,
  folder: string,
  { book, leaves: inBook, withNew, bases, environment }: PullChoices,
): Promise<Pulled> {
  const pulled: Pulled = { files: [], marked: [], byHand: [], entries: {} };
  const byHand = (path: string, says: string) => void pulled.byHand.push({ path, says });
  const edits = plan.decisions.flatMap(one => {
    if (one.does !== 'edited' && !(one.does === 'conflict' && bases)) return [];
    if (one.leaf.active) return [one];
    byHand(one.path, 'it is in the trash of the application: remove the file, or --take ours restores it');
    return [];
  });
  const added = withNew ? namesOfNew(plan.decisions, inBook, byHand) : new Map<number, string>();
  if (!edits.length && !added.size) return pulled;

  const scratch = await mkdtemp(join(tmpdir(), 'bookops-pull-'));
  try {
    const have = [...own.images.values()].map(image => image.md5);
    const wanted = { book, only: [...edits.map(({ leaf }) => leaf.id), ...added.keys()], have };
    const { found, files = [] } = { files: undefined, ...(await receiveBook(application, wanted, scratch)) };
    if (!found) throw new Failure(1, 'the book is gone meanwhile');
    const leaves = new Map(found.leaves.map(leaf => [leaf.id, leaf]));
    const { images, pictures } = await placeImages(folder, own, found.uploads, files);
    const chapters = new Map<string, string>();
    for (const one of plan.decisions) {
      if (!('leaf' in one)) continue;
      const path = 'chapter' in one ? one.path : added.get(one.leaf.id);
      if (path !== undefined) chapters.set(leafAddress(found.book, leaves.get(one.leaf.id) ?? one.leaf), path);
    }
    const places: FolderPlaces = { images, chapters };
    for (const one of edits) {
      const leaf = leaves.get(one.leaf.id);
      if (!leaf?.active) continue;
      const entry = plan.files[one.path];
      if (one.does === 'edited') await writeEdited(one, leaf);
      else if (!entry)
        byHand(one.path, 'no import wrote this page, so nobody knows what changed: --take ours or theirs');
      else {
        const folderText = plan.textOf(one.chapter);
        const page = await joinedPage(
          one.chapter,
          leaf,
          { entry, folderText, base: bases?.get(one.path) },
          environment,
        );
        for (const says of page.byHand) byHand(one.path, says);
        if (!page.leaf) continue;
        await writeEdited(one, page.leaf);
        if (page.conflicts) pulled.marked.push(one.path);
        // from now on, what the browser has is in the folder
        if (!page.byHand.length) pulled.entries[one.path] = entryOf(leaf);
      }
    }
    for (const [id, path] of added) {
      const leaf = leaves.get(id);
      if (!leaf?.active) continue;
      await write(path, newFile(leaf, path, places, pictures.get(id)));
      pulled.entries[path] = entryOf(leaf);
    }

    async function writeEdited({ chapter }: ChangedPage, leaf: Leaf): Promise<void> {
      const path = fileOf(chapter);
      const image = leaf.image === (chapter.image?.md5 ?? null) ? undefined : pictures.get(leaf.id);
      const text =
        path === chapter.path
          ? editedFile(await readFile(join(folder, path), 'utf8'), chapter, leaf, places, image)
          : newFile(leaf, path, places, undefined);
      await write(path, text);
    }

    async function write(path: string, text: string): Promise<void> {
      await replaceFile(join(folder, path), text);
      pulled.files.push(path);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return pulled;
}

/** A section by its folder's name alone gets a file. */
function fileOf({ path }: BookChapter): string {
  return path.endsWith('/') ? `${path}_section.md` : path;
}

/** Where images lie in the folder: by their slug, and those of pictures by their leaf. New ones are written there. */
async function placeImages(
  folder: string,
  { images: own }: Folder,
  uploads: Parameters<typeof uploadOf>[1],
  files: readonly Received[],
): Promise<{ images: Map<string, string>; pictures: Map<number, string> }> {
  const images = new Map<string, string>();
  const pictures = new Map<number, string>();
  const byContent = new Map([...own.values()].map(image => [image.md5, image.path]));
  for (const image of own.values()) {
    const upload = uploadOf(image, uploads);
    if (upload) images.set(upload.slug, image.path);
  }
  for (const { slug, leaf, name, md5, at } of files) {
    if (slug === null && leaf !== null && byContent.has(md5)) pictures.set(leaf, byContent.get(md5) ?? '');
    const extension = /\.(?:png|jpe?g|gif|webp)$/i.exec(slug ?? name)?.[0].toLowerCase();
    if (at === undefined || !extension) continue;
    const sum = Buffer.from(md5, 'base64').toString('hex').slice(0, 8);
    const base = slug ?? `${posix.basename(name, posix.extname(name)).replaceAll(/[^\w-]+/g, '-')}-${sum}${extension}`;
    if (!/^[\w-][\w.-]*$/.test(base)) continue;
    await mkdir(join(folder, 'images'), { recursive: true });
    await writeFile(join(folder, 'images', base), await readFile(at));
    if (slug !== null) images.set(slug, `images/${base}`);
    else if (leaf !== null) pictures.set(leaf, `images/${base}`);
    byContent.set(md5, `images/${base}`);
  }
  return { images, pictures };
}
