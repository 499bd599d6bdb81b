// A process that commits to a SQLite database all the time, and what it says of itself.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Of the time since the lap before; `longest` are the three slowest commits in milliseconds. */
export type Lap = { commits: number; seconds: number; longest: number[] };
export type Writer = {
  /** The highest number that is committed for sure. */
  committed(): number;
  lap(): Promise<Lap>;
  stop(): Promise<void>;
};

/** `synchronous`: FULL waits for the disk at each commit, NORMAL only now and then. */
export async function startWriter(
  database: string,
  perSecond: number,
  synchronous: 'FULL' | 'NORMAL' = 'FULL',
): Promise<Writer> {
  const told = `${database}.committed`;
  const words = [join(import.meta.dirname, 'writer.py'), database, String(perSecond), synchronous, told];
  // Debian's own python has SQLite; another one may come first in the PATH.
  const child = spawn('/usr/bin/python3', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.on('error', () => {});
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const committed = () => {
    if (!existsSync(told)) return 0;
    const file = openSync(told, 'r');
    const bytes = Buffer.alloc(8);
    readSync(file, bytes, 0, 8, 0);
    closeSync(file);
    return Number(bytes.readBigInt64LE());
  };
  const writer: Writer = {
    committed,
    async lap() {
      child.stdin.write('lap\n');
      const { value } = await answers.next();
      if (typeof value !== 'string') throw new Error('the writer has ended');
      const found: Lap = JSON.parse(value);
      return found;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
  while (committed() === 0) {
    if (child.exitCode !== null) throw new Error('the writer did not start');
    await new Promise(done => setTimeout(done, 20));
  }
  await writer.lap();
  return writer;
}
