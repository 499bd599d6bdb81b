// One ssh connection to a host, opened by the first question and kept until the end; it never asks and never guesses.
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import type { HostSettings } from '../../target/host-settings.ts';
import { Failure, messageOf } from '../../errors.ts';
import { askThrough, interrupted, makeMark } from '../channel.ts';
import type { HostContext, Channel, Host } from '../host.ts';
import { refuseJoined, shellFromInput, shellWith } from '../environment.ts';
import { lines, sh } from '../sh.ts';
import { resolveAddress, sshCommand, addressOf, type SshRoute } from './config.ts';
import { gatherKeys } from './keys.ts';
import { asChannel, connectionLost, lendTerminal, startSession } from './session.ts';
import { openTransport } from './transport.ts';
import { hostKeyAlgorithms, knownKeys, pinnedKeys, refusedKey } from './known-hosts.ts';

type SshSettings = Extract<HostSettings, { kind: 'ssh' }>;

/** `lost` rejects when the connection ends, for whatever reason. */
type Connection = { client: Client; lost: Promise<never>; alive(): boolean; end(): void };

const handshakeSeconds = 20;
const keepaliveSeconds = 3;
/** Answers that may be missing before the connection counts as lost. */
const keepaliveCount = 3;
/** sshd's MaxSessions is 10; two are left for what ends a moment later there than here. */
const mostSessions = 8;

export async function sshHost(settings: SshSettings, around: HostContext): Promise<Host> {
  const route = await resolveAddress(settings.address, around.environment);
  const at = addressOf(route);
  const sessions = limit(mostSessions);
  let connection: Promise<Connection> | undefined;
  let closed = false;

  const connected = async (): Promise<Connection> => {
    if (closed) throw new Failure(4, `the connection to ${at} was closed already`);
    const before = connection;
    const standing = await before;
    if (standing?.alive()) return standing;
    if (connection === before) {
      connection = openConnection(route, settings, around);
      // All that waited for this attempt share its failure; who asks later tries again.
      connection.catch(() => (connection = undefined));
    }
    if (!connection) throw connectionLost(at);
    return connection;
  };

  /** `mark` is what the text prints first to both of its streams: it is cut off again with all that came before it. */
  const open = async (text: string, mark?: string): Promise<Channel> => {
    const { client, lost } = await connected();
    const free = await sessions();
    try {
      const session = await startSession(client, text, {}, lost, at);
      session.ended.then(free, free);
      return asChannel(session, at, mark);
    } catch (error) {
      free();
      throw error;
    }
  };

  return {
    name: settings.name,
    where: at,
    async ask(question, more = {}) {
      // timeout ends a question there that was given up here
      const channel = await open(shellFromInput(Math.ceil(more.seconds ?? 60) + 5));
      return askThrough(channel, question, at, more);
    },
    async open(command) {
      const mark = makeMark();
      return open(shellWith(lines(refuseJoined, sh`echo ${mark}; echo ${mark} >&2`, command)), mark);
    },
    async terminal(command) {
      const { terminal, environment } = around;
      if (!terminal?.input.isTTY) throw new Failure(2, 'this needs a terminal, and there is none');
      const { client, lost } = await connected();
      const free = await sessions();
      try {
        const { columns: cols = 80, rows = 24 } = terminal.output;
        const pty = { term: environment.TERM ?? 'xterm', cols, rows, width: 0, height: 0 };
        return await lendTerminal(await startSession(client, shellWith(command), { pty }, lost, at), terminal);
      } finally {
        free();
      }
    },
    async close() {
      closed = true;
      (await connection?.catch(() => undefined))?.end();
    },
  };
}

async function openConnection(route: SshRoute, settings: SshSettings, around: HostContext): Promise<Connection> {
  const { environment, signal } = around;
  const at = addressOf(route);
  const [{ NodeSSH }, trust, keyring] = await Promise.all([
    import('node-ssh'),
    settings.hostKeys.length > 0 ? pinnedKeys(settings.hostKeys) : knownKeys(route, environment),
    gatherKeys(route, settings.identity, environment),
  ]);
  const command = sshCommand(settings.address).replace(/^ssh/, settings.jump ? `ssh -J ${settings.jump}` : 'ssh');
  const wire = await openTransport(route, settings, around);
  let mistrusted: Failure | undefined;
  let trusted = false;
  const ssh = new NodeSSH();
  const interrupt = () => wire.stream.destroy();
  signal?.addEventListener('abort', interrupt);
  try {
    if (signal?.aborted) throw interrupted(signal);
    const connecting = ssh.connect({
      sock: wire.stream,
      username: route.user,
      readyTimeout: handshakeSeconds * 1000,
      // Its own count would end a slow upload, whose bytes are queued before the answer: silence is counted below.
      keepaliveInterval: keepaliveSeconds * 1000,
      keepaliveCountMax: Infinity,
      algorithms: { serverHostKey: hostKeyAlgorithms(trust) },
      hostVerifier: (key: Buffer) => {
        mistrusted = refusedKey(key, trust, { at, command, setting: 'host_key' });
        trusted = !mistrusted;
        return trusted;
      },
      authHandler: keyring.next,
    });
    const client = ssh.connection;
    // ssh2 tells of a lost connection by 'error', which ends the program when nobody listens.
    client?.on('error', () => {});
    await connecting;
    if (!client) throw new Error('no connection');
    return watch(client, wire.stream, at);
  } catch (error) {
    wire.stream.destroy();
    if (signal?.aborted) throw interrupted(signal);
    throw mistrusted ?? (await wire.blame()) ?? explain(error, trusted, route, () => keyring.refused(at));
  } finally {
    signal?.removeEventListener('abort', interrupt);
    await wire.settled();
  }
}

function explain(error: unknown, trusted: boolean, route: SshRoute, refused: () => Failure): Failure {
  const at = addressOf(route);
  const message = messageOf(error);
  if (/too many authentication failures/i.test(message))
    return new Failure(4, `${at} ended the attempt after too many keys`, {
      detail: refused().detail ?? '',
      advice: 'name the right key with `identity:` in ops.yml',
    });
  if (/authentication methods failed/.test(message)) return refused();
  const stage = trusted ? 'after its host key was accepted' : 'before it showed a host key';
  return new Failure(4, `${at} did not complete the connection (${stage}): ${message}`, {
    advice: `does an ssh server answer on port ${route.port}? try: ${sshCommand(route.address)}`,
    cause: error,
  });
}

function watch(client: Client, stream: Duplex, at: string): Connection {
  let silent = 0;
  let alive = true;
  stream.on('data', () => (silent = 0));
  // Ticks are counted, not time: a laptop that slept may find its connection well.
  const beat = setInterval(() => {
    silent += 1;
    if (silent > keepaliveCount) stream.destroy();
  }, keepaliveSeconds * 1000);
  beat.unref();
  const lost = new Promise<never>((_resolve, reject) => {
    const end = () => {
      alive = false;
      clearInterval(beat);
      reject(connectionLost(at));
    };
    client.once('close', end);
    client.once('end', end);
    client.once('error', end);
  });
  lost.catch(() => {});
  return { client, lost, alive: () => alive, end: () => client.end() };
}

/** Lets `most` in at once; the others wait their turn. What it gives back must be called to leave, and may be called twice. */
function limit(most: number): () => Promise<() => void> {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return async () => {
    if (inside >= most) await new Promise<void>(resolve => waiting.push(resolve));
    else inside += 1;
    let here = true;
    return () => {
      if (!here) return;
      here = false;
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    };
  };
}
