// A port for a test: nobody else's, also not that of a test that runs beside it and has not started to listen yet.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const claims = join(tmpdir(), 'ports-of-bookops-tests');

/** Below those that the kernel gives to whoever connects (from 32768). It belongs to this process until that ends. */
export async function freePort(): Promise<number> {
  mkdirSync(claims, { recursive: true });
  for (let tries = 0; tries < 1000; tries++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if (claim(port) && (await isFree(port))) return port;
  }
  throw new Error('no port between 20000 and 29999 is free');
}

function claim(port: number): boolean {
  const file = join(claims, String(port));
  try {
    if (existsSync(file) && !existsSync(`/proc/${readFileSync(file, 'utf8')}`)) rmSync(file, { force: true });
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer().once('error', () => resolve(false));
    // of all addresses: a server of another test may have it on a single one
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
