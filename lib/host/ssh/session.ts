// One session of an ssh connection: a command, its exit code, and its streams or the terminal lent to it.
import { constants } from 'node:os';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ClientChannel, ExecOptions } from 'ssh2';
import { taskCommand } from '../../target/command.ts';
import { Failure, messageOf } from '../../errors.ts';
import { skipTo } from '../channel.ts';
import type { Terminal, Channel } from '../host.ts';

export type Session = { channel: ClientChannel; ended: Promise<{ code: number }> };

/** Milliseconds between attempts when sshd has no session to give. */
const pauses = [50, 100, 200, 400, 800, 1600];

/**
 * `lost` rejects when the connection ends. sshd counts a session for a moment after it told its end, so one too many is
 * asked for again.
 */
export async function startSession(...given: Parameters<typeof start>): Promise<Session> {
  for (const pause of pauses)
    try {
      return await start(...given);
    } catch (error) {
      if (!(error instanceof Failure && isOneTooMany(error.cause))) throw error;
      await sleep(pause);
    }
  return start(...given);
}

/** sshd's answer to a session beyond its MaxSessions. */
const isOneTooMany = (error: unknown) =>
  error instanceof Error && /Channel open failure: open failed/.test(error.message);

function start(client: Client, text: string, how: ExecOptions, lost: Promise<never>, at: string): Promise<Session> {
  const started = new Promise<Session>((resolve, reject) => {
    const refuse = (error: unknown) =>
      reject(
        new Failure(4, `${at} opened no session: ${messageOf(error)}`, {
          cause: error,
          ...(isOneTooMany(error) && {
            advice: 'MaxSessions in its sshd_config allows too few at once: 10, the default, is enough',
          }),
        }),
      );
    const begin = (error: Error | undefined, channel: ClientChannel) => {
      if (error) return refuse(error);
      // Here and not later: a short command's exit can be in the same packet as the answer to its start.
      const ended = Promise.race([exitOf(channel, at), lost]);
      ended.catch(() => {});
      resolve({ channel, ended });
    };
    try {
      client.exec(text, how, begin);
    } catch (error) {
      refuse(error);
    }
  });
  return Promise.race([started, lost]);
}

/** The exit code as a shell counts it; never null. */
function exitOf(channel: ClientChannel, at: string): Promise<{ code: number }> {
  return new Promise((resolve, reject) => {
    channel.once('exit', (code: number | null, signal?: string) => {
      const numbers: Record<string, number> = constants.signals;
      resolve({ code: code ?? 128 + (numbers[signal ?? ''] ?? 0) });
    });
    channel.once('close', () => reject(connectionLost(at)));
  });
}

export function connectionLost(at: string): Failure {
  return new Failure(4, `connection lost: ${at} stopped answering or closed it`, {
    advice: `what was running there settles itself; when the network is back, look: ${taskCommand('status')}`,
  });
}

/** `mark` is the line before which everything, on both streams, is the login shell's own. */
export function asChannel({ channel, ended }: Session, at: string, mark: string | undefined): Channel {
  // ssh2 never answers a write to a channel that has ended, and a pipeline would wait for ever.
  const input = new Writable({
    write: (chunk: Buffer, _encoding, done) => void channel.write(chunk, () => done()),
    final: done => void channel.end(() => done()),
  });
  const output = mark ? channel.pipe(skipTo(mark)) : channel;
  const errors = mark ? channel.stderr.pipe(skipTo(mark)) : channel.stderr;
  for (const stream of [input, output, errors, channel, channel.stderr]) stream.on('error', () => {});
  let drop = () => {};
  const dropped = new Promise<never>((_resolve, reject) => {
    drop = () => {
      reject(new Failure(4, `the channel to ${at} was dropped`));
      channel.close();
      // ssh2 tells that the far side has ended only when everything was read.
      channel.unpipe().resume();
      channel.stderr.unpipe().resume();
    };
  });
  const settled = Promise.race([ended, dropped]);
  const settle = () => void input.destroy();
  settled.then(settle, settle);
  return { input, output, errors, ended: settled, drop };
}

/** Raw until the command ends; the terminal is given back as it was whatever happens. */
export async function lendTerminal({ channel, ended }: Session, { input, output }: Terminal): Promise<number> {
  const resize = () => channel.setWindow(output.rows ?? 24, output.columns ?? 80, 0, 0);
  const type = (keys: Buffer) => void channel.write(keys);
  const wasRaw = input.isRaw ?? false;
  const drained = new Promise<void>(resolve => {
    channel.once('end', resolve);
    channel.once('close', resolve);
  });
  try {
    input.setRawMode?.(true);
    input.on('data', type);
    output.on('resize', resize);
    channel.on('data', (shown: Buffer) => void output.write(shown));
    channel.stderr.on('data', (shown: Buffer) => void output.write(shown));
    input.resume();
    const { code } = await ended;
    await drained;
    return code;
  } finally {
    input.off('data', type);
    output.off('resize', resize);
    input.setRawMode?.(wasRaw);
    input.pause();
  }
}
