// A bundle for the application: an archive of tar with the program, images, pages and, as its last file, the request. No more than one page is in memory.
import { createReadStream, readFileSync } from 'node:fs';
import { Failure } from '../../errors.ts';
import type { Image } from '../folder/image.ts';

/** The programs in Ruby beside this file. */
export type ProgramName = 'book.rb' | 'first-run.rb';

/** The name that an image has in the bundle: nothing that a person called it gets into a path there. */
export function fileInBundle(index: number): string {
  return `image-${index}`;
}

/** The same for a page. */
export function pageInBundle(index: number): string {
  return `page-${index}.json`;
}

/** @param pages each is made when its turn comes */
export async function* bundle(
  program: ProgramName,
  request: object,
  images: readonly Image[],
  pages: Iterable<object> = [],
): AsyncGenerator<Buffer> {
  yield* packed('program.rb', readFileSync(new URL(program, import.meta.url)));
  for (const [index, image] of images.entries()) {
    yield head(fileInBundle(index), image.bytes);
    let bytes = 0;
    for await (const piece of createReadStream(image.file)) {
      const read = Buffer.from(piece);
      bytes += read.length;
      if (bytes <= image.bytes) yield read;
    }
    if (bytes !== image.bytes)
      throw new Failure(1, `${image.path} was changed while it was sent`, { advice: 'run the import again' });
    yield padding(bytes);
  }
  let index = 0;
  for (const page of pages) yield* packed(pageInBundle(index++), Buffer.from(JSON.stringify(page)));
  // A bundle that was cut short has no request, and then nothing happens.
  yield* packed('request.json', Buffer.from(JSON.stringify(request)));
  yield Buffer.alloc(1024);
}

function* packed(name: string, content: Buffer): Generator<Buffer> {
  yield head(name, content.length);
  yield content;
  yield padding(content.length);
}

function padding(bytes: number): Buffer {
  return Buffer.alloc((512 - (bytes % 512)) % 512);
}

/** A header of the ustar format; the names are ours, short and plain. */
function head(name: string, bytes: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`;
  block.write(name, 0);
  block.write(octal(0o600, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(bytes, 12), 124);
  block.write(octal(0, 12), 136);
  block.write('        0', 148);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)} `, 148);
  return block;
}
