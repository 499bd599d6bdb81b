// Requests a test file at each address of each domain, as the certificate authority will, so that faults are found before it is asked.
import { request } from 'node:http';
import { isIPv6 } from 'node:net';
import { taskCommand, type TargetName } from '../target/command.ts';
import { codeOf, isServer, record, type Lookup, type DnsProblem } from './dns.ts';

/** `answer` is `good`, or what came instead. */
export type ChallengeAnswer = { domain: string; address: string; answer: string };

/** Asks every address over http: the authority may take any, and goes to IPv6 first. */
export async function askEverywhere(lookups: readonly Lookup[], token: string): Promise<ChallengeAnswer[]> {
  const ways = lookups.flatMap(({ domain, addresses }) => addresses.map(address => ({ domain, address })));
  return Promise.all(ways.map(async way => ({ ...way, answer: await ask(way.domain, way.address, token) })));
}

/** The file's name is its content. */
function ask(domain: string, address: string, token: string): Promise<string> {
  return new Promise(resolve => {
    const asked = request(
      {
        host: address,
        port: 80,
        path: `/.well-known/acme-challenge/${token}`,
        headers: { host: domain, 'user-agent': 'bookops' },
        agent: false,
        timeout: 5000,
      },
      answer => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
          if (text.length > 10_000) asked.destroy();
        });
        answer.on('error', () => {});
        answer.on('close', () => {
          const to = answer.headers.location;
          if (text.trim() === token) resolve('good');
          else if (to !== undefined) resolve(`redirects to ${to.slice(0, 200)}`);
          else resolve(answer.statusCode === 200 ? 'answers something else' : `answers ${answer.statusCode}`);
        });
      },
    );
    asked.on('timeout', () => asked.destroy(Object.assign(new Error('silent'), { code: 'ETIMEDOUT' })));
    asked.on('error', error => resolve(codeOf(error)));
    asked.end();
  });
}

const silent = ['ETIMEDOUT', 'EHOSTUNREACH', 'ECONNRESET'];
/** This machine has no way to such addresses, which says nothing about the server. */
const unreachableFromHere = ['ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** What is wrong and what to do; `doubt`: it could not be found out from here. undefined: the authority will find the file. */
export function explainSeen(
  { domain, address, answer }: ChallengeAnswer,
  server: readonly string[],
  target: TargetName,
): (DnsProblem & { doubt?: true }) | undefined {
  if (answer === 'good') return undefined;
  const whose = isServer(address, server);
  if (whose === 'no')
    return {
      says: `${domain} resolves to ${address}, and this server is ${server.join(', ')}`,
      fix: isIPv6(address)
        ? `remove its AAAA record, because the authority goes there first, or change it: ${record(domain, server, address)}`
        : `change the record: ${record(domain, server, address)}`,
    };
  if (isIPv6(address) && unreachableFromHere.includes(answer))
    return {
      says: `${domain}: ${address} cannot be asked from here, which has no IPv6`,
      fix: 'if that is not the server, remove its AAAA record',
      doubt: true,
    };
  const unsure = whose === 'unknown' ? ` (is that the server? say so with --address ${address})` : '';
  const at = `${domain} at ${address}${unsure}`;
  if (silent.includes(answer))
    return {
      says: `${at} does not answer on port 80 (${answer}): a firewall`,
      fix: 'open port 80: sudo ufw allow 80/tcp, and in the firewall of the hosting provider',
    };
  if (answer === 'ECONNREFUSED')
    return {
      says: `nothing listens on port 80 of ${at}`,
      fix: 'sudo systemctl start nginx; ss -ltn shows who listens',
    };
  return {
    says: `${at} ${answer} where the file for the authority should be`,
    fix: `another server block takes ${domain} on port 80: sudo nginx -T | grep -n server_name; ${taskCommand('site apply', target)} puts ours there`,
  };
}
