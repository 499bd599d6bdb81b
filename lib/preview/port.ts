// Opens the port of the preview: the one that was asked for, or the first free one from the usual.
import type { Server } from 'node:http';
import { Failure, messageOf } from '../errors.ts';

export const usualPort = 4400;
const tries = 20;

/** The port that it listens on. `port` undefined: any from the usual one up. @throws Failure 1 when there is none */
export async function openPort(server: Server, host: string, port: number | undefined): Promise<number> {
  const last = port ?? usualPort + tries - 1;
  for (let candidate = port ?? usualPort; ; candidate++) {
    const error = await tryToListen(server, host, candidate);
    const address = server.address();
    if (!error && address && typeof address === 'object') return address.port;
    const isTaken = error && 'code' in error && error.code === 'EADDRINUSE';
    if (isTaken && candidate < last) continue;
    throw new Failure(1, `port ${candidate} of ${host} cannot be opened: ${messageOf(error)}`, {
      advice: isTaken ? 'another one: --port 0 takes any that is free' : '--host and --port say where',
    });
  }
}

function tryToListen(server: Server, host: string, port: number): Promise<Error | undefined> {
  return new Promise(done => {
    const failed = (error: Error) => done(error);
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.removeListener('error', failed);
      done(undefined);
    });
  });
}
