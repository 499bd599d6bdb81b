// The copy of the import record that lies in the folder, so that git has it: `.bookops/<app>-<environment>-book-<id>.json`.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import type { TargetName } from '../target/command.ts';
import { parsed, recordSchema } from './program/answers.ts';
import type { Entry, ImportRecord } from './content.ts';
import { readIfThere, replaceFile } from '../text-file.ts';

function recordPath(folder: string, { app, environment }: TargetName, book: number): string {
  return join(folder, '.bookops', `${app}-${environment}-book-${book}.json`);
}

/** An empty one when there is none. @throws Failure 3 when it cannot be read */
export async function readRecord(folder: string, target: TargetName, book: number): Promise<ImportRecord> {
  const file = recordPath(folder, target, book);
  const text = await readIfThere(file);
  if (text === undefined) return { serial: -1, files: {} };
  try {
    return parsed(recordSchema, text);
  } catch (error) {
    throw new Failure(3, `${file} is not a record of imports`, {
      detail: error instanceof Failure ? error.detail : undefined,
      advice: 'take it from git again, or remove it: the application has its own',
    });
  }
}

/** Written only when it says something else by now, so that git sees no change where there is none. */
export async function writeRecord(
  folder: string,
  target: TargetName,
  book: number,
  { serial, files }: ImportRecord,
): Promise<void> {
  const file = recordPath(folder, target, book);
  const sorted = Object.entries(files).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const lines = sorted.map(([path, entry]) => `    ${JSON.stringify(path)}: ${JSON.stringify(inOneOrder(entry))}`);
  const text = `{\n  "serial": ${serial},\n  "files": {\n${lines.join(',\n')}\n  }\n}\n`;
  if ((await readFile(file, 'utf8').catch(() => '')) === text) return;
  await replaceFile(file, text);
}

function inOneOrder({ leaf, made, kind, title, body, theme, caption, image }: Entry): Entry {
  return { leaf, made, kind, title, body, theme, caption, image };
}
