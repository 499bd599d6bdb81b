// A wire between a client and a server's sshd that can be slow, go dead, or be cut.
import { connect, createServer, type Socket } from 'node:net';

export type Wire = {
  host: '127.0.0.1';
  port: number;
  /** How long each packet takes in either direction; a round trip costs twice as much. May change at any time. */
  delayMs: number;
  /** How many TCP connections were made through it. */
  readonly connections: number;
  /** Nothing passes any more, and nobody is told: sockets stay open. */
  stall(): void;
  resume(): void;
  /** Resets every connection, as a router that lost its state does. New ones work. */
  cut(): void;
  close(): Promise<void>;
};

/** Listens on a free port of this machine and passes everything on to `to`. */
export async function startWire(to: { host: string; port: number }): Promise<Wire> {
  const ends = new Set<Socket>();
  const waiting = new Set<() => void>();
  let stalled = false;
  let connections = 0;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
    connections++;
    const remote = connect({ ...to, allowHalfOpen: true, noDelay: true });
    for (const end of [client, remote]) {
      const other = end === client ? remote : client;
      ends.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        ends.delete(end);
        if (end.errored) reset(other);
      });
    }
    carry(client, remote);
    carry(remote, client);
  });

  /** Passes chunks on in order, each when its time has come. */
  function carry(from: Socket, into: Socket): void {
    const queue: { due: number; chunk: Buffer | 'end' }[] = [];
    let timer: NodeJS.Timeout | undefined;
    const flush = () => {
      clearTimeout(timer);
      timer = undefined;
      while (!stalled && queue[0] && queue[0].due <= performance.now()) {
        const first = queue.shift();
        if (!first || into.destroyed) continue;
        if (first.chunk === 'end') into.end();
        else if (!into.write(first.chunk) && !from.isPaused()) {
          from.pause();
          into.once('drain', () => from.resume());
        }
      }
      if (!stalled && queue[0]) timer = setTimeout(flush, Math.max(0, queue[0].due - performance.now()));
    };
    const add = (chunk: Buffer | 'end') => {
      queue.push({ due: Math.max(queue.at(-1)?.due ?? 0, performance.now() + wire.delayMs), chunk });
      if (!timer) flush();
    };
    from.on('data', chunk => add(chunk));
    from.on('end', () => add('end'));
    waiting.add(flush);
    into.on('close', () => {
      clearTimeout(timer);
      waiting.delete(flush);
    });
  }

  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address && typeof address === 'object') resolve(address.port);
    });
  });

  const wire: Wire = {
    host: '127.0.0.1',
    port,
    delayMs: 0,
    get connections() {
      return connections;
    },
    stall() {
      stalled = true;
    },
    resume() {
      stalled = false;
      for (const flush of waiting) flush();
    },
    cut() {
      for (const end of ends) reset(end);
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve));
      for (const end of ends) end.destroy();
      await closed;
    },
  };
  return wire;
}

/** A socket whose end is on its way cannot be reset: Node 20 would never finish with it, and spin at the end of the program. */
function reset(end: Socket): void {
  if (end.writableEnded) end.destroy();
  else if (!end.destroyed) end.resetAndDestroy();
}
