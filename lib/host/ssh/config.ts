// What OpenSSH makes of an address: `ssh -G` reads ~/.ssh/config, so that every alias means here what it means to ssh.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../errors.ts';
import { sshEnvironment } from '../environment.ts';

/** An address taken apart; `host` may be an alias of ~/.ssh/config. */
export type Address = { user: string | undefined; host: string; port: number | undefined };

/** Where and how to connect, as OpenSSH would. Files are absolute paths on this machine. */
export type SshRoute = {
  /** As a person wrote it in ops.yml. */
  address: string;
  hostname: string;
  port: number;
  user: string;
  /** The name under which known_hosts is searched: `host`, `[host]:port` or the HostKeyAlias. */
  keyName: string;
  knownHosts: string[];
  /** RevokedHostKeys of the configuration. */
  revokedKeys: string | undefined;
  identityFiles: string[];
  identitiesOnly: boolean;
  /** The agent's socket. */
  agent: string | undefined;
  proxyJump: string | undefined;
  proxyCommand: string | undefined;
};

/** `user@host`, `user@host:port`, `[2001:db8::1]:22` or an alias. @throws Failure 3 for anything that ssh could take for an option or a command. */
export function parseAddress(address: string): Address {
  const at = address.lastIndexOf('@');
  const user = at < 0 ? undefined : address.slice(0, at);
  const rest = address.slice(at + 1);
  const [, bracketed, open, text] = /^(?:\[([^\]]*)\]|(.*?))(?::(\d+))?$/.exec(isIPv6(rest) ? `[${rest}]` : rest) ?? [];
  const host = bracketed ?? open ?? '';
  const port = text === undefined ? undefined : Number(text);
  const good =
    (user === undefined || /^[\p{L}\p{N}_][\p{L}\p{N}_.@+-]*$/u.test(user)) &&
    (bracketed === undefined ? /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(host) : isIPv6(host)) &&
    (port === undefined || (port > 0 && port < 65536));
  if (!good)
    throw new Failure(3, `${JSON.stringify(address)} is not an address`, {
      advice: 'write user@host, user@host:port, [2001:db8::1]:port or a Host of ~/.ssh/config into ops.yml',
    });
  return { user, host, port };
}

/** Asks `ssh -G`. @throws Failure 3 for a bad address or a bad ~/.ssh/config. */
export async function resolveAddress(address: string, environment: NodeJS.ProcessEnv): Promise<SshRoute> {
  const { user, host, port } = parseAddress(address);
  const wanted = [...(port ? ['-p', String(port)] : []), ...(user ? ['-l', user] : []), '--', host];
  const asked = ['-G', ...configOption(environment), ...wanted];
  const { error, stdout, stderr } = await runOpenSsh('ssh', asked, sshEnvironment(environment));
  if (error)
    throw new Failure(3, 'ssh does not understand its configuration', { detail: stderr.trim() || error.message });

  const settings = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const [key = '', ...value] = line.split(' ');
    settings.set(key, [...(settings.get(key) ?? []), value.join(' ')]);
  }
  const one = (key: string) => {
    const value = settings.get(key)?.[0];
    return value === undefined || value.toLowerCase() === 'none' || value === '' ? undefined : value;
  };

  const hostname = (one('hostname') ?? host).toLowerCase();
  const route = { hostname, port: Number(one('port') ?? 22), user: one('user') ?? userInfo().username, alias: host };
  const knownHosts = `${one('userknownhostsfile') ?? ''} ${one('globalknownhostsfile') ?? ''}`;
  const command = one('proxycommand');
  return {
    address,
    hostname,
    port: route.port,
    user: route.user,
    keyName: one('hostkeyalias') ?? (route.port === 22 ? hostname : `[${hostname}]:${route.port}`),
    // ssh prints the files one after the other and unquoted; each begins with / or ~.
    knownHosts: knownHosts.trim().split(/\s+(?=[/~])/).filter(Boolean).map(file => atHome(file, environment)), // prettier-ignore
    revokedKeys: one('revokedhostkeys'),
    identityFiles: (settings.get('identityfile') ?? [])
      .filter(file => file.toLowerCase() !== 'none')
      .map(file => atHome(expand(file, route, environment), environment)),
    identitiesOnly: one('identitiesonly') === 'yes',
    agent: agentSocket(settings.get('identityagent')?.[0], environment),
    proxyJump: one('proxyjump'),
    proxyCommand: command && proxyCommand(command, route, environment),
  };
}

