// What an environment file says, and that no complaint about it repeats a value.
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkEnvFile, parseEnvFile } from '../../lib/config/env-file.ts';
import type { CrossCheck, EnvFile, KeyRule } from '../../lib/config/target.ts';

const rules = (keys: Record<string, Partial<KeyRule>>, checks: CrossCheck[] = []): EnvFile => ({
  file: '/srv/book/env/backend.env',
  keys: Object.fromEntries(Object.entries(keys).map(([key, rule]) => [key, { required: true, ...rule }])),
  checks,
});
const check = (keys: Record<string, Partial<KeyRule>>, text: string, checks?: CrossCheck[]) =>
  checkEnvFile(rules(keys, checks), text);

const whenThen = (when: Record<string, string>, then: Record<string, string>, because?: string): CrossCheck => ({
  when,
  // oxlint-disable-next-line unicorn/no-thenable -- the word of ops.yml; its value is never a function
  then,
  ...(because !== undefined && { because }),
});

test('values are read as Compose reads them', () => {
  const { values, problems } = parseEnvFile(
    [
      '\uFEFF# a comment',
      'PLAIN=one two ',
      'export EXPORTED=yes',
      "SINGLE='a # b \\n'",
      'DOUBLE="a # \\"b\\"\\nc" # why',
      'INLINE=value # why',
      'HASH=pass#word',
      'EMPTY=',
      'ONLY_COMMENT= # nothing',
      '  SPACED = x ',
      'URL=postgres://u:p@h/db?a=b',
      'LINES="one\ntwo"',
      'CRLF=x\r',
    ].join('\n'),
  );
  assert.equal(problems, []);
  assert.equal(Object.fromEntries(values), {
    PLAIN: 'one two',
    EXPORTED: 'yes',
    SINGLE: 'a # b \\n',
    DOUBLE: 'a # "b"\nc',
    INLINE: 'value',
    HASH: 'pass#word',
    EMPTY: '',
    ONLY_COMMENT: '',
    SPACED: 'x',
    URL: 'postgres://u:p@h/db?a=b',
    LINES: 'one\ntwo',
    CRLF: 'x',
  });
});

test('a key that is set twice counts once, the last time, and is a problem', () => {
  const { values, problems } = parseEnvFile('A=1\nB=2\nA=3\n');
  assert.is(values.get('A'), '3');
  assert.equal(problems, ['A is set twice, on lines 1 and 3: the last one counts']);
});

test('a line that is no assignment and a quote without end are problems, and what follows is still read', () => {
  const { values, problems } = parseEnvFile('A="never closed\nB=2\njust words\n=x\n');
  assert.equal(problems, [
    'A: the quote that opens on line 1 is never closed',
    'line 3 is not KEY=VALUE',
    'line 4 is not KEY=VALUE',
  ]);
  assert.is(values.get('B'), '2');
});

test('a file that is missing says what it must set', () => {
  assert.equal(checkEnvFile(rules({ A: {}, B: { required: false }, C: {} }), undefined), [
    'the file is missing; it must set A, C',
  ]);
});

test('everything that is wrong is told at once, with the key and the rule', () => {
  const problems = check(
    {
      MODE: { oneOf: ['production', 'staging'] },
      ORIGIN: { pattern: 'https://[^/]+' },
      PORT: { number: { min: 1, max: 65535, whole: true } },
      SECRET: { minLength: 32 },
      TOKEN: { placeholder: 'refuse' },
      GONE: {},
      BARE: {},
      WORKERS: { required: false, oneOf: ['1'] },
      LATER: { required: false, minLength: 5 },
    },
    'MODE=prod\nORIGIN=https://a/b\nPORT=0\nSECRET=short\nTOKEN=change_me\nBARE=\nWORKERS=2\n',
  );
  assert.equal(problems, [
    'MODE must be production or staging',
    'ORIGIN must match https://[^/]+',
    'PORT must be a whole number from 1 to 65535',
    'SECRET must have at least 32 characters',
    'TOKEN is still a placeholder',
    'GONE is missing',
    'BARE is empty',
    'WORKERS must be 1',
  ]);
});

