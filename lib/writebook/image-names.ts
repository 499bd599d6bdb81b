// Names the images of an export, so that a book made from them is exported under the same names.
import type { Upload } from './content.ts';

/** Letters of any language; nothing that a file system writes in another way, or that begins as a hidden file does. */
const plain = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N} _.,()-]{0,99}\.(?:png|jpe?g|gif|webp)$/iu;

/**
 * By slug, the name of the file: the one that was uploaded. A slug ends with six random characters, so it is the name
 * only of what shares its own with another image of the book, or has none that suits a folder.
 *
 * @param pictures the names that are taken, with the checksums of what has them
 */
export function fileNames(uploads: readonly Upload[], pictures: ReadonlyMap<string, string>): Map<string, string> {
  const users = new Map<string, Set<string>>();
  for (const { slug, name } of uploads)
    for (const one of [slug, name]) {
      const key = one.toLowerCase();
      users.set(key, (users.get(key) ?? new Set()).add(slug));
    }
  return new Map(
    uploads.map(({ slug, name, md5 }) => {
      const isOwn = users.get(name.toLowerCase())?.size === 1 && (pictures.get(name.toLowerCase()) ?? md5) === md5;
      const suits = plain.test(name) && !name.includes('..') && name === name.normalize('NFC');
      return [slug, isOwn && suits ? name : slug.replaceAll(/[^\w.-]+/g, '-').replace(/^[.-]+/, '')];
    }),
  );
}
