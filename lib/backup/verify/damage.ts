// Whether a part that could not be opened on a host is damaged, or the host has a problem, which says nothing about the backup.
import { Failure } from '../../errors.ts';

/** What a full disk, a lack of memory or a missing program say; and a program that was ended. */
const troubles =
  /No space left|quota exceeded|Read-only file system|Input\/output error|Cannot allocate|out of memory|memory exhausted|database or disk is full|command not found|Resource temporarily|Too many open files|[Kk]illed|Terminated|exited with (129|130|137|143)/;

export function isTrouble(words: string): boolean {
  return troubles.test(words);
}

/** Of a host that is to blame. */
export const makeRoom = { advice: 'make room, or do it elsewhere: --here' };

/**
 * For what failed while the content of a part was read that is, to the byte, what was stored: with exit code 7, as that backup
 * cannot be relied on, and unchanged when the host is to blame, the line, or somebody who ended it.
 */
export function asDamage(error: unknown): unknown {
  if (!(error instanceof Failure) || error.exit !== 1) return error;
  const { message, detail, advice } = error;
  if (!isTrouble(`${message}\n${detail ?? ''}`)) return new Failure(7, message, { detail });
  return advice === undefined ? new Failure(1, message, { detail, ...makeRoom }) : error;
}

/** Does something with the content of a part. @throws Failure 7 for what it cannot open. */
export async function whileOpening<T>(work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw asDamage(error);
  });
}
