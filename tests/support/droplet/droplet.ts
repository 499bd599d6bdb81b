// A real server in a container: systemd, sshd, Docker, nginx and cron, with the ways in which a server can be lost.
import { connect as tcp } from 'node:net';
import { appendFileSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer } from '../../../lib/host/host.ts';
import { alone, ensureEngine, type Engine } from './engine.ts';
import { ensureImages } from './image.ts';
import { machine } from './machine.ts';
import { answer, bash, until } from './program.ts';
import { seededVolume } from './seed.ts';

/** What sshd's own log counted since the last `mark()`. A session is one channel that ran something. */
export type SshCounts = { connections: number; logins: number; sessions: number };

export type Droplet = {
  name: string;
  ip: string;
  sshPort: number;
  user: 'deploy';
  /** A private key made for this droplet. */
  identityFile: string;
  /** `ssh-ed25519 AAAA…`, for `hostKeys` in ops.yml. */
  hostKeyLine: string;
  /** Holds only this droplet's key. */
  knownHostsFile: string;
  /** Adds the droplet's key to its known_hosts file under another address, such as that of a wire. */
  knownAs(host: string, port: number): void;
  /** Runs a bash script as root, not over ssh. Does not throw for a non-zero code. */
  root(script: string): Promise<Answer>;
  /** The same as the user deploy. */
  asDeploy(script: string): Promise<Answer>;
  /** Writes a file as root, with its folders. */
  write(path: string, text: string, mode?: string): Promise<void>;
  /** Brings what a folder of this machine holds into one of the droplet, as root; no links are followed. */
  bring(from: string, to: string): Promise<void>;
  /** A power cut. What /run and /tmp held is gone at the next start. */
  killHard(): Promise<void>;
  /** Boots it again and waits until everything runs; the address stays. */
  startAgain(): Promise<void>;
  /** Pulls the cable out: packets vanish, connections stay open on both sides. */
  disconnect(): Promise<void>;
  connect(): Promise<void>;
  /** Drops everything that comes or goes, by its own firewall. */
  dropPackets(): Promise<void>;
  restorePackets(): Promise<void>;
  /** From now on sshLog() counts. */
  mark(): Promise<void>;
  sshLog(): Promise<SshCounts>;
  remove(): Promise<void>;
};