test('a key with a slip in its name is recognised', () => {
  assert.equal(check({ SESSION_SECRET: {} }, 'SESION_SECRET=x'), [
    'SESSION_SECRET is missing (there is SESION_SECRET: a slip?)',
  ]);
});

test('the whole value must match a pattern, and numbers are numbers', () => {
  assert.equal(check({ A: { pattern: 'a|b' } }, 'A=ab').length, 1);
  for (const bad of ['1.5', '1e3', '0x10', '', ' ', 'one', '1 2', '٣'])
    assert.is(check({ A: { required: false, number: { whole: true } } }, `A=${bad}`).length, 1, bad);
  for (const good of ['0', '-3', '42'])
    assert.is(check({ A: { number: { whole: true } } }, `A=${good}`).length, 0, good);
});

test('what people leave from a copied example is refused, and real secrets are not', () => {
  const placeholder = (value: string) => check({ A: { placeholder: 'refuse' } }, `A=${value}`).length === 1;
  for (const left of [
    'changeme',
    'CHANGE_ME_NOW',
    'your-api-key',
    'replace this',
    'example',
    'Default',
    'dev-secret-key',
    '<token>',
    'xxxx',
    'placeholder',
    'TODO',
  ])
    assert.ok(placeholder(left), left);
  for (const real of ['9f86d081884c7d659a2feaa0c55ad015', 'correct horse battery', 'sk_live_51H8x'])
    assert.not.ok(placeholder(real), real);
});

test('keys that must agree are compared', () => {
  const agree: CrossCheck[] = [
    whenThen({ APP_ENV: 'production' }, { IS_PRODUCTION: 'true' }, 'the backend refuses to start otherwise'),
    { sameOrigin: ['ORIGIN', 'CALLBACK'], because: 'Discord would send people elsewhere' },
  ];
  const told = (text: string) => check({}, text, agree);
  assert.equal(told('APP_ENV=production\nIS_PRODUCTION=true\nORIGIN=https://a.org\nCALLBACK=https://a.org:443/x'), []);
  assert.equal(told('APP_ENV=staging\nIS_PRODUCTION=false\nORIGIN=https://a.org'), []);
  assert.equal(told('APP_ENV=production\nORIGIN=https://a.org\nCALLBACK=http://a.org/x'), [
    'IS_PRODUCTION must be true when APP_ENV is production: the backend refuses to start otherwise',
    'ORIGIN and CALLBACK must have the same scheme, host and port: Discord would send people elsewhere',
  ]);
  assert.equal(told('ORIGIN=a.org\nCALLBACK=https://a.org/'), ['ORIGIN must be a URL with http:// or https://']);
});

test('no complaint ever repeats a value', () => {
  const canary = 'CANARY7f3a';
  const strict: Record<string, Partial<KeyRule>> = {
    A: { oneOf: ['x'], pattern: 'y', number: { min: 1 }, minLength: 99, placeholder: 'refuse' },
    B: {},
  };
  const lines = ['A=', 'A="', "A='", 'A=changeme ', '', '=', 'export ', 'A = ', 'A="x" ', 'B=1\nB='];
  for (const line of lines)
    for (const end of ['', '"', "'", '\n', ' # x', '\0', '=='])
      for (const problem of check(strict, `${line}${canary}${end}`, [
        whenThen({}, { A: 'x' }),
        whenThen({ B: canary.toLowerCase() }, { A: 'x' }),
        { sameOrigin: ['A', 'B'] },
      ]))
        assert.not.match(problem, canary, line + end);
});

test('plain and quoted values are what bash would have read', () => {
  const text = 'A=plain\nB=\'single $x\'\nC="double \\"q\\" \\\\ \\$x"\n';
  const said = execFileSync('bash', ['-c', `${text}printf '%s\\0' "$A" "$B" "$C"`], { encoding: 'utf8' });
  const { values } = parseEnvFile(text);
  assert.equal(said.split('\0').slice(0, 3), [values.get('A'), values.get('B'), values.get('C')]);
});

test.run();
