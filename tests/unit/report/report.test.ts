// The report: lines in pipes, colours only on terminals, nothing a server prints gets through to a terminal or a runner.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../lib/errors.ts';
import { annotation, inert } from '../../../lib/report/github-actions.ts';
import { explanation, failureReport } from '../../../lib/report/failure.ts';
import { took } from '../../../lib/report/items.ts';
import { type ReportOptions, createReporter } from '../../../lib/report/report.ts';

async function listen(more: Partial<ReportOptions> & { terminal?: boolean } = {}) {
  const heard = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    write: (text: string) => (heard[name] += text),
    isTTY: more.terminal === true,
    columns: 40,
  });
  const voice = await createReporter({
    title: 'bookops deploy',
    stdout: stream('out'),
    stderr: stream('err'),
    screen: undefined,
    environment: {},
    json: false,
    verbose: false,
    now: () => new Date(2026, 10, 20, 12, 0, 4),
    ...more,
  });
  return { ...voice, heard };
}

/** Times vary; what they belong to does not. */
const steady = (text: string) => text.replaceAll(/\(\d+\.\d+s\)/g, '(0.0s)');

const caught = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const broken = new Failure(1, 'the new version did not become ready', { advice: 'npx tsx tasks/logs.ts' });

test('in a pipe a list is plain lines with the time, and ends at the first failure with its own error', async () => {
  const { report, heard } = await listen();
  let reached = false;
  const error = await caught(
    report.show([
      { title: 'Pull the images', run: async say => say('layer 1') },
      { title: 'Log in', skip: 'no registry', run: async () => {} },
      {
        title: 'Start the new version',
        run: async say => {
          say('web exited 1');
          throw broken;
        },
      },
      {
        title: 'Record it',
        run: async () => {
          reached = true;
        },
      },
    ]),
  );
  assert.is(error, broken);
  assert.is(reached, false);
  assert.equal(steady(heard.err).split('\n'), [
    '12:00:04 … Pull the images',
    '12:00:04 ✔ Pull the images (0.0s)',
    '12:00:04 - Log in: no registry',
    '12:00:04 … Start the new version',
    '12:00:04 ✖ Start the new version (0.0s)',
    '    web exited 1',
    '',
  ]);
  assert.is(heard.out, '');
});

test('a failing item shows its last 20 lines, unless the error shows what was seen', async () => {
  for (const [detail, count] of [
    [undefined, 20],
    ['what was seen', 0],
  ] as const) {
    const { report, heard } = await listen();
    const run = async (say: (line: string) => void) => {
      for (let line = 1; line <= 50; line++) say(`line ${line}`);
      throw new Failure(1, 'no', detail === undefined ? {} : { detail });
    };
    await caught(report.show([{ title: 'Pull', run }]));
    assert.is(heard.err.split('\n').filter(line => line.startsWith('    line')).length, count);
    assert.is(heard.err.includes('line 50'), count > 0);
  }
});

test('--verbose shows every line that an item says, below it', async () => {
  const { report, heard } = await listen({ verbose: true });
  await report.show([{ title: 'Pull', run: async say => say('layer 1\nlayer 2') }]);
  assert.match(steady(heard.err), '12:00:04 … Pull\n    layer 1\n    layer 2\n12:00:04 ✔ Pull (0.0s)\n');
});

test('colours appear on a terminal, and nowhere else unless FORCE_COLOR asks', async () => {
  const cases: [boolean, NodeJS.ProcessEnv, boolean][] = [
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
  ];
  for (const [terminal, environment, coloured] of cases) {
    const { report, result, fail, heard } = await listen({ terminal, environment });
    report.warn('careful');
    fail(broken);
    result(report.paint.green('live'), {});
    assert.is(heard.err.includes('\x1b['), coloured, JSON.stringify([terminal, environment]));
    assert.is(heard.out, coloured ? '\x1b[32mlive\x1b[39m\n' : 'live\n');
  }
});

test('a terminal as standard error puts no colours into a result that goes to a file', async () => {
  const heard: string[] = [];
  const { report, result } = await listen({
    terminal: true,
    stdout: { write: (text: string) => heard.push(text), isTTY: false },
  });
  result(report.paint.red('down'), {});
  assert.equal(heard, ['down\n']);
});

