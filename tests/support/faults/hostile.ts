// Values that mean harm, the same ones on every run: each would make a canary file if any shell ran it.

/** A generator of numbers from 0 to below 1 with a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export type Random = ReturnType<typeof seeded>;
export const below = (random: Random, end: number) => Math.floor(random() * end);
export function pick<T>(random: Random, list: readonly T[]): T {
  const one = list[below(random, list.length)];
  if (one === undefined) throw new Error('nothing to pick from');
  return one;
}

/** Pieces that shells, URLs, YAML, regular expressions, printf and log lines read as more than text. */
const pieces = (canary: string) => [
  `$(touch ${canary})`,
  `\`touch ${canary}\``,
  `; touch ${canary} ;`,
  `' ; touch ${canary} ; '`,
  `" ; touch ${canary} ; "`,
  `\n touch ${canary} \n`,
  `| touch ${canary}`,
  `&& touch ${canary} #`,
  `\${x:-$(touch ${canary})}`,
  `$((x[$(touch ${canary})]))`,
  `x[$(touch ${canary})]`,
  `<(touch ${canary})`,
  `\\'; touch ${canary}; \\'`,
  `$'\\x27'; touch ${canary}`,
  `> ${canary}`,
  '../',
  '/../../etc/passwd',
  '..',
  '~root',
  '-rf',
  '--upload-pack=touch',
  '-',
  "'",
  '"',
  '\\',
  '\n',
  '\r\n',
  '\t',
  ' ',
  '*',
  '?[a-z]',
  '{a,b}',
  '!!',
  '%s%n',
  '%00',
  '#',
  '=',
  '$IFS',
  '$@',
  '&',
  '“ü”',
  '日本',
  '👩‍👩‍👧',
  '\u202e',
  '\u00a0',
  '\u2028',
  '\x01\x1b[31m',
  '\x7f',
  'é',
  'ordinary',
  'a1b2c3d',
  '[.*+?^$()|',
  'EOF\n',
  'outcome=live',
  'reason="',
];

/** A hostile text of one to eight pieces, now and then a very long one; `nul` allows NUL, which no shell word can carry. */
export function hostile(random: Random, canary: string, { nul = false, oneLine = false } = {}): string {
  const all = nul ? [...pieces(canary), '\0'] : pieces(canary);
  const parts = Array.from({ length: 1 + below(random, 8) }, () => pick(random, all));
  const text = parts.join(random() < 0.3 ? ' ' : '') + (random() < 0.002 ? 'long '.repeat(20_000) : '');
  return oneLine ? text.replace(/[\r\n]/g, ' ') : text;
}
