// The wire below an ssh connection: a socket to the host, or a child process that leads there through a jump host.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { existsSync } from 'node:fs';
import type { HostSettings } from '../../target/host-settings.ts';
import { Failure, messageOf } from '../../errors.ts';
import { interrupted } from '../channel.ts';
import type { HostContext } from '../host.ts';
import { sshEnvironment } from '../environment.ts';
import { configOption, endpoint, homeMoved, missingProgram, parseAddress, resolveAddress, sshCommand, type SshRoute } from './config.ts'; // prettier-ignore
import { knownKeys, keyFailure, pinnedKeys } from './known-hosts.ts';

type SshSettings = Extract<HostSettings, { kind: 'ssh' }>;

export type Transport = {
  stream: Duplex;
  /** What the way itself has to say of a failure; undefined when it says nothing. */
  blame(): Promise<Failure | undefined>;
  /** To be called when the connection is established, and when it never will be. */
  settled(): Promise<void>;
};

const socketSeconds = 10;

/** Leads to the host's port: directly, through `jump` of ops.yml, or as ~/.ssh/config says. */
export async function openTransport(route: SshRoute, settings: SshSettings, around: HostContext): Promise<Transport> {
  const jump = settings.jump ?? route.proxyJump;
  if (jump) return openJump(jump, route, settings, around);
  if (route.proxyCommand) return openChild('/bin/sh', ['-c', `exec ${route.proxyCommand}`], 'ProxyCommand', around);
  return openSocket(route, around);
}

async function openSocket(route: SshRoute, { signal }: HostContext): Promise<Transport> {
  // Nagle's algorithm would add 40 ms to every command. An IPv6 address that leads nowhere costs a second, not 250 ms
  // that a far host needs to answer at all.
  const socket = connect({
    host: route.hostname,
    port: route.port,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1000,
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (failure: Failure) => {
      socket.destroy();
      reject(failure);
    };
    const interrupt = () => fail(interrupted(signal));
    const late = setTimeout(() => fail(unreachable(route, 'ETIMEDOUT', 'timeout')), socketSeconds * 1000);
    const settle = () => {
      clearTimeout(late);
      signal?.removeEventListener('abort', interrupt);
    };
    signal?.addEventListener('abort', interrupt);
    socket.once('connect', () => (settle(), resolve()));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      fail(unreachable(route, error.code, messageOf(error)));
    });
    if (signal?.aborted) interrupt();
  });
  socket.setNoDelay(true);
  return { stream: socket, blame: async () => undefined, settled: async () => {} };
}

function unreachable(route: SshRoute, code: string | undefined, message: string): Failure {
  const at = endpoint(route);
  const try_ = `try: ${sshCommand(route.address)}`;
  switch (code) {
    case 'ECONNREFUSED':
      return new Failure(4, `nothing listens at ${at} (connection refused)`, {
        advice: `is the port right, and sshd running on the server? ${try_}`,
      });
    case 'ETIMEDOUT':
      return new Failure(4, `${at} did not answer within ${socketSeconds} s`, {
        advice: `is the server up, and does its firewall let this machine in? ${try_}`,
      });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure(4, `cannot resolve ${route.hostname} (${code})`, {
        advice: `check the address in ops.yml (${route.address}) and the network: getent hosts ${route.hostname}`,
      });
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new Failure(4, `no route to ${at} (${code})`, {
        advice: `check the network or VPN of this machine. ${try_}`,
      });
    default:
      return new Failure(4, `${at} cannot be reached: ${message}`, { advice: try_ });
  }
}

