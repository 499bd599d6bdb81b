// The list of users for seeding: JSON in a file, whose fields only the app's own command knows; no value of it is printed.
import { open } from 'node:fs/promises';
import { Failure, messageOf } from '../errors.ts';
import { Secret } from '../secret.ts';
import { sourceOf } from '../yaml/problems.ts';

const largest = 1_000_000;

export type Users = { count: number; json: Secret };

/** @throws Failure 3 for a file that is none, 2 when nobody named it. */
export async function readUsers(file: string | undefined): Promise<Users> {
  if (file === undefined) throw new Failure(2, '--users is missing: which list?', { advice: 'add --users users.json' });
  return usersIn(file, await textOf(file));
}

async function textOf(file: string): Promise<string> {
  try {
    const handle = await open(file);
    try {
      if ((await handle.stat()).size > largest) throw new Error(`it is larger than ${largest / 1e6} MB`);
      return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Failure(3, `cannot read ${file}: ${messageOf(error)}`);
  }
}

/** @throws Failure 3 */
export function usersIn(file: string, text: string): Users {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    // the rest of what it says repeats the text
    const [, at] = /at position (\d+)/.exec(messageOf(error)) ?? [];
    throw refused(`${at === undefined ? file : sourceOf(file, text).place(Number(at))} is not JSON`);
  }
  if (!Array.isArray(list)) throw refused(`${file} must be a list of users: [{ … }, …]`);
  if (!list.length) throw refused(`${file} names no user`);
  return { count: list.length, json: new Secret(JSON.stringify(list)) };
}

function refused(message: string): Failure {
  return new Failure(3, message, { advice: 'seed.command in ops.yml gets the whole list; nothing was changed' });
}
