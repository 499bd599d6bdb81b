// Starts docker and tar on this machine, each in a process group of its own, ended together with this program's run.
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../errors.ts';
import { dockerEnvironment, programEnvironment } from '../host/environment.ts';
import type { Say } from '../report/items.ts';

type Around = { environment: NodeJS.ProcessEnv; signal: AbortSignal };

export type DockerAnswer = {
  code: number;
  stdout: string;
  /** The last lines of both streams, masked. */
  lines: string[];
};

/** Takes a stream to its end. */
export type Sink = (pieces: AsyncIterable<Buffer>) => Promise<void>;

export type DockerMore = {
  say?: Say;
  /** More variables, which are secrets. */
  variables?: Record<string, string>;
  masked?: (text: string) => string;
  /** Gets standard output as it comes; it is not kept then. */
  sink?: Sink;
  /** It is run to its end also when the task was interrupted: it takes something away. */
  always?: boolean;
};

/** Runs docker; does not throw for a code other than 0. @throws Failure 1 without docker, or the reason of an interruption */
export type Docker = (words: string[], more?: DockerMore) => Promise<DockerAnswer>;

const mostLines = 200;
const mostText = 4_000_000;

export function dockerHere({ environment, signal }: Around): Docker {
  const env = dockerEnvironment(environment);
  return (words, more = {}) => {
    const { say, masked = text => text, variables, sink, always } = more;
    if (!always) signal.throwIfAborted();
    return new Promise<DockerAnswer>((resolve, reject) => {
      const child = spawn('docker', words, { env: { ...env, ...variables }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }); // prettier-ignore
      const answer: DockerAnswer = { code: 0, stdout: '', lines: [] };
      const hear = lineReader(line => {
        const text = masked(line);
        answer.lines.push(text);
        if (answer.lines.length > mostLines) answer.lines.shift();
        say?.(text);
      });
      const [out, err] = [hear(), hear()];
      const sunk = sink && pipeline(child.stdout, sink);
      sunk?.catch(() => child.kill());
      if (!sink)
        child.stdout.on('data', (piece: Buffer) => {
          if (answer.stdout.length < mostText) answer.stdout += piece.toString();
          out.take(piece);
        });
      child.stderr.on('data', (piece: Buffer) => err.take(piece));
      // the client leaves its plugin running when only it is ended
      const stop = () => void (child.pid && spawn('kill', ['-TERM', '--', `-${child.pid}`], { env, stdio: 'ignore' }).on('error', () => {})); // prettier-ignore
      if (!always) signal.addEventListener('abort', stop, { once: true });
      child.once('error', (error: NodeJS.ErrnoException) => {
        signal.removeEventListener('abort', stop);
        reject(error.code === 'ENOENT' ? noDocker() : new Failure(1, `docker does not start here: ${error.message}`));
      });
      child.once('close', code => {
        signal.removeEventListener('abort', stop);
        for (const one of [out, err]) one.end();
        if (signal.aborted && !always) return reject(signal.reason);
        Promise.resolve(sunk).then(() => resolve({ ...answer, code: code ?? 1 }), reject);
      });
    });
  };
}

/** Cuts a stream into lines; a letter of several bytes may come in two pieces. */
function lineReader(line: (text: string) => void) {
  return () => {
    const decoder = new TextDecoder();
    let rest = '';
    const feed = (text: string) => {
      const parts = (rest + text).split(/\r?\n|\r/);
      rest = parts.pop() ?? '';
      for (const part of parts) if (part.trim()) line(part);
    };
    return {
      take: (piece: Buffer) => feed(decoder.decode(piece, { stream: true })),
      end: () => feed('\n'),
    };
  };
}

function noDocker(): Failure {
  return new Failure(1, 'docker is not on this machine, and images are built here', {
    advice:
      'sudo apt-get install docker.io docker-buildx (Debian 13, Ubuntu), or Docker’s own packages, or Docker Desktop; or build in CI',
  });
}

/** Unpacks a gzipped tar, without owners and with the modes of our mask. @throws Failure 1 with what tar said */
export async function unpackHere(archive: Readable, folder: string, { environment, signal }: Around): Promise<void> {
  const words = ['-xz', '--no-same-owner', '--no-same-permissions', '-C', folder];
  const child = spawn('tar', words, { env: programEnvironment(environment), stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (piece: Buffer) => (said = (said + piece.toString()).slice(-2000)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', error => reject(new Failure(1, `tar does not start here: ${error.message}`)));
    child.once('close', code =>
      code === 0 ? resolve() : reject(new Failure(1, 'the commit cannot be unpacked', { detail: said.trim() })),
    );
  });
  // what the stream says is the cause, what tar says of it is not
  ended.catch(() => {});
  await pipeline(archive, child.stdin, { signal });
  await ended;
}