test('what a server prints cannot steer the terminal', async () => {
  const { report, fail, result, heard } = await listen({ terminal: true, verbose: true });
  const hostile = 'a\x1b[2J\x1b]0;title\x07\x9b1m\x08\u202eb\rc';
  await report.show([{ title: hostile, run: async say => say(hostile) }]);
  report.say(hostile);
  fail(new Failure(1, hostile, { detail: hostile, advice: hostile }));
  result(hostile, {});
  // oxlint-disable-next-line no-control-regex
  const foreign = (heard.err + heard.out).replaceAll(/\x1b\[\d+m/g, '').match(/[^\n\P{Cc}]|\u202e/u);
  assert.is(foreign, null);
});

test('a failure is told in at most 25 lines: message, the end of what was seen, advice', async () => {
  const detail = Array.from({ length: 100 }, (_, at) => `log ${at + 1}`).join('\n');
  const { fail, heard } = await listen();
  const told = fail(new Failure(1, 'it failed', { detail, advice: 'try this\nor this' }));
  const lines = heard.err.trimEnd().split('\n');
  assert.is(lines.length, 25);
  assert.equal([lines[0], lines[1]], ['it failed', '  … 79 lines before this are left out']);
  assert.equal(lines.slice(-3), ['  log 100', '→ try this', '→ or this']);
  assert.is(told.detail, detail);
});

test('however long its parts are, an explanation never grows beyond 25 lines', () => {
  const long = 'x\n'.repeat(60);
  for (const message of ['m', long])
    for (const detail of [null, 'd', long])
      for (const advice of [null, 'a', long]) {
        const told = explanation({ message, detail, advice, exit: 1 });
        assert.ok(told.message.length + told.detail.length + told.advice.length <= 25);
        assert.ok(told.message.length > 0);
      }
});

test('an error that nobody expected is called a bug, and shows where with --verbose', () => {
  const told = failureReport(new TypeError('x is not a function'), false);
  assert.is(told.message, 'x is not a function (this is a bug in bookops)');
  assert.equal([told.exit, told.detail], [1, null]);
  assert.match(failureReport(new TypeError('x'), true).detail ?? '', 'report.test.ts');
  assert.match(failureReport('only text', true).message, 'only text (this is a bug');
});

test('--json prints exactly one line of JSON, also for undefined and for control characters', async () => {
  for (const value of [{ a: 'x\n\x9b\u2028\u202e' }, undefined, null, 'text']) {
    const { result, heard } = await listen({ json: true });
    result('for people', value);
    assert.is(heard.out.split('\n').length, 2);
    assert.equal(JSON.parse(heard.out), value ?? null);
    assert.not.match(heard.out, /[\x7f-\x9f\u2028\u202e]/);
  }
});

test('on GitHub Actions items are groups, the failure is an annotation, and the summary is a table', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-report-'));
  const summary = join(folder, 'summary.md');
  const environment = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary };
  const { report, fail, close, heard } = await listen({ environment });
  const error = new Failure(1, '100% down\n::set-output name=a::b', { advice: 'look' });
  await caught(
    report.show([
      { title: 'Log in', skip: 'a | b', run: async () => {} },
      {
        title: 'Pull | <b>x</b> ![](http://evil) `c`',
        run: async say => {
          say('::error::from a server\n  ::add-mask::a\nx ##[add-mask]b');
          throw error;
        },
      },
      { title: 'Start', run: async () => {} },
    ]),
  );
  await close(fail(error));
  const lines = heard.err.split('\n');
  const commands = lines.filter(line => line.trimStart().startsWith('::') || line.includes('##['));
  assert.equal(commands, [
    '::group::Pull | <b>x</b> ![](http://evil) `c`',
    '::endgroup::',
    '::error title=bookops deploy::100%25 down%0A::set-output name=a::b%0Alook',
  ]);
  assert.ok(lines.includes('    : :error::from a server'));

  const page = readFileSync(summary, 'utf8');
  rmSync(folder, { recursive: true });
  assert.match(page, '| Log in |  | skipped&#58; a &#124; b |');
  assert.match(page, '| Start |  | not reached |');
  assert.match(page, /\| 0\.\d \| failed \|/);
  for (const line of page.split('\n').filter(one => one.startsWith('|'))) assert.is(line.split('|').length, 5, line);
  assert.not.match(page, /[<`![]/);
});

test('annotations and lines for the runner are escaped as GitHub reads them', () => {
  assert.is(annotation('a:b,c', '1%\r\n2'), '::error title=a%3Ab%2Cc::1%25%0A2');
  assert.is(inert('a::b\n ::c\n:d'), 'a::b\n : :c\n:d');
  assert.is(inert(':::: x'), ': ::: x');
});

test('a summary that cannot be written fails nothing', async () => {
  const environment = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: '/nonexistent/summary' };
  const { fail, close } = await listen({ environment });
  await close(fail(broken));
});

test('times are written so that they can be compared', () => {
  assert.equal([0, 0.44, 12, 59.96, 185, 3600].map(took), ['0.0s', '0.4s', '12.0s', '1m 00s', '3m 05s', '60m 00s']);
});
test.run();
