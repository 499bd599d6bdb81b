// The other side of an alert: an HTTP server that answers as it is told to, one status after the other, and keeps what it got.
import { createServer } from 'node:http';

export type Got = { method: string | undefined; path: string | undefined; type: string | undefined; body: string };

export type Receiver = { got: Got[]; url: string; stop(): Promise<void> };

/** `hang`: no answer at all. After the last status it is 200. */
export async function receiver(statuses: (number | 'hang')[] = []): Promise<Receiver> {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', piece => (body += String(piece)));
    request.on('end', () => {
      got.push({ method: request.method, path: request.url, type: request.headers['content-type'], body });
      const status = statuses.shift() ?? 200;
      if (status !== 'hang') response.writeHead(status, { location: '/elsewhere' }).end('ok');
    });
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  // a test that fails before it stops this has an end too
  server.unref();
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    got,
    url: `http://127.0.0.1:${port}/hook/t0ken?a=1`,
    async stop() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
}
