// The command line: what is understood, and how everything else is refused before anything happens.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from '../../../lib/task/args.ts';
import { type Shape } from '../../../lib/task/flags.ts';
import { seconds } from '../../../lib/duration.ts';
import { Failure } from '../../../lib/errors.ts';
import { help } from '../../../lib/task/help.ts';

const deploy: Shape = {
  about: 'Put a release live',
  examples: ['npx tsx tasks/deploy.ts --env staging'],
  changes: true,
  args: {
    sha: { type: 'string', value: 'commit', about: 'the commit to put live' },
    force: { type: 'boolean', about: 'take a commit that staging never ran' },
  },
};
const maintenance: Shape = {
  about: 'Show visitors the maintenance page',
  examples: [],
  positionals: [{ name: 'state', about: 'what to do', choices: ['on', 'off', 'status'], required: true }],
};
const exec: Shape = { about: 'Run a command', examples: [], rest: { name: 'command', about: 'the command' } };

function refusal(words: string[], shape: Shape): Failure {
  try {
    parse(words, shape);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(words)} was accepted`);
}

const restoring: Shape = { about: '', examples: [], args: { confirm: { type: 'string', about: '' } } };
const refused: [string, string[], Shape, RegExp][] = [
  ['an unknown flag', ['--enw', 'staging'], deploy, /there is no flag --enw; did you mean --env\?/],
  ['an unknown flag that is like none', ['--zzzzzzzz'], deploy, /^there is no flag --zzzzzzzz$/],
  ['an old name', ['--yes-restore', 'book-production'], restoring, /^--yes-restore is now --confirm$/],
  ['an old name of another task', ['--yes-restore', 'x'], deploy, /^there is no flag --yes-restore/],
  ['an unknown short flag', ['-x'], deploy, /there is no flag -x/],
  ['a flag twice', ['--env', 'a', '-e', 'b'], deploy, /--env was given twice/],
  ['a flag at the end without its value', ['--env'], deploy, /--env needs a value: --env <name>/],
  ['a flag followed by another flag', ['--env', '--json'], deploy, /--env needs a value/],
  ['an empty value', ['--env', ''], deploy, /--env was given an empty value/],
  ['an empty value after =', ['--env='], deploy, /--env was given an empty value/],
  ['a value for a yes-or-no flag', ['--env=a', '--json=1'], deploy, /--json takes no value, but got 1/],
  ['a single dash before a long name', ['-env', 'staging'], deploy, /-env needs two dashes/],
  ['a short flag with =', ['-e=staging'], deploy, /-e=staging is not understood/],
  ['a NUL', ['--env', 'a\0b'], deploy, /--env has a control character in "a\\u0000b"/],
  ['a newline', ['--env', 'a\nb'], deploy, /--env has a control character/],
  ['an escape sequence', ['--env', 'a\x1b[2Jb'], deploy, /"a\\u001b\[2Jb"/],
  ['a value that was no UTF-8', ['--env', 'a\ufffd'], deploy, /control character/],
  ['no environment', ['--json'], deploy, /--env is missing/],
  ['a word that the task does not take', ['--env', 'a', 'now'], deploy, /^unexpected argument now$/],
  ['words after -- that would be ignored', ['--env', 'a', '--', '--plan'], deploy, /takes nothing after --.*--plan/],
  ['a wait that is no time', ['--env', 'a', '--wait', 'soon'], deploy, /--wait: "soon" is not a duration/],
  ['no positional', ['--env', 'a'], maintenance, /<state> is missing: what to do/],
  ['a positional that is no choice', ['--env', 'a', 'onn'], maintenance, /cannot be onn; did you mean on\?/],
  ['an empty positional', ['--env', 'a', ''], maintenance, /<state> is empty/],
  ['a prototype as a flag', ['--env', 'a', '--__proto__', 'x'], deploy, /there is no flag --__proto__/],
];
for (const [what, words, shape, message] of refused)
  test(`${what} is refused with exit 2 and a way out`, () => {
    const failure = refusal(words, shape);
    assert.match(failure.message, message);
    assert.is(failure.exit, 2);
    assert.ok(failure.advice);
  });

test('every way to write a flag arrives as the same value', () => {
  for (const words of [['--env', 'staging'], ['--env=staging'], ['-e', 'staging'], ['-estaging'], ['-ve', 'staging']]) {
    const typed = parse(words, deploy);
    assert.is(typed !== 'help' && typed.values['env'], 'staging');
  }
});

test('what is not given is undefined, false, or the default', () => {
  const typed = parse(['-e', 'staging', '--wait', '5m'], deploy);
  assert.equal(typed !== 'help' && typed.values, {
    sha: undefined,
    force: false,
    env: 'staging',
    app: undefined,
    plan: false,
    wait: 300,
    config: undefined,
    json: false,
    verbose: false,
    help: false,
  });
});

test('a command after -- arrives word by word, its flags and newlines untouched', () => {
  const typed = parse(['-e', 'staging', '--', 'sh', '-c', 'echo a\necho b', '--help', '', '--'], exec);
  assert.equal(typed !== 'help' && typed.rest, ['sh', '-c', 'echo a\necho b', '--help', '', '--']);
  assert.equal(typed !== 'help' && typed.positionals, []);
});

test('a value that looks like a flag can be given with =', () => {
  const typed = parse(['-e', 'staging', '--sha=-abc'], deploy);
  assert.is(typed !== 'help' && typed.values['sha'], '-abc');
  assert.match(refusal(['-e', 'staging', '--sha', '-abc'], deploy).advice ?? '', '--sha=-abc');
});

test('--help is understood whatever else is wrong', () => {
  for (const words of [['--help'], ['-h'], ['--nonsense', '-h'], ['a', 'b', '--help']])
    assert.is(parse(words, deploy), 'help');
});

test('3,000 hostile command lines are each understood or refused, and what is understood is intact', () => {
  const parts = [
    '--env',
    '-e',
    '--',
    '-',
    '--sha',
    '=',
    "'",
    '"',
    '$(id)',
    ';',
    '..',
    '\n',
    '\0',
    'ü',
    '\u202e',
    'a',
    ' ',
    '--json',
    '\x1b[2J',
    '-v',
    '%',
  ];
  let state = 7;
  const next = (limit: number) => (state = (state * 48271) % 2147483647) % limit;
  for (let round = 0; round < 3000; round++) {
    const words = Array.from({ length: next(6) }, () =>
      Array.from({ length: 1 + next(3) }, () => parts[next(parts.length)]).join(''),
    );
    const shape = [deploy, maintenance, exec][next(3)] ?? deploy;
    try {
      const typed = parse(words, shape);
      if (typed === 'help') continue;
      const env = String(typed.values['env']);
      assert.ok(
        words.some(word => word.endsWith(env)),
        JSON.stringify(words),
      );
    } catch (error) {
      assert.instance(error, Failure, JSON.stringify(words));
      // oxlint-disable-next-line no-control-regex
      assert.not.match((error as Failure).message, /[\0-\x1f\x7f]/);
    }
  }
});

test('a list takes each of its values, and is empty without one', () => {
  const shape: Shape = { about: 'a', examples: [], args: { allow: { type: 'list', about: 'who passes' } } };
  const read = (words: string[]) => {
    const typed = parse(['--env', 'a', ...words], shape);
    return typed === 'help' ? typed : typed.values['allow'];
  };
  assert.equal(read([]), []);
  assert.equal(read(['--allow', 'one', '--allow=two', '--allow', 'one']), ['one', 'two', 'one']);
  assert.throws(() => read(['--allow', '']), /empty value/);
  assert.throws(() => read(['--allow', 'a', '--allow']), /needs a value/);
  assert.match(help('x', shape), 'who passes (may be repeated)');
});

test('durations are read as people write them', () => {
  const read = ['500ms', '90', '90s', '5m', '2h', '1.5s', '0'].map(seconds);
  assert.equal(read, [0.5, 90, 90, 300, 7200, 1.5, 0]);
  for (const text of ['', '5 m', '-1', '1e9', '5d', 'm', '999999999h', '5m\n', '٥m', 'Infinity', '1mss', 'constructor'])
    assert.throws(
      () => seconds(text),
      (error: unknown) => error instanceof Failure && error.exit === 2,
    );
});

test('help fits 80 columns and names every flag, choice and example', () => {
  for (const shape of [deploy, maintenance, exec]) {
    const text = help('npx tsx tasks/deploy.ts', shape);
    for (const line of text.split('\n')) assert.ok(line.length <= 80, line);
    for (const flag of ['--env <name>', '--json', '--verbose', '--help', '--config <file>']) assert.match(text, flag);
  }
  const text = help('npx tsx tasks/deploy.ts', deploy);
  assert.match(text, '--sha <commit>');
  assert.match(text, '--plan');
  assert.match(text, 'Examples\n  npx tsx tasks/deploy.ts --env staging\n');
  assert.match(
    help('npx tsx tasks/maintenance.ts', maintenance),
    'npx tsx tasks/maintenance.ts <state> --env <name> [flags]',
  );
  assert.match(help('x', maintenance), 'what to do (on, off, status)');
});
test.run();
