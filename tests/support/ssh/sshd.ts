// Real ssh servers on loopback and a home folder to reach them from, for the tests.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as dial, createServer, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { HostSettings } from '../../../lib/target/host-settings.ts';
import { freePort } from '../free-port.ts';

export type KeyType = 'ed25519' | 'rsa' | 'ecdsa';
export type Sshd = {
  port: number;
  /** `user@127.0.0.1:port` */
  address: string;
  /** Public host keys by type: `ssh-ed25519 AAAA…`. */
  keys: Record<string, string>;
  log(): string;
  stop(): void;
};
export type Home = { folder: string; environment: NodeJS.ProcessEnv; file(name: string): string; remove(): void };
export const me = userInfo().username;

/** A home with ~/.ssh and the key id_ed25519, and nothing of the person who runs the tests. */
export function makeHome(): Home {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-ssh-home-'));
  mkdirSync(join(folder, '.ssh'), { mode: 0o700 });
  const file = (name: string) => join(folder, '.ssh', name);
  makeKey(file('id_ed25519'));
  const environment: NodeJS.ProcessEnv = { ...process.env, HOME: folder };
  delete environment.SSH_AUTH_SOCK;
  return { folder, environment, file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function makeKey(file: string, type: KeyType = 'ed25519', passphrase = ''): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', file]);
  return readFileSync(`${file}.pub`, 'utf8').trim();
}

type Server = { types?: KeyType[]; lines?: string[]; port?: number; environment?: string };

/**
 * Starts an sshd that lets `authorized` (a public key's file) in. `environment` is what it sets for a session: bash reads
 * ~/.bashrc when sshd starts it at level 1, and the tests do not depend on that file, which may be slow.
 */
export async function startSshd(
  authorized: string,
  { types = ['ed25519'], lines = [], port, environment = 'SHLVL=5' }: Server = {},
): Promise<Sshd> {
  const program = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find(path => existsSync(path));
  if (!program) throw new Error('these tests need an ssh server: apt-get install openssh-server');
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'bookops-sshd-'));
  const keys: Record<string, string> = {};
  for (const type of types) keys[type] = makeKey(join(folder, type), type).split(' ').slice(0, 2).join(' ');
  const conf = [
    ...types.map(type => `HostKey ${join(folder, type)}`),
    `AuthorizedKeysFile ${authorized}`,
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'LogLevel VERBOSE',
    `SetEnv ${environment}`,
    `PidFile ${join(folder, 'pid')}`,
    ...lines,
  ];
  writeFileSync(join(folder, 'conf'), `${conf.join('\n')}\n`);
  const at = port ?? (await freePort());
  const child = spawn(program, ['-D', '-e', '-f', join(folder, 'conf'), '-p', String(at), '-o', 'ListenAddress=127.0.0.1', '-o', 'ListenAddress=::1']); // prettier-ignore
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  await until(() => log.includes('listening on 127.0.0.1'), () => `sshd did not start: ${log}`); // prettier-ignore
  return {
    port: at,
    address: `${me}@127.0.0.1:${at}`,
    keys,
    log: () => log,
    stop() {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Settings as ops.yml would give them. */
export function settingsFor(address: string, more: Partial<Extract<HostSettings, { kind: 'ssh' }>> = {}): HostSettings {
  return {
    name: 'web',
    kind: 'ssh',
    address,
    hostKeys: [],
    identity: undefined,
    jump: undefined,
    jumpHostKeys: [],
    ...more,
  };
}

/** Lines of known_hosts for every key of a server. */
export function knownLines(server: Sshd, name = `[127.0.0.1]:${server.port}`): string {
  return Object.values(server.keys)
    .map(key => `${name} ${key}\n`)
    .join('');
}

/** A wire that can be cut or stalled, or that holds every chunk for a while. */
export async function startProxy(to: number, delay = 0) {
  const sockets: Socket[] = [];
  let stalled = false;
  let connections = 0;
  const server = createServer(near => {
    connections += 1;
    const far = dial(to, '127.0.0.1');
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      sockets.push(from);
      from.on('data', chunk => {
        if (stalled) return;
        if (delay) setTimeout(() => into.write(chunk), delay);
        else into.write(chunk);
      });
      from.on('end', () => stalled || into.end());
      from.on('error', () => {});
      from.on('close', () => stalled || into.destroy());
    }
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    connections: () => connections,
    stall: () => (stalled = true),
    cut: () => sockets.forEach(socket => socket.destroy()),
    stop() {
      sockets.forEach(socket => socket.destroy());
      server.close();
    },
  };
}

export async function until(holds: () => boolean, otherwise: () => string, seconds = 10): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !holds();) {
    if (Date.now() > end) throw new Error(otherwise());
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
