// Splits a byte stream into whole lines that are safe to print.
import { StringDecoder } from 'node:string_decoder';
import { Writable } from 'node:stream';
import { visible } from './safe-text.ts';

/** A line that never ends must not fill the memory. */
const longest = 1_000_000;

/** `take` gets whole lines, several at a time, and calls back when it can have more. */
export function lineWriter(take: (lines: string[], done: () => void) => void): Writable {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const hand = (lines: string[], done: () => void) => (lines.length ? take(lines.map(visible), done) : done());
  return new Writable({
    write(piece: Buffer, _encoding, done) {
      const lines = (rest + decoder.write(piece)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > longest) {
        lines.push(rest);
        rest = '';
      }
      hand(lines, done);
    },
    final(done) {
      rest += decoder.end();
      hand(rest ? [rest] : [], done);
    },
  });
}
