// Pages and images of a book on their way here: texts in one answer, images in pieces that go straight to the disk.
import { createHash } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../errors.ts';
import { exportAnswer, type BookExport, type HandedOut } from './answers.ts';
import type { BookName } from '../content.ts';
import type { Application } from './application.ts';
import { runProgram } from './program.ts';

/** A file of the book, and where it lies here; `at` undefined: not sent, because the asker has it. */
export type Received = HandedOut & { at: string | undefined };

type Wanted = { book: string; only?: readonly number[]; have?: readonly string[] };

/**
 * @param into an empty folder of the caller's
 * @param wanted `only`: these leaves; `have`: checksums of images that need not be sent
 * @throws Failure 1 when an image arrived damaged
 */
export async function receiveBook(
  application: Application,
  { book, only, have = [] }: Wanted,
  into: string,
): Promise<{ found: BookExport; files: Received[] } | { found: undefined; books: BookName[] }> {
  const place = (file: number) => join(into, `file-${file}`);
  const begun = new Set<number>();
  const request = { do: 'export', book, only, have };
  const answer = await runProgram(application, request, exportAnswer, {
    async piece(file, bytes) {
      await (begun.has(file) ? appendFile(place(file), bytes) : writeFile(place(file), bytes));
      begun.add(file);
    },
  });
  if (answer.book === null) return { found: undefined, books: answer.books };
  const files: Received[] = [];
  for (const one of answer.files) {
    const at = begun.has(one.file) ? place(one.file) : undefined;
    if (
      at &&
      createHash('md5')
        .update(await readFile(at))
        .digest('base64') !== one.md5
    )
      throw new Failure(1, `${one.name} did not arrive as it is stored`, { advice: 'run the task again' });
    files.push({ ...one, at });
  }
  return { found: answer, files };
}
