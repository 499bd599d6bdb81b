// A bad line to an S3 server: requests that a rule picks are answered with an error, cut off, or changed on their way.
import { createServer, request as ask, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { Writable } from 'node:stream';

export type Fault =
  | { answer: number; code: string }
  /** An answer that the server does not know how to give. */
  | { says: string }
  /** The server's clock is so many seconds off. */
  | { clock: number }
  /** The connection is cut after so many bytes of what the client sends. */
  | { cutUpload: number }
  /** The same for what the client receives. */
  | { cutDownload: number }
  /** One byte of what the client sends becomes another. */
  | 'flip'
  /** The same for what the client receives. */
  | 'flipDownload'
  /** The store says that it is so many seconds later than it is. */
  | { clock: number }
  /** Nothing is ever answered. */
  | 'silence';
export type Asked = {
  method: string;
  path: string;
  key: string;
  part: number | undefined;
  storageClass: string | undefined;
};

export type Faults = {
  endpoint: string;
  /** What happens to a request from now on; undefined: it goes through. */
  rule: (asked: Asked) => Fault | undefined;
  asked: Asked[];
  stop(): Promise<void>;
};

export async function startFaults(to: number): Promise<Faults> {
  const server = createServer((incoming, answer) => {
    const url = new URL(incoming.url ?? '/', 'http://x');
    const part = url.searchParams.get('partNumber');
    const asked = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      key: url.pathname.split('/').slice(2).join('/'),
      part: part === null ? undefined : Number(part),
      storageClass: incoming.headers['x-amz-storage-class']?.toString(),
    };
    faults.asked.push(asked);
    const fault = faults.rule(asked);
    incoming.on('error', () => {});
    if (fault === 'silence') return;
    if (typeof fault === 'object' && 'answer' in fault) {
      incoming.resume();
      incoming.once('end', () => {
        answer.writeHead(fault.answer, { 'content-type': 'application/xml' });
        const said = `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>made up</Message></Error>`;
        answer.end(fault.answer < 300 ? '' : said);
      });
      return;
    }
    if (typeof fault === 'object' && 'says' in fault) {
      incoming.resume();
      incoming.once('end', () => answer.writeHead(200, { 'content-type': 'application/xml' }).end(fault.says));
      return;
    }
    // The host's name is signed, so it goes on as it came.
    const { method, headers, url: path } = incoming;
    const onward = ask({ host: '127.0.0.1', port: to, method, path, headers }, found => {
      const off = typeof fault === 'object' && 'clock' in fault ? fault.clock : undefined;
      const date = off === undefined ? {} : { date: new Date(Date.now() + off * 1000).toUTCString() };
      answer.writeHead(found.statusCode ?? 502, { ...found.headers, ...date });
      found.on('error', () => answer.destroy());
      if (typeof fault === 'object' && 'cutDownload' in fault)
        cut(found, fault.cutDownload, answer, () => answer.destroy());
      else if (fault === 'flipDownload') flip(found, answer);
      else found.pipe(answer);
    });
    // Swift sends a body after a HEAD, which is an error only once the answer has been given.
    onward.on('error', () => answer.headersSent || answer.destroy());
    incoming.on('close', () => incoming.complete || onward.destroy());
    if (typeof fault === 'object' && 'cutUpload' in fault)
      cut(incoming, fault.cutUpload, onward, () => incoming.socket.destroy());
    else if (fault === 'flip') flip(incoming, onward);
    else incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  const faults: Faults = {
    endpoint: `http://127.0.0.1:${address.port}`,
    rule: () => undefined,
    asked: [],
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return faults;
}

function flip(source: IncomingMessage, to: Writable): void {
  source
    .on('data', (piece: Buffer) => {
      piece[0] = (piece[0] ?? 0) ^ 1;
      to.write(piece);
    })
    .on('end', () => to.end());
}

/** What is shorter goes through whole. */
function cut(source: IncomingMessage, after: number, to: Writable, end: () => void): void {
  let seen = 0;
  source.on('data', (piece: Buffer) => {
    if (seen < after) to.write(piece.subarray(0, after - seen));
    seen += piece.length;
    if (seen >= after) setTimeout(end, 20);
  });
  source.on('end', () => seen < after && to.end());
}
