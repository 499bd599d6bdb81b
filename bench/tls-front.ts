// TLS in front of the tests' S3 server, because restic signs in a way that the server does not know unless the line is safe.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';

export type TlsFront = {
  endpoint: string;
  /** The file of the certificate that clients have to trust. */
  certificate: string;
  /** Bytes that clients have sent so far, without TLS. */
  sent(): number;
  stop(): Promise<void>;
};

export async function startTlsFront(to: number): Promise<TlsFront> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-front-'));
  const [key, certificate] = [join(folder, 'front.key'), join(folder, 'front.crt')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '7', ...subject, ...files], {
    stdio: 'ignore',
  });
  let sent = 0;
  const open = new Set<Socket>();
  const server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, near => {
    const onward = connect(to, '127.0.0.1');
    near.on('data', (piece: Buffer) => (sent += piece.length));
    for (const [one, other] of [
      [near, onward],
      [onward, near],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => open.delete(one));
      one.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `https://127.0.0.1:${address.port}`,
    certificate,
    sent: () => sent,
    async stop() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true });
    },
  };
}
