// Writes one object to a host: under a temporary name first, read again there, and renamed only if it is what was sent.
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { Writable, type Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { measure, run, type Remote } from '../../host/run.ts';
import { sha256Of } from '../../host/checksum.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { withFunctions } from '../../host/stream.ts';
import { unfinished } from '../store.ts';

type SentObject = { bytes: number; sha256: string };

/** Seconds that the far end gets to end by itself when nothing more comes. */
const patience = 10;
/** The exit code of “there is one of that name”, as EEXIST has it. */
const taken = 17;

/** @throws the body's own error; Failure 1 with the far end's last output, or when the name is taken; 4 when the connection is lost. */
export async function putFile(way: Remote, file: string, body: Readable): Promise<{ bytes: number }> {
  const folder = posix.dirname(file);
  const making = `${folder}/${unfinished}${randomBytes(6).toString('hex')}`;
  const receiving = lines(
    script('umask 077'),
    sh`[ ! -e ${file} ] || exit ${taken}`,
    sh`mkdir -p ${folder} || exit 1`,
    sh`cat >${making}`,
  );
  try {
    const sent = await pour(way, receiving, body);
    const said = await run(way, publish(making, file, sent), `storing ${file}`);
    if (said.startsWith('taken')) throw isTaken();
    if (said.trim() !== 'kept')
      throw new Failure(1, `what was written there is not what was sent: ${said.trim()}, and it was ${words(sent)}`);
    return { bytes: sent.bytes };
  } catch (error) {
    // over a connection that was lost nothing can be removed: the next sweep does it
    if (!(error instanceof Failure) || error.exit !== 4)
      await run({ ...way, signal: AbortSignal.timeout(patience * 1000) }, sh`rm -f ${making}`, 'cleaning up').catch(
        () => {},
      );
    throw error;
  }
}

/** The end of the input says nothing about whether all has come, so that the name is given by another command. */
function publish(making: string, file: string, sent: SentObject): Command {
  const folder = posix.dirname(file);
  return lines(
    script('set -euo pipefail; umask 077'),
    sh`sync ${making}`,
    sh`bytes=$(stat -c %s ${making})`,
    sh`sum=$(${sha256Of(making)})`,
    sh`found="$bytes $sum"`,
    sh`if [ "$found" != ${words(sent)} ]; then printf 'differs %s\\n' "$found"; exit 0; fi`,
    sh`if ! ln -T ${making} ${file} 2>/dev/null; then
  if [ -e ${file} ]; then echo taken; exit 0; fi
  # a disk that knows no second name for a file
  mv -nT ${making} ${file} || [ -e ${file} ]
  if [ -e ${making} ]; then echo taken; exit 0; fi
fi`,
    sh`rm -f ${making}`,
    sh`sync ${folder} ${posix.dirname(folder)}`,
    script('echo kept'),
  );
}

async function pour({ host, signal }: Remote, receiving: Command, body: Readable): Promise<SentObject> {
  const channel = await host.open(withFunctions(receiving));
  let said = '';
  channel.output.resume();
  channel.errors.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4000)));
  const told = finished(channel.errors, { writable: false }).catch(() => {});
  const meter = measure();
  let whole = false;
  // the far end took no more
  let refused = false;
  const sink = new Writable({
    write: (piece: Buffer, _encoding, done) =>
      void channel.input.write(piece, error => {
        if (error) refused = true;
        done(error);
      }),
    final(done) {
      whole = true;
      channel.input.end();
      done();
    },
    // also when the body fails: the far end ends by itself, and what it wrote can be removed
    destroy(error, done) {
      channel.input.end();
      done(error);
    },
  });
  const over = () => {
    if (!whole) refused = true;
    sink.destroy();
  };
  channel.ended.then(over, over);
  const giveUp = () => void setTimeout(() => channel.drop(), patience * 1000).unref();
  signal.addEventListener('abort', giveUp);
  try {
    const broken: unknown = await pipeline(body, meter.stream, sink, { signal }).catch((error: unknown) => error);
    const ofTheBody = broken !== undefined && !refused;
    if (broken !== undefined) giveUp();
    const end = await channel.ended.catch((error: unknown) => ({ error }));
    if (signal.aborted) throw signal.reason;
    if (ofTheBody) throw broken;
    if ('error' in end) throw end.error;
    if (end.code === taken) throw isTaken();
    if (end.code === 0 && whole) return { bytes: meter.bytes(), sha256: meter.sha256() };
    await told; // the end of a command may be known before its last output
    throw new Failure(1, said.trim().split('\n').at(-1) || `exited with ${end.code}`);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function words({ bytes, sha256 }: SentObject): string {
  return `${bytes} ${sha256}`;
}

function isTaken(): Failure {
  return new Failure(1, 'it already exists, and nothing is ever overwritten');
}