async function openJump(jump: string, route: SshRoute, settings: SshSettings, around: HostContext): Promise<Transport> {
  const { environment } = around;
  const hops = jump.split(',').map(hop => hop.trim());
  for (const hop of hops) parseAddress(hop);
  const last = hops.pop() ?? jump;
  const { user, host, port } = parseAddress(last);
  const folder = settings.jumpHostKeys.length > 0 ? await mkdtemp(join(tmpdir(), 'bookops-jump-')) : undefined;
  const trusted = join(folder ?? '', 'known_hosts');
  if (folder) {
    pinnedKeys(settings.jumpHostKeys);
    await writeFile(trusted, settings.jumpHostKeys.map(key => `* ${key}\n`).join(''), { mode: 0o600 });
  }
  const options = [
    ...configOption(environment),
    // The host key is only printed at this level; everything else of it is left out of messages.
    '-v',
    ...['BatchMode=yes', 'StrictHostKeyChecking=yes', 'ControlPath=none'].flatMap(option => ['-o', option]),
    ...(folder ? pinOptions(trusted) : []),
    ...(await homeOptions(last, environment)),
    ...(hops.length > 0 ? ['-J', hops.join(',')] : []),
    ...(port ? ['-p', String(port)] : []),
    ...(user ? ['-l', user] : []),
  ];
  const wire = await openChild('ssh', [...options, '-W', endpoint(route), '--', host], `jump host ${last}`, around);
  const blameJump = async (): Promise<Failure | undefined> => {
    const failure = await wire.blame();
    const text = failure?.detail ?? '';
    const shown = [...text.matchAll(/^debug1: Server host key: (.+)$/gm)].at(-1)?.[1];
    const detail = text
      .replace(/^(debug\d:|OpenSSH_|Authenticated to|Transferred:|Bytes per second:).*\n?/gm, '')
      .trim();
    if (shown && /host key verification failed|host key is known for|host key .*revoked/i.test(text)) {
      const trust = folder ? pinnedKeys(settings.jumpHostKeys) : await trustOf(last, text, environment);
      return keyFailure(shown.trim(), trust, {
        at: `the jump host ${last}`,
        command: sshCommand(last),
        setting: 'jump_host_key',
      });
    }
    return failure && new Failure(4, failure.message, { detail, advice: `try: ${sshCommand(last)}` });
  };
  return {
    stream: wire.stream,
    blame: blameJump,
    async settled() {
      if (folder) await rm(folder, { recursive: true, force: true });
    },
  };
}

function pinOptions(file: string): string[] {
  const options = [`UserKnownHostsFile=${file}`, 'GlobalKnownHostsFile=/dev/null', 'KnownHostsCommand=none', 'UpdateHostKeys=no']; // prettier-ignore
  return options.flatMap(option => ['-o', option]);
}

/** Where HOME is not the password file's home, ssh must be told what is below HOME. */
async function homeOptions(jump: string, environment: NodeJS.ProcessEnv): Promise<string[]> {
  if (!homeMoved(environment)) return [];
  const route = await resolveAddress(jump, environment);
  const files = route.identityFiles.filter(file => existsSync(file));
  return [
    '-o',
    `UserKnownHostsFile=${route.knownHosts.map(file => `"${file}"`).join(' ')}`,
    ...files.flatMap(file => ['-i', file]),
  ];
}

/** ssh says under which name it looked, so the right one of several jump hosts is named. */
async function trustOf(jump: string, said: string, environment: NodeJS.ProcessEnv) {
  const route = await resolveAddress(jump, environment);
  const name = /host key (?:is known )?for (\S+) (?:and you have|has changed)/.exec(said)?.[1];
  return knownKeys({ ...route, keyName: name ?? route.keyName, revokedKeys: undefined }, environment);
}

async function openChild(
  program: string,
  words: string[],
  name: string,
  { environment }: HostContext,
): Promise<Transport> {
  // Its own session: no Ctrl-C may cut the connection that the undo needs, and no prompt may reach the terminal.
  const child = spawn(program, words, {
    env: sshEnvironment(environment),
    detached: true,
    stdio: 'pipe',
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-100_000)));
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', () => reject(missingProgram(program)));
  });
  const closed = new Promise<number | null>(resolve => child.once('close', resolve));
  child.stdin.on('error', () => {});
  const stream = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => void child.stdin.write(chunk, () => done()),
    final: done => void child.stdin.end(() => done()),
    destroy(error, done) {
      child.kill();
      done(error);
    },
  });
  child.stdout.on('data', (chunk: Buffer) => stream.push(chunk) || child.stdout.pause());
  child.stdout.once('end', () => stream.push(null));
  return {
    stream,
    async blame() {
      // The far end may be at fault while the way there is fine.
      const code = await Promise.race([
        closed,
        new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), 500)),
      ]);
      if (code === undefined) return undefined;
      return new Failure(4, `the ${name} did not connect to the host (exit ${code})`, { detail: said.trim() });
    },
    settled: async () => {},
  };
}
