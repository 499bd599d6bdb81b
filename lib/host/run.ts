// Byte streams between a host and a store: measured, and an error when their producer failed.
import { createHash } from 'node:crypto';
import { PassThrough, Transform, Writable, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../errors.ts';
import type { HostSettings } from '../target/host-settings.ts';
import type { Host } from './host.ts';
import type { Command } from './sh.ts';
import { pour, stream, withFunctions } from './stream.ts';
import { secretLine, type Secret } from '../secret.ts';

const mostText = 16_000_000;

export type Remote = { host: Host; signal: AbortSignal; appUser: string | undefined };

/** The way to a host, as the deploy user. @throws Failure 4 when there is none */
export async function remoteOn(
  settings: HostSettings,
  { connect, signal }: { connect: (settings: HostSettings) => Promise<Host>; signal: AbortSignal },
): Promise<Remote> {
  return { host: await connect(settings), signal, appUser: undefined };
}

export type Measure = { stream: Transform; bytes(): number; sha256(): string };

/** Passes everything on and tells, at the end, how much it was and its checksum. */
export function measure(progress: (bytes: number) => void = () => {}): Measure {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(piece: Buffer, _encoding, done) {
      hash.update(piece);
      bytes += piece.length;
      progress(bytes);
      done(null, piece);
    },
  });
  return { stream: meter, bytes: () => bytes, sha256: () => hash.digest('hex') };
}

/** Reads a stream to its end and keeps nothing else of it. */
export async function readThrough(
  body: Readable,
  signal?: AbortSignal,
  progress?: (bytes: number) => void,
): Promise<{ bytes: number; sha256: string }> {
  const meter = measure(progress);
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  await pipeline(body, meter.stream, nowhere, { signal });
  return { bytes: meter.bytes(), sha256: meter.sha256() };
}

/** No path, no key of a bucket and no name in a list of tar's is as long. */
const longest = 1_000_000;

/** Splits a stream at each byte `end`, some records at a time. @throws Failure 1 when one has no end, with the stream's `name` */
export async function* recordsOf(body: AsyncIterable<Buffer>, end: number, name: string): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of body) {
    const text = Buffer.concat([rest, piece]);
    const found: Buffer[] = [];
    let from = 0;
    for (let at = text.indexOf(end); at >= 0; at = text.indexOf(end, from)) {
      found.push(text.subarray(from, at));
      from = at + 1;
    }
    rest = text.subarray(from);
    if (rest.length > longest) throw new Failure(1, `${name} has a line without an end`);
    yield found;
  }
  if (rest.length) throw new Failure(1, `${name} is not what was promised: it ends within a line`);
}

/**
 * The output of a command on the host. The stream ends without an error only when the command succeeds; otherwise it fails with its
 * last output, so that nobody can take a part for the whole. `hear` gets what it wrote to standard error.
 */
export function readStream(
  way: Remote,
  command: Command,
  what: string,
  hear: (errors: string) => void = () => {},
): Readable {
  const output = new PassThrough();
  const errors = gatherer();
  const given = new AbortController();
  // a reader that went away must not leave the command waiting for ever
  output.once('close', () => given.abort(new Failure(1, `${what}: nobody reads it any more`)));
  const signal = AbortSignal.any([way.signal, given.signal]);
  stream(way.host, command, { input: undefined, output, errors, signal, appUser: way.appUser }).then(
    code => {
      const said = errors.text();
      if (code !== 0) return void output.destroy(failed(what, way.host, code, said));
      hear(said);
      output.end();
    },
    (error: unknown) => void output.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return output;
}

/** Runs a command on the host to its end. @returns what it printed. @throws Failure 1 with its last output when it fails. */
export async function run(way: Remote, command: Command, what: string): Promise<string> {
  const [output, errors] = [gatherer(), gatherer()];
  const { host, signal, appUser } = way;
  const code = await stream(host, command, { input: undefined, output, errors, signal, appUser });
  if (code !== 0) throw failed(what, host, code, errors.text());
  return output.text();
}

/**
 * Lets `body` flow into a command on the host, through `meter`; `first` is a secret that the command reads as one line
 * before it. @returns the command's output. @throws Failure 1 when it fails.
 */
export async function writeStream(
  { host, signal }: Remote,
  command: Command,
  body: Readable,
  meter: Transform,
  what: string,
  first?: Secret,
): Promise<{ output: string; errors: string }> {
  const channel = await host.open(withFunctions(command));
  const [output, errors] = [gatherer(), gatherer()];
  const poured = [pour(channel.output, output), pour(channel.errors, errors)];
  let broken: unknown;
  try {
    if (first) channel.input.write(secretLine(first));
    await pipeline(body, meter, channel.input, { signal });
  } catch (error) {
    broken = error;
    // a command that ended early says why; everything else has to end now
    const late = setTimeout(() => channel.drop(), body.errored || signal.aborted ? 0 : 2000);
    await channel.ended.catch(() => {});
    clearTimeout(late);
  }
  if (signal.aborted) throw signal.reason;
  if (body.errored) throw body.errored;
  const { code } = await channel.ended;
  await Promise.all(poured);
  if (code !== 0) throw failed(what, host, code, errors.text());
  if (broken !== undefined) throw broken;
  return { output: output.text(), errors: errors.text() };
}

function failed(what: string, host: Host, code: number, said: string): Failure {
  // age ends whatever it says with an address for complaints
  const lines = said.split('\n').filter(line => line.trim() && !line.startsWith('age: report unexpected'));
  return new Failure(1, `${what} failed on ${host.name}: ${lines.at(-1) ?? `exited with ${code}`}`, {
    detail: lines.slice(-12).join('\n'),
  });
}

/** Keeps what is written, up to `most` bytes. */
export function gatherer(most = mostText): Writable & { text(): string } {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const sink = new Writable({
    write(piece: Buffer, _encoding, done) {
      bytes += piece.length;
      if (bytes < most) pieces.push(piece);
      done();
    },
  });
  return Object.assign(sink, { text: () => Buffer.concat(pieces).toString() });
}
