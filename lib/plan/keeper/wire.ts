// The lines between a keeper and its client, told apart from what steps print, and the beats by which each knows that the other lives.
import { Failure } from '../../errors.ts';
import type { Channel } from '../../host/host.ts';

/** Characters of one line; the longest of the protocol brings what a step answered. */
const mostOfLine = 16_000_000;
const BEAT_MS = 2000;
/** The keeper says that it lives as often as we do: so many beats without a byte of it, and it is given up. */
const SILENT_BEATS = 10;

export type Ears = {
  /** A line of the keeper's. */
  event(line: string): void;
  /** A line that a step printed. */
  say(line: string): void;
  /** There will be no more. */
  over(error: unknown): void;
};

/** `name` is the host's, for messages. */
export function openWire(channel: Channel, nonce: string, name: string, { event, say, over }: Ears) {
  let silent = 0;
  let rest = '';
  let errors = '';
  // beats are counted, not time: a laptop that slept may find its keeper well
  const beat = setInterval(() => {
    channel.input.write('beat\n');
    if (++silent <= SILENT_BEATS) return;
    over(new Failure(4, `no heartbeat from the keeper on ${name} for ${(SILENT_BEATS * BEAT_MS) / 1000} s`));
    channel.drop();
  }, BEAT_MS);
  channel.output.setEncoding('utf8').on('data', (text: string) => {
    silent = 0;
    rest += text;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    // what never ends its line is no line of ours, and nobody reads so much of it
    if (rest.length > mostOfLine) {
      if (!rest.startsWith(`${nonce} `)) say(rest.slice(0, 1000));
      else channel.drop();
      rest = '';
    }
    // only lines of the protocol begin with the nonce; one that a full disk cut off has no point at its end, and is sent again
    for (const [at, part] of parts.entries()) {
      if (!part.startsWith(`${nonce} `)) {
        if (part || !(parts[at + 1] ?? rest).startsWith(nonce)) say(part);
      } else if (part.endsWith(' .')) event(part.slice(nonce.length + 1, -2));
    }
  });
  channel.errors.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  channel.ended.then(({ code }) => {
    // nothing has been undone yet: the next keeper does it
    const killed = `the keeper on ${name} was killed (exited with ${code})`;
    setTimeout(() => over(new Failure(6, killed, { detail: errors.trim() })), 200);
  }, over);
  return {
    send: (...fields: (string | number)[]) => void channel.input.write(`${fields.join(' ')}\n`),
    /** The client has nothing more to say. */
    end() {
      clearInterval(beat);
      channel.input.end();
    },
  };
}

/** A field of what the keeper is told, which bash turns back by `printf %b`, so without a process; - stands for nothing. */
export function pack(text: string | undefined): string {
  if (text === '-') return '\\x2d';
  return text?.replaceAll(/[\\\0\t\n ]/g, character => escapes[character] ?? '') || '-';
}

const escapes: Record<string, string> = { '\\': '\\\\', '\0': '\\x00', '\t': '\\t', '\n': '\\n', ' ': '\\x20' };

/** A field of what the keeper tells. */
export function unpack(field: string): string {
  return Buffer.from(field, 'base64').toString();
}
