// Looks for the values of build secrets in an image as docker saves it: in every layer, in its configuration and its history.
import { createGunzip, type Gunzip } from 'node:zlib';
import { Failure } from '../errors.ts';
import type { Docker, Sink } from './programs.ts';

/** @throws Failure 1 naming the secrets that are in it, never their values */
export async function refuseLeaks(
  docker: Docker,
  { image, name, values }: { image: string; name: string; values: ReadonlyMap<string, Buffer> },
): Promise<void> {
  if (!values.size) return;
  const search = secretSearch(values);
  const answer = await docker(['save', image], { sink: search.sink });
  if (answer.code !== 0) throw new Failure(1, `docker cannot save ${name} to be searched for secrets`, { detail: answer.lines.slice(-3).join('\n') }); // prettier-ignore
  const found = search.found();
  if (found.length)
    throw new Failure(1, `${name} has the value of ${found.join(' and of ')} in it, so nothing was pushed`, {
      detail: 'everybody who pulls the image could read it, also when a later layer removes the file',
      advice:
        'read it in the RUN line that needs it (--mount=type=secret,id=…), write it into no file, and make it no ARG or ENV; then take another value for it',
    });
}

/** Takes a tar, whose files may be gzipped. */
export function secretSearch(values: ReadonlyMap<string, Buffer>): { sink: Sink; found(): string[] } {
  const found = new Set<string>();
  const read = tarReader(() => contentReader(values, id => found.add(id)));
  const sink = async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) await read(piece);
  };
  return { sink, found: () => [...found].toSorted() };
}

type Content = { take(piece: Buffer): Promise<void>; end(): Promise<void> };

const block = 512;

/** Cuts a tar into the contents of its files. */
function tarReader(open: () => Content): (piece: Buffer) => Promise<void> {
  let header = Buffer.alloc(0);
  let content: Content | undefined;
  let left = 0;
  let padding = 0;
  return async piece => {
    for (let rest = piece; rest.length;) {
      if (content) {
        const part = rest.subarray(0, left);
        left -= part.length;
        rest = rest.subarray(part.length);
        await content.take(part);
        if (left) continue;
        await content.end();
        content = undefined;
      } else if (padding) {
        const gone = Math.min(padding, rest.length);
        padding -= gone;
        rest = rest.subarray(gone);
      } else {
        const part = rest.subarray(0, block - header.length);
        header = Buffer.concat([header, part]);
        rest = rest.subarray(part.length);
        if (header.length < block) continue;
        left = sizeIn(header);
        padding = (block - (left % block)) % block;
        header = Buffer.alloc(0);
        if (left) content = open();
      }
    }
  };
}

/** Octal, or binary for files from 8 GB on. */
function sizeIn(header: Buffer): number {
  const field = header.subarray(124, 136);
  if ((field[0] ?? 0) & 0x80) return Number(field.readBigUInt64BE(4));
  return Number.parseInt(field.toString('latin1').replaceAll('\0', ' ').trim() || '0', 8);
}

/** Searches a file, and what it unpacks to where it is gzipped. */
function contentReader(values: ReadonlyMap<string, Buffer>, hit: (id: string) => void): Content {
  const overlap = Math.max(...[...values.values()].map(value => value.length)) - 1;
  const searcher = () => {
    let tail = Buffer.alloc(0);
    return (piece: Buffer) => {
      const text = Buffer.concat([tail, piece]);
      for (const [id, value] of values) if (text.includes(value)) hit(id);
      tail = Buffer.from(text.subarray(Math.max(0, text.length - overlap)));
    };
  };
  const plain = searcher();
  let isFirst = true;
  let unpacked: Gunzip | undefined;
  let over: Promise<void> | undefined;
  return {
    async take(piece) {
      plain(piece);
      if (isFirst && piece[0] === 0x1f && piece[1] === 0x8b) {
        const gunzip = createGunzip();
        unpacked = gunzip;
        gunzip.on('data', searcher());
        // what is no gzip after all was searched as it is
        over = new Promise(resolve => gunzip.once('end', resolve).once('error', () => resolve()));
      }
      isFirst = false;
      const stream = unpacked;
      if (stream && !stream.destroyed && !stream.write(piece))
        await Promise.race([over, new Promise(resolve => stream.once('drain', resolve))]);
    },
    async end() {
      unpacked?.end();
      await over;
    },
  };
}
