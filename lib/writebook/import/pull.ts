// Brings what was edited in the browser into the folder's files, with the images that were added there.
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Failure } from '../../errors.ts';
import type { Leaf } from '../content.ts';
import type { BookChapter } from '../folder/chapter.ts';
import type { Folder } from '../folder/folder.ts';
import { leafAddress, uploadOf, type ImportPlan } from './plan.ts';
import { receiveBook } from '../program/receive.ts';
import type { Application } from '../program/program.ts';
import { editedFile, newFile } from '../to-folder.ts';

export type Pulled = { files: string[]; byHand: { path: string; says: string }[] };

/** The application is booted once more; nothing is written there. Each file is replaced in one move. */
export async function pullEdits(
  application: Application,
  plan: ImportPlan,
  { images: own }: Folder,
  folder: string,
  book: string,
): Promise<Pulled> {
  const pulled: Pulled = { files: [], byHand: [] };
  const edits: { chapter: BookChapter; leaf: Leaf }[] = [];
  for (const one of plan.decisions) {
    if (one.does !== 'edited') continue;
    const byHand = (says: string) => pulled.byHand.push({ path: one.path, says });
    if (!one.leaf.active) byHand('it is in the trash of the application: remove the file, or --take ours restores it');
    else if (one.changes.includes('image')) byHand('its picture was changed in the browser: save it from there');
    else edits.push(one);
  }
  if (!edits.length) return pulled;

  const scratch = await mkdtemp(join(tmpdir(), 'bookops-pull-'));
  try {
    const have = [...own.values()].map(image => image.md5);
    const wanted = { book, only: edits.map(({ leaf }) => leaf.id), have };
    const { found, files = [] } = { files: undefined, ...(await receiveBook(application, wanted, scratch)) };
    if (!found) throw new Failure(1, 'the book is gone meanwhile');
    const images = new Map<string, string>();
    for (const image of own.values()) {
      const upload = uploadOf(image, found.uploads);
      if (upload) images.set(upload.slug, image.path);
    }
    for (const { slug, at } of files) {
      if (slug === null || at === undefined || !/^[\w-][\w.-]*\.(?:png|jpe?g|gif|webp)$/i.test(slug)) continue;
      await mkdir(join(folder, 'images'), { recursive: true });
      await writeFile(join(folder, 'images', slug), await readFile(at));
      images.set(slug, `images/${slug}`);
    }
    const leaves = new Map(found.leaves.map(leaf => [leaf.id, leaf]));
    const paths = new Map(
      plan.decisions.flatMap(one =>
        'chapter' in one && one.does !== 'create'
          ? [[leafAddress(found.book, leaves.get(one.leaf.id) ?? one.leaf), one.path] as const]
          : [],
      ),
    );
    const places = { images, chapters: paths };
    for (const { chapter, leaf } of edits) {
      const now = leaves.get(leaf.id);
      if (!now?.active) continue;
      const path = chapter.path.endsWith('/') ? `${chapter.path}_section.md` : chapter.path;
      const file = join(folder, path);
      const text = chapter.path.endsWith('/')
        ? newFile(now, path, places, undefined)
        : editedFile(await readFile(file, 'utf8'), chapter, now, places);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
      pulled.files.push(path);
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return pulled;
}
