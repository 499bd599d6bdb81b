// The progress of a transfer as people read it: size, speed, and time left.
import { span } from '../duration.ts';
import { size } from '../size.ts';
import type { Say } from './items.ts';

const everyMs = 5000;

/** What it will be in the end, or at most. */
export type ExpectedSize = { bytes: number; atMost: boolean };

/** Says a line every five seconds, however often it is asked to; the first after `firstMs`. */
export function seldom(say: Say, firstMs = everyMs): (line: () => string) => void {
  let next = Date.now() + firstMs;
  return line => {
    if (Date.now() < next) return;
    next = Date.now() + everyMs;
    say(line());
  };
}

/** Has to get every byte; prints a line after two seconds, and then every five. `end` undefined: unknown. */
export function progress(name: string, end: ExpectedSize | undefined, say: Say): (bytes: number) => void {
  const began = Date.now();
  const tell = seldom(say, 2000);
  return bytes => tell(() => `${name}: ${soFar(bytes, (Date.now() - began) / 1000, end)}`);
}

/** `344 MB of 549 MB, 69 MB/s, 3 s left`; what is packed on its way has an end that is known from above only. */
export function soFar(bytes: number, seconds: number, end: ExpectedSize | undefined): string {
  const perSecond = bytes / seconds;
  const words = [end && !end.atMost ? `${size(bytes)} of ${size(end.bytes)}` : size(bytes), `${size(perSecond)}/s`];
  if (end && bytes > 0 && end.bytes > bytes) {
    const left = (end.bytes - bytes) / perSecond;
    words.push(`${end.atMost ? 'at most ' : ''}${left < 90 ? `${Math.ceil(left)} s` : span(left)} left`);
  }
  return words.join(', ');
}