/** `user@host:port`, with brackets around an IPv6 address. */
export function addressOf(route: Pick<SshRoute, 'user' | 'hostname' | 'port'>): string {
  return `${route.user}@${endpoint(route)}`;
}

/** `host:port`, with brackets around an IPv6 address. */
export function endpoint({ hostname, port }: Pick<SshRoute, 'hostname' | 'port'>): string {
  return `${isIPv6(hostname) ? `[${hostname}]` : hostname}:${port}`;
}

/** What a person types to reach it with plain ssh. */
export function sshCommand(address: string): string {
  const { user, host, port } = parseAddress(address);
  return `ssh ${port ? `-p ${port} ` : ''}${user ? `${user}@` : ''}${host}`;
}

/**
 * OpenSSH takes the home folder from the password file and ignores HOME. Where the two differ (CI containers, sudo), a
 * person's ~ is HOME, so the configuration there is named to ssh.
 */
export function configOption(environment: NodeJS.ProcessEnv): string[] {
  if (!homeMoved(environment)) return [];
  const files = [join(homeOf(environment), '.ssh/config'), '/etc/ssh/ssh_config'];
  return ['-F', files.find(file => existsSync(file)) ?? 'none'];
}

export function homeMoved(environment: NodeJS.ProcessEnv): boolean {
  return homeOf(environment) !== userInfo().homedir;
}

export function homeOf(environment: NodeJS.ProcessEnv): string {
  return environment.HOME || userInfo().homedir;
}

/** `~/…`, and what ssh already expanded with the password file's home, as a path below HOME. */
function atHome(file: string, environment: NodeJS.ProcessEnv): string {
  const home = homeOf(environment);
  if (file.startsWith('~/')) return join(home, file.slice(2));
  const listed = userInfo().homedir;
  return listed !== '/' && file.startsWith(`${listed}/`) ? join(home, file.slice(listed.length)) : file;
}

function agentSocket(setting: string | undefined, environment: NodeJS.ProcessEnv): string | undefined {
  if (setting?.toLowerCase() === 'none') return undefined;
  if (setting === undefined || setting === 'SSH_AUTH_SOCK') return environment.SSH_AUTH_SOCK || undefined;
  const [, name] = /^\$\{?(\w+)\}?$/.exec(setting) ?? [];
  return name ? environment[name] || undefined : atHome(setting, environment);
}

type Tokens = { hostname: string; port: number; user: string; alias: string };

/** The tokens of ssh_config that -G leaves as they stand; one that is not known stays. */
function expand(text: string, route: Tokens, environment: NodeJS.ProcessEnv): string {
  const values: Record<string, string> = {
    '%': '%',
    h: route.hostname,
    n: route.alias,
    p: String(route.port),
    r: route.user,
    u: userInfo().username,
    d: homeOf(environment),
  };
  return text.replace(/%(.)/g, (whole, token: string) => values[token] ?? whole);
}

function proxyCommand(command: string, route: Tokens, environment: NodeJS.ProcessEnv): string {
  const unknown = command.replaceAll('%%', '').match(/%[^hnprud]/);
  if (unknown)
    throw new Failure(3, `the ProxyCommand of ${route.alias} uses ${unknown[0]}, which is not supported here`, {
      advice: 'use %h, %p, %r and %n in ~/.ssh/config, or ProxyJump, or `jump:` in ops.yml',
    });
  return expand(command, route, environment);
}

/** Runs a program of OpenSSH with an empty standard input; `error`: it did not succeed. @throws Failure 4 when it is not there */
export function runOpenSsh(
  program: 'ssh' | 'ssh-keygen',
  words: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ error: Error | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, words, { env, timeout: 10_000 }, (error, stdout, stderr) =>
      error?.code === 'ENOENT' ? reject(missingProgram(program)) : resolve({ error, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** A program of OpenSSH that is not on this machine. */
export function missingProgram(program: string): Failure {
  return new Failure(4, `the program ${program} is not on this machine`, {
    advice: 'install OpenSSH: apt-get install openssh-client',
  });
}
