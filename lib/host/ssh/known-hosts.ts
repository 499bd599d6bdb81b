// Which host keys are trusted, and the refusal of every other one before anything is sent.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { Failure } from '../../errors.ts';
import { programEnvironment } from '../environment.ts';
import { runOpenSsh, type SshRoute } from './config.ts';

type TrustedKey = { type: string; base64: string; from: string };

export type HostKeyCheck = {
  /** The name that was looked for: `host` or `[host]:port`. */
  name: string;
  /** Where it was looked for. */
  files: string[];
  pinned: boolean;
  keys: TrustedKey[];
  revoked: TrustedKey[];
  /** `@cert-authority` lines that match: this program cannot check certificates. */
  authorities: number;
};

/** The host in question: how messages call it, how plain ssh reaches it, and where its key is pinned in ops.yml. */
export type Party = { at: string; command: string; setting: 'host_key' | 'jump_host_key' };

/** The keys pinned in ops.yml. @throws Failure 3 for a line that is no public key. */
export function pinnedKeys(lines: string[]): HostKeyCheck {
  const keys = lines.map(line => {
    const [type = '', base64 = ''] = line.trim().split(/\s+/);
    if (keyType(Buffer.from(base64, 'base64')) !== type)
      throw new Failure(3, `host_key ${JSON.stringify(line)} is not a public key`, {
        advice: 'copy the line of /etc/ssh/ssh_host_ed25519_key.pub on the server: ssh-ed25519 AAAA…',
      });
    return { type, base64: unpadded(base64), from: 'ops.yml' };
  });
  return { name: 'host_key', files: ['ops.yml'], pinned: true, keys, revoked: [], authorities: 0 };
}

/** The keys that all known_hosts files hold for `name`; OpenSSH searches them, so hashed names and patterns work. */
export async function knownKeys(
  route: Pick<SshRoute, 'knownHosts' | 'keyName' | 'revokedKeys'>,
  environment: NodeJS.ProcessEnv,
): Promise<HostKeyCheck> {
  if (route.revokedKeys)
    throw new Failure(3, `~/.ssh/config sets RevokedHostKeys ${route.revokedKeys}, which is not read here`, {
      advice: 'pin the key instead: host_key in ops.yml',
    });
  const files = route.knownHosts.filter(file => existsSync(file));
  const found = await Promise.all(files.map(file => findKeys(route.keyName, file, environment)));
  const lines = found.flat();
  const revoked = lines.filter(line => line.marker === '@revoked');
  return {
    name: route.keyName,
    files: files.length > 0 ? files : route.knownHosts,
    pinned: false,
    keys: lines.filter(line => !line.marker && !revoked.some(bad => bad.base64 === line.base64)),
    revoked,
    authorities: lines.filter(line => line.marker === '@cert-authority').length,
  };
}

/**
 * Every algorithm, those of the trusted keys first: the server then shows a key that can be compared if it has one,
 * and one that can be named in the refusal if it has not.
 */
export function hostKeyAlgorithms(trust: HostKeyCheck): ServerHostKeyAlgorithm[] {
  const all: ServerHostKeyAlgorithm[] = [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
    'ssh-rsa',
  ];
  const known = (name: ServerHostKeyAlgorithm) =>
    trust.keys.some(key => (key.type === 'ssh-rsa' ? /rsa/.test(name) : key.type === name));
  return [...all.filter(known), ...all.filter(name => !known(name))];
}

/** Why the key that a host showed is not accepted; undefined when it is trusted. */
export function refusedKey(shown: Buffer, trust: HostKeyCheck, party: Party): Failure | undefined {
  const base64 = unpadded(shown.toString('base64'));
  const same = (key: TrustedKey) => key.base64 === base64;
  const bad = trust.revoked.find(same);
  if (bad)
    return new Failure(4, `the host key that ${party.at} showed is revoked (${bad.from})`, {
      detail: `it showed ${describeKey(shown)}`,
      advice: 'do not connect. If the host was set up again, give it new keys and put the new one into known_hosts',
    });
  if (trust.keys.some(same)) return undefined;
  return keyFailure(describeKey(shown), trust, party, `${keyType(shown)} ${shown.toString('base64')}`);
}

