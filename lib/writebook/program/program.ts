// Runs the Ruby program once where the application runs: one bundle on its standard input, marked lines on its standard output.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { GenericSchema, InferOutput } from 'valibot';
import { Failure } from '../../errors.ts';
import { stream } from '../../host/stream.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import { targetName, taskCommand } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import type { Application } from './application.ts';
import { markedLines, parsed, shownPage, type ShownPage } from './answers.ts';
import { bundle, type ProgramName } from './bundle.ts';
import type { Image } from '../folder/image.ts';

const unpackAndRun = readFileSync(new URL('./run.sh', import.meta.url), 'utf8');

type Hearing = {
  /** One page was written; its file. */
  did?: (what: string, path: string) => void;
  /** A page as readers get it, of those that were asked for. */
  shown?: (page: ShownPage) => void;
  /** Some bytes of a file that is handed out. */
  piece?: (file: number, bytes: Buffer) => Promise<void>;
};

/**
 * Boots the application once (some 4 s for Writebook). @throws Failure 1 when it does not run, or refuses the request;
 * what it had written by then stays, and the record says so.
 */
export async function runProgram<T extends GenericSchema>(
  { target, host, release, signal }: Application,
  request: object,
  schema: T,
  {
    program = 'book.rb',
    images = [],
    pages = [],
    did,
    shown,
    piece,
  }: Hearing & { program?: ProgramName; images?: readonly Image[]; pages?: Iterable<object> } = {},
): Promise<InferOutput<T>> {
  const runtime = runtimeOf(target);
  const answers: string[] = [];
  const stops: string[] = [];
  const [log, complaints] = [ends(), ends()];
  const output = markedLines(async (kind, value) => {
    if (kind === 'answer') answers.push(value);
    else if (kind === 'stop') stops.push(value);
    else if (kind === 'did') tell(value, did);
    else if (kind === 'shown') shown?.(parsed(shownPage, value));
    else if (kind === 'piece') {
      const at = value.indexOf(' ');
      await piece?.(Number(value.slice(0, at)), Buffer.from(value.slice(at + 1), 'base64'));
    }
  }, log.add);
  const errors = markedLines(() => {}, complaints.add);
  // A file that cannot be read must end the program there: it would wait for the rest.
  const broken = new AbortController();
  const input = Readable.from(countedThenOpen(bundle(program, request, images, pages)));
  input.once('error', error => broken.abort(error));
  const code = await stream(host, runtime.exec(release, ['sh', '-c', unpackAndRun], false, undefined), {
    input,
    output: output.sink,
    errors: errors.sink,
    signal: AbortSignal.any([signal, broken.signal]),
    appUser: runtime.appUser,
  });
  for (const one of [output, errors]) await one.ended();
  const [answer] = answers;
  if (code === 0 && answer !== undefined) return parsed(schema, answer);
  throw failed(target, code, stops, complaints.lines.length ? complaints.lines : log.lines);
}

/**
 * Each piece behind a line with its size, then 0, and no end: that is how the program hears that nobody waits for it any more.
 * In a container it belongs to no process group of the connection, and `docker exec` leaves it running.
 */
async function* countedThenOpen(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) if (piece.length) yield Buffer.concat([Buffer.from(`${piece.length}\n`), piece]);
  yield Buffer.from('0\n');
  await new Promise(() => {});
}

function tell(value: string, did: Hearing['did']): void {
  const told: unknown = JSON.parse(value);
  if (typeof told !== 'object' || !told || !('do' in told) || !('path' in told)) return;
  did?.(String(told.do), String(told.path));
}

/** The first lines and the last: what went wrong stands above the trace of Ruby, which can be long. */
function ends(): { lines: string[]; add: (line: string) => void } {
  const lines: string[] = [];
  return { lines, add: line => void lines.splice(5, lines.length, ...lines.slice(5).slice(-9), line) };
}

function failed(target: Target, code: number, stops: string[], log: string[]): Failure {
  const name = targetName(target);
  const stop = stops.map(one => JSON.parse(one) as { message: string })[0];
  if (stop) return new Failure(1, `${name}: ${stop.message}`);
  const says = log.find(line => /Error|error|no program|not running|No such/.test(line)) ?? log.at(-1);
  return new Failure(1, `the program did not run in ${name}: ${says ?? `it exited with ${code}`}`, {
    detail: log.join('\n'),
    advice: `${taskCommand('status', target)} says whether the application runs; it has to be Writebook, with bin/rails`,
  });
}
