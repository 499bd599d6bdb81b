// The keys that are offered to a host, in OpenSSH's order: from the agent, then from files. Never a password.
import { readFile, stat } from 'node:fs/promises';
import type { AnyAuthMethod, AuthHandlerMiddleware, OpenSSHAgent, ParsedKey } from 'ssh2';
import { Failure } from '../../errors.ts';
import { homeOf, sshCommand, type SshRoute } from './config.ts';
import { describeKey } from './known-hosts.ts';

export type Keyring = {
  /** For ssh2: each call names the next thing to try. */
  next: AuthHandlerMiddleware;
  /** Why nothing was accepted: every key that was offered, every one that could not be, and what to do. */
  refused(at: string): Failure;
};

type KeyAttempt = { method: AnyAuthMethod; names: string[] };

/** `identity` from ops.yml, when given, is the only key that is offered. */
export async function gatherKeys(
  route: SshRoute,
  identity: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Keyring> {
  const { default: ssh2 } = await import('ssh2');
  const skipped: string[] = [];
  const agent = route.agent ? new ssh2.OpenSSHAgent(route.agent) : undefined;
  const held = agent && route.agent ? await heldBy(agent, route.agent, skipped) : [];
  const home = `${homeOf(environment)}/`;

  const files: { name: string; blob: Buffer; key: ParsedKey | undefined }[] = [];
  for (const file of identity ? [identity] : route.identityFiles) {
    const name = file.startsWith(home) ? `~/${file.slice(home.length)}` : file;
    const { blob, key, problem } = await readIdentity(file, ssh2.utils.parseKey);
    if (problem === absent && !identity) continue;
    if (problem === absent) throw new Failure(3, `the identity ${name} of ops.yml does not exist`);
    if (blob) files.push({ name, blob, key });
    const inAgent = held.some(one => blob && one.getPublicSSH().equals(blob));
    if (problem && !inAgent) skipped.push(`${name} ${problem}`);
  }

  const listed = (key: ParsedKey) => files.findIndex(file => file.blob.equals(key.getPublicSSH()));
  const rank = (key: ParsedKey) => (listed(key) < 0 ? files.length : listed(key));
  const fromAgent = held
    .filter(key => listed(key) >= 0 || !(route.identitiesOnly || identity))
    .sort((a, b) => rank(a) - rank(b));
  const attempts: KeyAttempt[] = [];
  if (agent && fromAgent.length > 0) {
    agent.getIdentities = done => done(undefined, fromAgent);
    attempts.push({
      method: { type: 'agent', username: route.user, agent },
      names: fromAgent.map(key => `${describeKey(key.getPublicSSH())} ${key.comment || ''}`.trim() + ' (agent)'),
    });
  }
  for (const file of files) {
    if (!file.key || fromAgent.some(key => key.getPublicSSH().equals(file.blob))) continue;
    const method: AnyAuthMethod = { type: 'publickey', username: route.user, key: file.key };
    attempts.push({ method, names: [`${describeKey(file.blob)} ${file.name}`] });
  }

  const offered: string[] = [];
  const queue = [...attempts];
  return {
    next: () => {
      const attempt = queue.shift();
      offered.push(...(attempt?.names ?? []));
      // False is ssh2's word for "no more"; its types only know the callback, which cannot say it.
      return attempt ? attempt.method : false;
    },
    refused: at => refusedAt(at, route, offered, skipped),
  };
}

const absent = 'does not exist';

type KeyFile = { blob?: Buffer; key?: ParsedKey | undefined; problem?: string };

/** A private key, or what its .pub says when only the agent can use it. */
async function readIdentity(file: string, parse: (text: Buffer) => ParsedKey | Error): Promise<KeyFile> {
  const text = await readFile(file).catch(() => undefined);
  const publicText = await readFile(`${file}.pub`).catch(() => undefined);
  const publicKey = publicText && parse(publicText);
  const known = publicKey && !(publicKey instanceof Error) ? { blob: publicKey.getPublicSSH() } : {};
  if (!text) return { ...known, ...(publicText ? {} : { problem: absent }) };

  const key = parse(text);
  if (key instanceof Error) {
    const problem = /encrypted/i.test(key.message)
      ? `has a passphrase: ssh-add ${file}`
      : `cannot be read: ${key.message}`;
    return { ...known, problem };
  }
  const blob = key.getPublicSSH();
  if (!key.isPrivateKey()) return { blob };
  // As OpenSSH does: a private key that others can read is no secret any more.
  const { mode } = await stat(file);
  if (mode & 0o077) return { blob, problem: `can be read by others: chmod 600 ${file}` };
  return { blob, key };
}

/** A socket left over from an old session is common, so an agent that does not answer is only a remark. */
function heldBy(agent: OpenSSHAgent, socket: string, skipped: string[]): Promise<ParsedKey[]> {
  return new Promise(resolve => {
    const remark = () => {
      skipped.push(`the ssh-agent at ${socket} does not answer`);
      resolve([]);
    };
    const late = setTimeout(remark, 5_000);
    agent.getIdentities((error, keys) => {
      clearTimeout(late);
      if (error || !keys) return remark();
      resolve(keys.filter(key => typeof key === 'object' && 'getPublicSSH' in key));
    });
  });
}

function refusedAt(at: string, route: SshRoute, offered: string[], skipped: string[]): Failure {
  const locked = skipped.find(line => line.includes('ssh-add '));
  const [, toAdd] = / (ssh-add .*)$/.exec(locked ?? '') ?? [];
  const command = sshCommand(route.address).replace(/^ssh /, '');
  return new Failure(
    4,
    offered.length > 0
      ? `${at}: permission denied (publickey): it accepted none of the keys offered`
      : `there is no key to offer to ${at}`,
    {
      detail: [...offered.map(key => `offered  ${key}`), ...skipped.map(line => `skipped  ${line}`)].join('\n'),
      advice: toAdd
        ? `${toAdd}, then try again`
        : `let the key in: ssh-copy-id ${command}. Passwords are never asked for`,
    },
  );
}
