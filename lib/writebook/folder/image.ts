// An image of the folder: which format its first bytes have, and its checksum as the application keeps it.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

export type Image = { path: string; file: string; name: string; md5: string; bytes: number };

/** Reads it in pieces. @throws what reading throws; a text that says why the application must not get it */
export async function readImage(path: string, file: string): Promise<Image | string> {
  const handle = await open(file);
  try {
    const hash = createHash('md5');
    let bytes = 0;
    let format: string | undefined;
    for await (const piece of handle.createReadStream({ autoClose: false })) {
      const read = Buffer.from(piece);
      if (bytes === 0) format = formatOf(read);
      bytes += read.length;
      hash.update(read);
    }
    if (bytes === 0) return 'is empty';
    if (!['PNG', 'JPEG', 'GIF', 'WebP'].includes(format ?? ''))
      return `is ${format ? `a ${format} file` : 'no image'}, and Writebook shows PNG, JPEG, WebP and GIF only`;
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (!/.\.[a-z\d]+$/i.test(name)) return 'has no extension in its name, and Writebook needs one';
    return { path, file, name, md5: hash.digest('base64'), bytes };
  } finally {
    await handle.close();
  }
}

/** By content: a name can say anything, and a file that the application cannot show as a picture makes the whole book fail. */
export function formatOf(start: Buffer): string | undefined {
  const text = start.subarray(0, 512).toString('latin1');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'PNG';
  if (text.startsWith('\xff\xd8\xff')) return 'JPEG';
  if (/^GIF8[79]a/.test(text)) return 'GIF';
  if (/^RIFF[^]{4}WEBP/.test(text)) return 'WebP';
  if (text.startsWith('%PDF-')) return 'PDF';
  if (/<svg[\s>]/i.test(text) || /^(?:\xef\xbb\xbf)?\s*<\?xml/.test(text)) return 'SVG';
  if (/<(?:!doctype )?html/i.test(text)) return 'HTML';
  return undefined;
}
