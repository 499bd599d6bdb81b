// What an environment file says, what in it is refused and with which form, and that no complaint about it repeats a value.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CrossCheck, KeyRule, EnvFile } from '../../../lib/target/env-rules.ts';
import { assignment, parseEnvFile } from '../../../lib/env/grammar.ts';
import { exportEnvironment } from '../../../lib/env/export.ts';
import { checkEnvFile } from '../../../lib/env/rules.ts';
import { plugins } from '../../support/droplet/engine.ts';
import { accepted, refused } from '../../support/env/cases.ts';
import { composeSays, envLine, hostSays, judged, same, shellSays } from '../../support/env/lines.ts';
import { seeded } from '../../support/faults/hostile.ts';

const rules = (keys: Record<string, Partial<KeyRule>>, checks: CrossCheck[] = []): EnvFile => ({
  file: '/srv/book/env/backend.env',
  keys: Object.fromEntries(Object.entries(keys).map(([key, rule]) => [key, { required: true, ...rule }])),
  checks,
});
const check = (keys: Record<string, Partial<KeyRule>>, text: string, checks?: CrossCheck[]) =>
  checkEnvFile(rules(keys, checks), text).map(told =>
    told.replace(/^\/srv\/book\/env\/backend\.env(:(\d+))?: /, (_, __, line) => (line ? `${line}: ` : '')),
  );
const folder = mkdtempSync(join(tmpdir(), 'bookops-env-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'one.env');

const whenThen = (when: Record<string, string>, then: Record<string, string>, because?: string): CrossCheck => ({
  when,
  // oxlint-disable-next-line unicorn/no-thenable -- the word of ops.yml; its value is never a function
  then,
  ...(because !== undefined && { because }),
});

test('what is accepted is what a shell and the reader on a host give, byte for byte', () => {
  for (const [line] of accepted) assert.equal(parseEnvFile(`${line}\n`).problems, [], line);
  const wanted = new Map(accepted.map(([, value], index) => [`A${index}`, value]));
  const text = accepted.map(([line], index) => line.replace('A=', `A${index}=`)).join('\n');
  for (const whole of [text, `\n# a\n${text.replaceAll('\nA', '\n \n# b\nA')}\n \n`]) {
    writeFileSync(file, whole);
    for (const said of [shellSays(file), shellSays(file, 'bash'), hostSays(file), parseEnvFile(whole).values])
      assert.equal(said, wanted);
  }
});

test('what is refused says why, and which form all read alike; the reader on a host gives what was meant', () => {
  for (const [line, told, value] of refused) {
    assert.equal(check({}, line), [told]);
    if (value === undefined) continue;
    assert.is(parseEnvFile(line).values.get('A'), value, line);
    writeFileSync(file, line);
    assert.equal(hostSays(file), new Map([['A', value]]), line);
  }
});

test('the form that is told is one that every reader takes, for any value that has one', () => {
  const random = seeded(11);
  const values = Array.from({ length: 300 }, (_, index) => [
    ...parseEnvFile(envLine(random, index)).values.values(),
  ]).flat();
  for (const value of [...values, ...refused.flatMap(([, , one]) => one ?? [])]) {
    const line = assignment('A', value);
    if (line === undefined) assert.match(value, /[^\P{Cc}\n\t]|\uFFFD|(?=.*`)(?=.*')/su);
    else assert.equal(judged(line), new Map([['A', value]]), line);
  }
});

const series = process.env['BOOKOPS_TORTURE'] === '1' ? 10_000 : 1000;
test(`of ${series} lines by chance a shell and the reader on a host give the same for each that is accepted`, () => {
  const random = seeded(12);
  const lines = Array.from({ length: series }, (_, index) => envLine(random, index)).filter(line => judged(line));
  assert.ok(lines.length > series / 4, String(lines.length));
  const text = `${lines.join('\n')}\n`;
  writeFileSync(file, text);
  const compose = join(plugins, 'docker-compose');
  const there = existsSync(compose);
  if (!there) console.log('left out: Compose, which the droplets bring along');
  for (const said of [
    shellSays(file),
    hostSays(file),
    ...(there ? [composeSays(compose, file, join(folder, 'compose'))] : []),
  ])
    assert.ok(same(said, parseEnvFile(text).values));
});

test('the reader on a host says which line it cannot read, and never the value', () => {
  const told = (text: string) => {
    writeFileSync(file, text);
    return spawnSync('bash', ['-c', exportEnvironment([file]).text], { encoding: 'utf8' }).stderr;
  };
  assert.is(told('A=1\nB="CANARY\nC=2\n'), `${file}:2: B: the quote that opens here is never closed\n`);
  rmSync(file);
  const gone = spawnSync('bash', ['-c', exportEnvironment([file]).text], { encoding: 'utf8' });
  assert.equal([gone.status, gone.stderr], [1, `${file}: it does not exist, or may not be read\n`]);
});

test('a file that is larger than what is read of it is refused', () => {
  assert.match(check({}, `#${'x'.repeat(299_999)}`)[0] ?? '', 'larger than 300 kB');
  assert.equal(check({}, `#${'x'.repeat(299_000)}`), []);
});

test('a key that is set twice counts once, the last time, and is a problem', () => {
  const { values, problems } = parseEnvFile('A=1\nB=2\nA=3\n');
  assert.is(values.get('A'), '3');
  assert.equal(problems, [{ line: 3, key: 'A', text: 'is set twice, on lines 1 and 3: the last one counts' }]);
});

test('a line that is no assignment and a quote without end are problems, and what follows is still read', () => {
  const { values, problems } = parseEnvFile('A="never closed\nB=2\njust words\n=x\n');
  const strange = 'is not NAME=value: a name of letters, digits and _, directly followed by =';
  assert.equal(problems, [
    { line: 1, key: 'A', text: 'the quote that opens here is never closed' },
    { line: 3, key: undefined, text: strange },
    { line: 4, key: undefined, text: strange },
  ]);
  assert.is(values.get('B'), '2');
});

test('a file that is missing says what it must set', () => {
  assert.equal(checkEnvFile(rules({ A: {}, B: { required: false }, C: {} }), undefined), [
    '/srv/book/env/backend.env: the file is missing; it must set A, C',
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
  for (const bad of ['1.5', '1e3', '0x10', '', 'one', "'1 2'", '٣'])
    assert.is(check({ A: { required: false, number: { whole: true } } }, `A=${bad}`).length, 1, bad);
  for (const good of ['0', '-3', '42'])
    assert.is(check({ A: { number: { whole: true } } }, `A=${good}`).length, 0, good);
});

test('what people leave from a copied example is refused, and real secrets are not', () => {
  const placeholder = (value: string) => check({ A: { placeholder: 'refuse' } }, `A='${value}'`).length === 1;
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
test.run();
