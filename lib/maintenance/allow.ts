// The addresses that bypass maintenance, written as nginx writes them in $remote_addr.
import { isIPv6 } from 'node:net';
import { Failure } from '../errors.ts';

const strictV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** @throws Failure 2 when it is no single address of a visitor. */
export function remoteAddress(text: string): string {
  if (strictV4.test(text)) return text;
  if (/[/*]/.test(text) || /^[\d.]+-[\d.]+$/.test(text))
    throw refused(text, 'is a range, and only single addresses can pass');
  if (text.includes('%') || !isIPv6(text)) throw refused(text, 'is not an IPv4 or IPv6 address');
  // As nginx does it: small letters, no zeros in front, :: for the first of the longest runs of zeros.
  const plain = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(plain) ?? [];
  if (high !== undefined && low !== undefined) return v4(Number.parseInt(high, 16), Number.parseInt(low, 16));
  // What is below 2^32 nginx writes as IPv4 with :: in front, and nobody comes from there.
  if (/^::(?:[\da-f]+(?::[\da-f]+)?)?$/.test(plain) && plain !== '::1')
    throw refused(text, 'is not an address that a visitor can have');
  return plain;
}

/** nginx sees a visitor by IPv4 as such, and not as ::ffff:… */
function v4(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function refused(text: string, why: string): Failure {
  return new Failure(2, `--allow ${JSON.stringify(text.slice(0, 60))} ${why}`, {
    advice: 'write one address, such as 203.0.113.4 or 2001:db8::4, and --allow again for the next',
  });
}
