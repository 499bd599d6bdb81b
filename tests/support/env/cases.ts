// Lines of environment files: what is accepted and the value that each reader gives, and what is refused, with the words and what was meant.

/** What is accepted, and what each reader then gives. */
export const accepted: [string, string][] = [
  ['A=plain', 'plain'],
  ['  A=indented', 'indented'],
  ['A=', ''],
  ["A=''", ''],
  ['A=""', ''],
  ['A= \t', ''],
  ['A=x \t ', 'x'],
  ['A=pass#word', 'pass#word'],
  ['A=password$ ', 'password$'],
  ['A="pass word$"', 'pass word$'],
  ['A=#word', '#word'],
  ['A=postgres://u:p@h/db?a=b,c*!?[x]{y}^', 'postgres://u:p@h/db?a=b,c*!?[x]{y}^'],
  ['A==x=', '=x='],
  ['A=é日本', 'é日本'],
  ["A='two words'  ", 'two words'],
  ['A=\'$x ${y} $(z) `q` # \\n "d" \\\\\'', '$x ${y} $(z) `q` # \\n "d" \\\\'],
  [
    "A='-----BEGIN KEY-----\nc2VjcmV0=\n# B=2\n-----END KEY-----\n'",
    '-----BEGIN KEY-----\nc2VjcmV0=\n# B=2\n-----END KEY-----\n',
  ],
  ['A="it\'s # one\ntwo"', "it's # one\ntwo"],
  ['A="\\$2b\\$12 it\'s \\"q\\" \\\\n \\\\"', '$2b$12 it\'s "q" \\n \\'],
];

/** What is refused, and the words that say why and what to write. */
export const refused: [string, string, string | undefined][] = [
  ['A=k9$Tq7', "1: A: Compose and a shell read a $ as a variable, systemd does not: write A='…'", 'k9$Tq7'],
  [
    'A="k9${Tq7}"',
    '1: A: Compose and a shell read a $ in "…" as a variable, systemd does not: write A=\'…\'',
    'k9${Tq7}',
  ],
  [
    "A=$2b$12$KIX it's",
    '1: A: Compose and a shell read a $ as a variable, systemd does not: write A="…" with a \\ before each \\, " and $',
    "$2b$12$KIX it's",
  ],
  ['A=a\\nb', "1: A: a backslash outside of quotes is kept by Compose only: write A='…'", 'a\\nb'],
  [
    'A="a\\nb"',
    '1: A: Compose makes \\n, \\r and \\t in "…" another character, systemd and a shell do not (a real line break in quotes is read alike): write A=\'…\'',
    'a\\nb',
  ],
  ['A="a\\xb"', '1: A: a backslash in "…" that does not stand before \\, " or $: write A=\'…\'', 'a\\xb'],
  ['A=a`b', "1: A: a shell runs what stands in `…`: write A='…'", 'a`b'],
  ["A=it's", '1: A: a quote inside of a value without quotes: write A="…" with a \\ before each \\, " and $', "it's"],
  [
    'A="it\'s `x`"',
    '1: A: a shell runs what stands in `…`, and Compose keeps a \\ before it: there is no form that all read alike: put it into a file of its own, or encode it as base64',
    "it's `x`",
  ],
  [
    "A='a\\'",
    '1: A: Compose takes the \\\' at its end for a quote that is part of it: write A="…" with a \\ before each \\, " and $',
    'a\\',
  ],
  ['A=two words', "1: A: a shell takes what follows a blank for a command: write A='…'", 'two words'],
  ['A=a;b', "1: A: a shell ends the value at ; & | < > ( and ): write A='…'", 'a;b'],
  ['A=~/x', "1: A: a shell reads ~ as a home: write A='…'", '~/x'],
  [
    'A=x # note',
    '1: A: a comment after the value, which systemd makes part of it: write A=…, and the comment on a line of its own',
    'x',
  ],
  [
    "A='x y' # note",
    "1: A: a comment after the value, which systemd makes part of it: write A='…', and the comment on a line of its own",
    'x y',
  ],
  [
    'A= # note',
    '1: A: a comment after the value, which systemd makes part of it: write A=, and the comment on a line of its own',
    '',
  ],
  ["A='x'y", '1: A: text follows the closing quote: write A=…', 'x'],
  ['A = x', '1: A: a blank beside the =: write A=…', 'x'],
  ['export A=x', '1: A: systemd does not know `export`: write A=…', 'x'],
  ['A=\u00a0x', "1: A: an invisible space at its end, which Compose takes away: write A='…'", '\u00a0x'],
  [
    'A=\uFFFD',
    '1: A: systemd refuses the whole file for bytes that are no UTF-8: there is no form that all read alike: put it into a file of its own, or encode it as base64',
    '\uFFFD',
  ],
  [
    'A=a\u0007',
    '1: A: a control character, which older systemd leaves out: there is no form that all read alike: put it into a file of its own, or encode it as base64',
    'a\u0007',
  ],
  ['UID=7', '1: UID: a shell has its own variable of this name: give it another one', undefined],
  [
    'A=x\r',
    "1: ends as Windows ends lines, and a shell makes that part of the value: sed -i 's/\\r$//' takes it away",
    'x',
  ],
  [
    '\uFEFFA=x',
    "1: an invisible mark (BOM) begins the file, and hides the first name: sed -i '1s/^\\xEF\\xBB\\xBF//' takes it away",
    'x',
  ],
  ['# note \\\nA=x', '1: a comment that ends with \\: systemd before 254 takes the next line for part of it', 'x'],
  ['A', '1: is not NAME=value: a name of letters, digits and _, directly followed by =', undefined],
  ['A: x', '1: is not NAME=value: a name of letters, digits and _, directly followed by =', undefined],
  ['A.b=x', '1: is not NAME=value: a name of letters, digits and _, directly followed by =', undefined],
  ['; A=x', '1: is not NAME=value: a name of letters, digits and _, directly followed by =', undefined],
  [
    `A=${'x'.repeat(131_070)}`,
    '1: A: is longer than the 131071 bytes that Linux gives a program: name a file instead',
    undefined,
  ],
];

/** All that is accepted in one file, the variables named CASE_0, CASE_1 …, and what they must be. */
export const everyCase = {
  text: `${accepted.map(([line], index) => line.replace('A=', `CASE_${index}=`)).join('\n')}\n`,
  values: Object.fromEntries(accepted.map(([, value], index) => [`CASE_${index}`, value])),
};

/** Of an environment as \`env -0\` or /proc/…/environ gives it. */
export function casesIn(environ: string): Record<string, string> {
  const all = environ.split('\0').map(one => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]);
  return Object.fromEntries(all.filter(([name]) => name?.startsWith('CASE_')));
}
