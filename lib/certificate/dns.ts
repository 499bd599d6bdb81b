// The addresses of the domains as public resolvers answer, not /etc/hosts, and what is wrong with them.
import { lookup, Resolver } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { Failure } from '../errors.ts';
import type { Finding } from '../finding.ts';

/** Those of Cloudflare, Google and Quad9: the next is asked when one is silent. */
export const publicResolvers = ['1.1.1.1', '8.8.8.8', '9.9.9.9'];

export type Lookup = {
  domain: string;
  addresses: string[];
  /** `no such name`, `no address`, or what the name servers answered. */
  trouble: string | undefined;
};

export type DnsProblem = Pick<Required<Finding>, 'says' | 'fix'>;

/** A and AAAA records of each domain. @throws Failure 2 for what is no resolver, 1 when none answers. */
export async function lookUp(domains: readonly string[], resolvers: readonly string[]): Promise<Lookup[]> {
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  try {
    resolver.setServers(resolvers);
  } catch {
    throw new Failure(2, `--resolver needs an address such as 9.9.9.9 or 10.0.0.2:5353, not ${resolvers.join(',')}`);
  }
  return Promise.all(
    domains.map(async domain => {
      const answers = await Promise.allSettled([resolver.resolve4(domain), resolver.resolve6(domain)]);
      const addresses = answers.flatMap(one => (one.status === 'fulfilled' ? one.value : []));
      const codes = answers.flatMap(one => (one.status === 'rejected' ? [codeOf(one.reason)] : []));
      const bad = codes.find(code => code !== 'ENODATA' && code !== 'ENOTFOUND');
      if (bad === 'ETIMEOUT' || bad === 'ECONNREFUSED')
        throw new Failure(1, `no resolver answers from here: ${resolvers.join(', ')} (${bad})`, {
          advice: 'name one that does with --resolver <address>, or go on without with --skip-checks',
        });
      // The authority asks for both, and takes no for an answer, but not a failure.
      if (bad) return { domain, addresses, trouble: `the name servers answer ${bad.replace(/^E/, '')}` };
      if (addresses.length) return { domain, addresses, trouble: undefined };
      return { domain, addresses, trouble: codes.includes('ENOTFOUND') ? 'no such name' : 'no address' };
    }),
  );
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

const inner = new BlockList();
for (const [net, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['127.0.0.0', 8],
] as const)
  inner.addSubnet(net, bits);
inner.addSubnet('fc00::', 7, 'ipv6');
inner.addSubnet('fe80::', 10, 'ipv6');
inner.addAddress('::1', 'ipv6');

/** Whether it means something only inside a network. */
export function isPrivate(address: string): boolean {
  return inner.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** The server's addresses as far as they can be known: what a person says, or its own and the one that ssh takes. */
export async function serverAddresses(
  said: string | undefined,
  hostname: string | undefined,
  own: readonly string[],
): Promise<string[]> {
  if (said !== undefined) {
    const wrong = said.split(',').find(one => !isIP(one));
    if (wrong !== undefined)
      throw new Failure(2, `--address needs addresses such as 203.0.113.10, not ${JSON.stringify(wrong)}`);
    return said.split(',').map(plain);
  }
  const found = hostname === undefined ? [] : await lookup(hostname, { all: true }).catch(() => []);
  return [...new Set([...found.map(({ address }) => address), ...own].map(plain))];
}

/** One way of writing an IPv6 address, so that two can be compared. */
function plain(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

/** `unknown` behind a NAT or a VPN: the server knows only what it is called inside. */
export function isServer(address: string, server: readonly string[]): 'yes' | 'no' | 'unknown' {
  if (server.includes(plain(address))) return 'yes';
  const family = (one: string) => isIPv6(one) === isIPv6(address);
  return server.some(one => family(one) && isPrivate(one) === isPrivate(address)) ? 'no' : 'unknown';
}

/** What to do about a name that leads nowhere. */
export function explainLookup({ domain, trouble }: Lookup, server: readonly string[]): DnsProblem | undefined {
  if (trouble === undefined) return undefined;
  if (trouble !== 'no such name' && trouble !== 'no address')
    return { says: `${domain}: ${trouble}`, fix: `look at its zone: dig +trace ${domain}` };
  return { says: `cannot resolve ${domain}: ${trouble}`, fix: `create the record: ${record(domain, server)}` };
}

/** The zone's record that points to the server; `old` is the present address. */
export function record(domain: string, server: readonly string[], old?: string): string {
  const six = old !== undefined && isIPv6(old);
  const fits = server.filter(one => isIPv6(one) === six);
  const best = fits.find(one => !isPrivate(one)) ?? fits[0];
  return `${domain}. ${six ? 'AAAA' : 'A'} ${best ?? "<the server's address>"}`;
}
