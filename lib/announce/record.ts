// What was announced where: a file of lines beside the folder's import record, each written to the disk before and after a message is sent.
import { constants } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { Failure, messageOf } from '../errors.ts';
import type { TargetName } from '../target/command.ts';
import { readIfThere } from '../text-file.ts';

const text = v.string();
/** 'known': it was there before the first run. 'due': it is to be announced to these. 'failed': certainly not sent. */
const lineSchema = v.variant('does', [
  v.object({ does: v.literal('known'), at: text, chapter: text, sum: text }),
  v.object({ does: v.literal('due'), at: text, chapter: text, sum: text, changed: v.boolean(), to: v.array(text) }),
  v.object({ does: v.literal('sending'), at: text, chapter: text, sum: text, to: text, run: text }),
  v.object({ does: v.literal('failed'), at: text, chapter: text, sum: text, to: text, run: text }),
  v.object({
    does: v.literal('sent'),
    at: text,
    chapter: text,
    sum: text,
    to: text,
    id: text,
    url: v.optional(text),
    /** It was found there, and not sent again. */
    found: v.optional(v.boolean()),
  }),
]);
export type RecordLine = v.InferOutput<typeof lineSchema>;

export type AnnounceRecord = { file: string; isFirst: boolean; lines: RecordLine[] };

export async function readAnnounceRecord(folder: string, target: TargetName, book: number): Promise<AnnounceRecord> {
  const file = join(folder, '.bookops', `${target.app}-${target.environment}-book-${book}.announced`);
  const told = await readIfThere(file);
  const lines = (told ?? '').split('\n');
  // a last line without its end is of a run that was killed while it wrote: nothing was sent after it
  lines.pop();
  return { file, isFirst: told === undefined, lines: lines.map((line, at) => parsedLine(line, `${file}:${at + 1}`)) };
}

function parsedLine(line: string, place: string): RecordLine {
  try {
    return v.parse(lineSchema, JSON.parse(line));
  } catch (error) {
    throw new Failure(3, `${place} is no line of a record of announcements: ${messageOf(error)}`, {
      advice: 'take the file from git again; without it, all that was announced would count as new',
    });
  }
}

/** Each line is on the disk when this ends. Its owner alone may read it. */
export async function addLines(file: string, lines: readonly RecordLine[]): Promise<void> {
  if (!lines.length) return;
  await mkdir(dirname(file), { recursive: true });
  const { O_APPEND, O_CREAT, O_RDWR } = constants;
  const opened = await open(file, O_APPEND | O_CREAT | O_RDWR, 0o600);
  try {
    const { size } = await opened.stat();
    const last = Buffer.alloc(1);
    if (size) await opened.read(last, 0, 1, size - 1);
    // what a killed run left of a line must not spoil the next
    if (size && last[0] !== 10) await opened.truncate(await wholeLines(file));
    await opened.appendFile(lines.map(line => `${JSON.stringify(line)}\n`).join(''));
    await opened.sync();
  } finally {
    await opened.close();
  }
}

async function wholeLines(file: string): Promise<number> {
  return (await readFile(file)).lastIndexOf(10) + 1;
}
