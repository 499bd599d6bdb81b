// How a query is sent through a channel: marked, bounded and timed, the same over ssh and on this machine.
import { randomBytes } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { Failure } from '../errors.ts';
import { refuseJoined } from './environment.ts';
import type { Answer, Channel } from './host.ts';
import type { Command } from './sh.ts';

const mostBytes = 16 * 1024 * 1024;

/** A line that cannot be in what a login shell prints of itself (a ~/.bashrc that greets). */
export function makeMark(): string {
  return `bookops-${randomBytes(9).toString('hex')}`;
}

/** Sends `question` to the bash at the far end of `channel` and gathers what it prints. */
export async function askThrough(
  channel: Channel,
  question: Command,
  where: string,
  { seconds = 60, signal }: { seconds?: number; signal?: AbortSignal | undefined },
): Promise<Answer> {
  const mark = makeMark();
  let stop: (failure: Failure) => void = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = failure => {
      reject(failure);
      channel.drop();
    };
  });
  stopped.catch(() => {});
  const interrupt = () => stop(interrupted(signal));
  const late = setTimeout(() => stop(new Failure(1, `${where} gave no answer within ${seconds} s`)), seconds * 1000);
  signal?.addEventListener('abort', interrupt);
  try {
    if (signal?.aborted) interrupt();
    let bytes = 0;
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostBytes) stop(new Failure(1, `${where} answered a question with more than 16 MB`));
    };
    // One compound command: bash reads it to its end before it runs any of it, so a text cut short by a lost
    // connection does nothing, and what it runs cannot eat the rest of the text from standard input.
    channel.input.end(
      `${refuseJoined.text}\nprintf '%s\\n' ${mark}; printf '%s\\n' ${mark} >&2\n{\n${question.text}\n} </dev/null\n`,
    );
    const [{ code }, output, errors] = await Promise.race([
      Promise.all([channel.ended, gather(channel.output, count), gather(channel.errors, count)]),
      stopped,
    ]);
    const stdout = after(mark, output);
    if (stdout === undefined)
      throw new Failure(4, `the login shell of ${where} did not start bash (exit ${code})`, {
        detail: `${output.toString()}${errors.toString()}`.trim().slice(-2000),
        advice: 'the user needs a login shell that runs commands, bash and timeout on the PATH, and no forced command',
      });
    return { code, stdout: stdout.toString(), stderr: (after(mark, errors) ?? errors).toString() };
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', interrupt);
  }
}

export function interrupted(signal: AbortSignal | undefined): Failure {
  const reason: unknown = signal?.reason;
  return reason instanceof Failure ? reason : new Failure(130, 'interrupted');
}

/** Passes on what follows the line `mark`; without that line, everything at the end. */
export function skipTo(mark: string): Transform {
  let held: Buffer[] | undefined = [];
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!held) return done(null, chunk);
      const all = Buffer.concat([...held, chunk]);
      const rest = after(mark, all);
      // no login shell greets with more
      const given = rest ?? (all.length > 1_000_000 ? all : undefined);
      held = given ? undefined : [all];
      if (given && given.length > 0) done(null, given);
      else done();
    },
    flush(done) {
      if (held) this.push(Buffer.concat(held));
      done();
    },
  });
}

function after(mark: string, text: Buffer): Buffer | undefined {
  const at = text.indexOf(`${mark}\n`);
  return at < 0 ? undefined : text.subarray(at + mark.length + 1);
}

/** Bytes first, text at the end: a character may be split over two chunks. */
function gather(stream: Readable, count: (chunk: Buffer) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      count(chunk);
    });
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('close', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
  });
}
