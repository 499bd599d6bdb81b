// Text files on this machine: one that may be missing, and one that is replaced as a whole.
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure, messageOf } from './errors.ts';

/** undefined when there is none. @param what how a person would call it @throws Failure 3 when it cannot be read */
export async function readIfThere(file: string, what = file): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Failure(3, `${what} cannot be read: ${messageOf(error)}`);
  });
}

/** By a rename, so that nobody ever reads half of it. Makes its folder. @param mode missing: what the mask gives */
export async function replaceFile(file: string, text: string, mode?: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, text);
  if (mode !== undefined) await chmod(`${file}.new`, mode);
  await rename(`${file}.new`, file);
}