/** The refusal of a key that is not trusted, `shown` as text; `line` is the whole key where it was seen. */
export function keyFailure(
  shown: string,
  trust: HostKeyCheck,
  { at, command, setting }: Party,
  line?: string,
): Failure {
  const changed = trust.keys.length > 0;
  const pin = `put this into ops.yml:\n  ${setting}: ${line ?? '(the line of /etc/ssh/ssh_host_ed25519_key.pub on the server)'}`;
  return new Failure(
    4,
    changed
      ? `the host key of ${at} has changed: it was set up again, or somebody is in between`
      : `the host key of ${at} is not known`,
    {
      detail: [
        `it showed   ${shown}`,
        ...trust.keys.map(key => `trusted is  ${describeKey(Buffer.from(key.base64, 'base64'))} (${key.from})`),
        ...(changed ? [] : [`trusted is  none (looked for ${trust.name} in ${trust.files.join(', ')})`]),
        ...(trust.authorities ? ['@cert-authority lines were skipped: host certificates are not supported here'] : []),
      ].join('\n'),
      advice: [
        "nothing was sent. Compare the fingerprint with this, typed on the server's own console:",
        '  for key in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf "$key"; done',
        `only if it is the same, ${changed ? forget(trust, pin) : `run \`${command}\` once and say yes, or ${pin}`}`,
      ].join('\n'),
    },
  );
}

/** How to give up the key that was trusted so far. */
function forget(trust: HostKeyCheck, pin: string): string {
  const [first] = trust.keys;
  if (!first || trust.pinned) return pin;
  return `forget the old one with \`ssh-keygen -f ${first.from.replace(/:\d+$/, '')} -R '${trust.name}'\` and accept the new one with ssh, or ${pin}`;
}

/** `ssh-ed25519 SHA256:…`, as ssh and ssh-keygen print it. */
export function describeKey(key: Buffer): string {
  return `${keyType(key) ?? 'a key of an unknown type'} ${fingerprint(key)}`;
}

function fingerprint(key: Buffer): string {
  return `SHA256:${unpadded(createHash('sha256').update(key).digest('base64'))}`;
}

/** A public key begins with its own type as a string of SSH: four bytes of length, then the text. */
function keyType(key: Buffer): string | undefined {
  if (key.length < 8) return undefined;
  const length = key.readUInt32BE(0);
  return length > 0 && length + 4 < key.length ? key.toString('latin1', 4, 4 + length) : undefined;
}

function unpadded(base64: string): string {
  return base64.replace(/=+$/, '');
}

type Line = TrustedKey & { marker: string | undefined };

async function findKeys(name: string, file: string, environment: NodeJS.ProcessEnv): Promise<Line[]> {
  const asked = ['-F', name, '-f', file];
  const { error, stdout, stderr } = await runOpenSsh('ssh-keygen', asked, programEnvironment(environment));
  // Exit 1 with nothing on standard error is its way to say that the name is not there.
  if (error && stderr.trim()) throw new Failure(4, `${file} cannot be read`, { detail: stderr.trim() });
  return parseFound(stdout, file);
}

/** Pairs of lines: `# Host name found: line 3`, then the line of the file itself. */
function parseFound(text: string, file: string): Line[] {
  const found: Line[] = [];
  let from = file;
  for (const line of text.split('\n')) {
    const number = /^# Host .* found: line (\d+)/.exec(line)?.[1];
    if (number) from = `${file}:${number}`;
    if (!line.trim() || line.startsWith('#')) continue;
    const words = line.trim().split(/\s+/);
    const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
    const [, type = '', base64 = ''] = words;
    found.push({ marker, type, base64: unpadded(base64), from });
  }
  return found;
}
