// The app that says what it was asked, on a droplet: started on ports of its own, and asked through a proxy by websocket.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Droplet } from '../droplet/droplet.ts';

const program = '/usr/local/lib/echo.py';

/** One program per port, as units that last until the droplet goes. */
export async function startEcho(droplet: Droplet, ...ports: number[]): Promise<void> {
  await droplet.write(program, readFileSync(new URL('../apps/echo/server.py', import.meta.url), 'utf8'));
  await droplet.root(`for port in ${ports.join(' ')}; do systemd-run --unit echo-$port python3 ${program} $port; done`);
}

/** What comes back when a websocket is opened through the proxy and `hello` is said. */
export function saidBack(droplet: Droplet, domain: string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'websocket', host: domain };
    const key = { 'sec-websocket-key': randomBytes(16).toString('base64'), 'sec-websocket-version': '13' };
    const asked = request({
      host: droplet.ip,
      servername: domain,
      path: '/live',
      headers: { ...headers, ...key },
      rejectUnauthorized: false,
    });
    asked.on('response', response => reject(new Error(`not upgraded: ${response.statusCode}`)));
    asked.on('error', reject);
    asked.on('upgrade', (_response, socket) => {
      socket.write(Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello')]));
      socket.once('data', (chunk: Buffer) => {
        resolve(chunk.subarray(2).toString());
        socket.destroy();
      });
    });
    asked.end();
  });
}
