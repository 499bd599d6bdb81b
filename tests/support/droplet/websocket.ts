// A visitor's websocket by hand: says something each second, and tells whether it ended with a word or was cut off.
import { createHash, randomBytes } from 'node:crypto';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';

/** `closed`: by a close frame. `cut`: without one. `refused`: no websocket was opened, with what was answered. */
export type SocketEnd = { how: 'closed' | 'cut' | 'refused' | 'ours'; why: string };

export type Conversation = {
  /** A message went out; `back` resolves with the version that echoed it, or undefined when the socket ended first. */
  heard(said: { began: number; version: string | undefined }): void;
  opened(seconds: number): void;
};

/** Opens one websocket and talks until it ends. `stop` ends it from our side. */
export function talk(
  send: (options: { headers: OutgoingHttpHeaders }) => ClientRequest,
  conversation: Conversation,
): { stop(): void; ended: Promise<SocketEnd> } {
  const key = randomBytes(16).toString('base64');
  const began = performance.now();
  let socket: Duplex | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<SocketEnd>(resolve => {
    const request = send({
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key },
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ how: stopped ? 'ours' : 'refused', why: error.code ?? error.message }),
    );
    request.on('response', response => {
      response.resume();
      resolve({ how: 'refused', why: String(response.statusCode) });
    });
    request.on('upgrade', (response: IncomingMessage, opened: Duplex, head: Buffer) => {
      socket = opened;
      if (stopped) opened.destroy();
      if (response.headers['sec-websocket-accept'] !== acceptOf(key)) opened.destroy(new Error('a wrong accept key'));
      conversation.opened((performance.now() - began) / 1000);
      let saidAt: number | undefined;
      let word = '';
      const say = () => {
        // a busy machine may take its time
        if (saidAt !== undefined) {
          if (performance.now() - saidAt > 20_000) opened.destroy(new Error('no echo within 20 s'));
          return;
        }
        word = randomBytes(6).toString('hex');
        saidAt = performance.now();
        opened.write(masked(1, word));
      };
      timer = setInterval(say, 1000);
      say();
      let byWord = false;
      let why = 'the connection ended without a close frame';
      let rest = head;
      const read = (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= 2 && rest.length >= 2 + ((rest[1] ?? 0) & 0x7f)) {
          const size = (rest[1] ?? 0) & 0x7f;
          const payload = rest.subarray(2, 2 + size);
          const kind = (rest[0] ?? 0) & 0x0f;
          rest = rest.subarray(2 + size);
          if (kind === 8) {
            byWord = true;
            opened.end(masked(8, payload.toString('latin1')));
          } else {
            const [version, echo] = payload.toString().split(' ');
            if (echo !== word || saidAt === undefined) opened.destroy(new Error(`a wrong echo: ${payload.toString()}`));
            else conversation.heard({ began: saidAt, version });
            saidAt = undefined;
          }
        }
      };
      read(Buffer.alloc(0));
      opened.on('data', read);
      opened.on('error', (error: NodeJS.ErrnoException) => (why = error.code ?? error.message));
      opened.on('close', () => {
        clearInterval(timer);
        if (saidAt !== undefined && !stopped) conversation.heard({ began: saidAt, version: undefined });
        resolve({ how: stopped ? 'ours' : byWord ? 'closed' : 'cut', why });
      });
    });
    request.end();
  });
  return {
    ended,
    stop() {
      stopped = true;
      clearInterval(timer);
      socket?.destroy();
    },
  };
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

function masked(kind: number, text: string): Buffer {
  const mask = randomBytes(4);
  const payload = Buffer.from(text, 'latin1').map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | kind, 0x80 | payload.length]), mask, payload]);
}