/** Boots a fresh server called `name` (a word) and waits until all its services run. It is removed when the test process ends. */
export async function startDroplet(name: string): Promise<Droplet> {
  const engine = await ensureEngine();
  const images = await ensureImages();
  const volume = await seededVolume();
  const container = `bookops-${name}-${process.pid}`;
  const keys = await makeKeys(engine, name);

  const ip = await alone(async () => {
    const free = await freeAddress(engine);
    const named = `create --name ${container} --hostname ${name} --label bookops.owner=${engine.owner}`;
    const placed = `--label bookops.ip=${free} --network ${engine.network.name} --ip ${free} -v ${volume}:/var/lib/docker`;
    await engine.docker([...`${named} ${placed}`.split(' '), ...machine, images.droplet]);
    return free;
  });
  await engine.docker(['cp', `${keys.forServer}/.`, `${container}:/etc/ssh/`]);
  await engine.docker(['start', container]);

  const hostKeyLine = readFileSync(join(keys.forServer, 'ssh_host_ed25519_key.pub'), 'utf8').split(' ', 2).join(' ');
  // its namespaces are entered directly: docker exec takes five times as long, and there are thousands of questions
  let first: First | undefined = await firstProcess(engine, container);
  const inside = (user: string, home: string) => async (script: string) => {
    if (!first || namespaceOf(first.pid) !== first.namespace)
      return { code: 1, stdout: '', stderr: `the droplet ${name} does not run` };
    const as = user === 'root' ? [] : ['runuser', '-u', user, '--'];
    const environment = [`HOME=${home}`, `USER=${user}`, `PATH=${path}`];
    const words = ['-t', first.pid, '-a', '--', 'env', '-i', ...environment, ...as, 'bash', '-s'];
    return answer('nsenter', words, { input: `cd ${home}\n${script}` });
  };
  const root = inside('root', '/root');
  const asRoot = async (script: string) => {
    const said = await root(`set -e\n${script}`);
    if (said.code !== 0) throw new Error(`on droplet ${name}: ${said.stderr || said.stdout}\nafter: ${script}`);
    return said.stdout.trim();
  };
  const knownAs = (host: string, port: number) =>
    appendFileSync(keys.knownHosts, `${port === 22 ? host : `[${host}]:${port}`} ${hostKeyLine}\n`);
  knownAs(ip, 22);
  const booted = () => waitForBoot(name, ip, root);
  await booted();
  let cursor = '';
  // By address: the interface has another name after a reconnection.
  const outside = `${engine.network.prefix}.0/24`;

  return {
    name,
    ip,
    sshPort: 22,
    user: 'deploy',
    identityFile: keys.identity,
    hostKeyLine,
    knownHostsFile: keys.knownHosts,
    knownAs,
    root,
    asDeploy: inside('deploy', '/home/deploy'),
    async write(path, text, mode = '644') {
      const place = `'${path.replaceAll("'", `'\\''`)}'`;
      await asRoot(
        `mkdir -p "$(dirname ${place})"\nbase64 -d > ${place} <<'END'\n${Buffer.from(text).toString('base64')}\nEND\nchmod ${mode} ${place}`,
      );
    },
    async bring(from, to) {
      await asRoot(`mkdir -p '${to}'`);
      await engine.docker(['cp', `${from}/.`, `${container}:${to}`]);
    },
    async killHard() {
      first = undefined;
      await engine.docker(['kill', '-s', 'KILL', container]);
    },
    async startAgain() {
      await engine.docker(['start', container]);
      first = await firstProcess(engine, container);
      cursor = '';
      await booted();
    },
    async disconnect() {
      await engine.docker(['network', 'disconnect', '-f', engine.network.name, container]);
    },
    async connect() {
      await engine.docker(['network', 'connect', '--ip', ip, engine.network.name, container]);
      // This machine still remembers for a moment that nobody is there.
      await until(`droplet ${name} is connected`, 10, () => greeting(ip));
    },
    async dropPackets() {
      await asRoot(`iptables -I INPUT 1 -s ${outside} -j DROP; iptables -I OUTPUT 1 -d ${outside} -j DROP`);
    },
    async restorePackets() {
      await asRoot(`iptables -D INPUT -s ${outside} -j DROP; iptables -D OUTPUT -d ${outside} -j DROP`);
    },
    async mark() {
      // An entry of sshd: after the cursor of any other, journalctl 252 leaves out the first that matches -t.
      const said = await asRoot('journalctl --sync; journalctl -t sshd -n 1 --show-cursor -q');
      cursor = said.match(/^-- cursor: (.*)$/m)?.[1] ?? '';
    },
    async sshLog() {
      const after = cursor ? `--after-cursor='${cursor}'` : '-b';
      const log = await asRoot(`journalctl --sync; journalctl -q -o cat ${after} -t sshd`);
      const count = (pattern: RegExp) => log.match(pattern)?.length ?? 0;
      return {
        connections: count(/^Connection from /gm),
        logins: count(/^Accepted publickey for /gm),
        sessions: count(/^Starting session: /gm),
      };
    },
    async remove() {
      await engine.tryDocker(['rm', '-f', '-v', container]);
      await engine.tryDocker(['volume', 'rm', '-f', volume]);
    },
  };
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

type First = { pid: string; namespace: string };

/** Its number on this machine may be another program's once it has ended; its namespace tells. */
async function firstProcess(engine: Engine, container: string): Promise<First> {
  const pid = await engine.docker(['inspect', '-f', '{{.State.Pid}}', container]);
  const namespace = namespaceOf(pid);
  if (!namespace || namespace === namespaceOf('self')) throw new Error(`${container} does not run`);
  return { pid, namespace };
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

type Keys = { identity: string; knownHosts: string; forServer: string };

async function makeKeys(engine: Engine, name: string): Promise<Keys> {
  const folder = join(engine.scratch, name);
  const forServer = join(folder, 'etc-ssh');
  mkdirSync(join(forServer, 'authorized_keys'), { recursive: true });
  const identity = join(folder, 'id_ed25519');
  await bash(`
    ssh-keygen -q -t ed25519 -N '' -C 'bookops test' -f '${identity}'
    ssh-keygen -q -t ed25519 -N '' -C '${name}' -f '${forServer}/ssh_host_ed25519_key'
    ssh-keygen -q -t ecdsa -N '' -C '${name}' -f '${forServer}/ssh_host_ecdsa_key'
    cp '${identity}.pub' '${forServer}/authorized_keys/deploy'`);
  const knownHosts = join(folder, 'known_hosts');
  writeFileSync(knownHosts, '');
  return { identity, knownHosts, forServer };
}

async function freeAddress(engine: Engine): Promise<string> {
  const taken = await engine.docker([
    'ps',
    '-a',
    '--filter',
    'label=bookops.ip',
    '--format',
    '{{.Label "bookops.ip"}}',
  ]);
  const used = new Set(taken.split('\n'));
  for (let last = 10; last < 250; last++) {
    const address = `${engine.network.prefix}.${last}`;
    if (!used.has(address)) return address;
  }
  throw new Error('more than 240 droplets stand already');
}

async function waitForBoot(name: string, ip: string, root: Droplet['root']): Promise<void> {
  let last = '';
  const settled = until(`droplet ${name} has booted`, 60, async () => {
    last = (await root('timeout 10 systemctl is-system-running --wait')).stdout.trim();
    return last === 'running' || last === 'degraded' ? true : undefined;
  });
  await settled.catch(async (error: unknown) => {
    throw new Error(
      `${String(error)}; systemd says ${last}\n${(await root('systemctl list-jobs; systemctl --failed')).stdout}`,
    );
  });
  if (last === 'degraded')
    throw new Error(
      `droplet ${name} booted with failed units:\n${(await root('systemctl --failed; journalctl -p err -q | tail -n 20')).stdout}`,
    );
  await until(`sshd of droplet ${name} answers`, 10, () => greeting(ip));
}

function greeting(ip: string): Promise<true | undefined> {
  return new Promise(resolve => {
    const socket = tcp({ host: ip, port: 22, timeout: 1000 });
    const done = (found: true | undefined) => {
      socket.destroy();
      resolve(found);
    };
    socket.once('data', () => done(true));
    socket.once('error', () => done(undefined));
    socket.once('timeout', () => done(undefined));
    socket.once('close', () => done(undefined));
  });
}
