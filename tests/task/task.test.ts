// The frame as a person meets it: whole programs with their exit codes, streams and signals.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '../..');
const tsx = import.meta.resolve('tsx');
const program = join(import.meta.dirname, '../support/task/frame.ts');
const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], USER: 'ana', TZ: 'UTC' };

// oxlint-disable-next-line no-control-regex
const escapes = /\x1b\[[\d;?]*[A-Za-z]/g;

type End = { code: number | null; stdout: string; stderr: string };

function start(words: string[], more: { env?: NodeJS.ProcessEnv; cwd?: string; file?: string } = {}) {
  const child = spawn('node', ['--import', tsx, more.file ?? program, ...words], {
    cwd: more.cwd ?? root,
    env: { ...environment, ...more.env },
  });
  const end: End = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', chunk => (end.stdout += chunk));
  child.stderr.on('data', chunk => (end.stderr += chunk));
  const ended = new Promise<End>(done => child.on('close', code => done({ ...end, code })));
  return { child, ended, end };
}

const run = (words: string[], more: Parameters<typeof start>[1] = {}) => start(words, more).ended;

/** Signals that arrive before the program listens would test nothing. */
async function untilItSays(text: string, { end }: { end: End }): Promise<void> {
  for (let waited = 0; !end.stderr.includes(text); waited += 20) {
    if (waited > 15_000) throw new Error(`it never said ${text}: ${end.stderr}`);
    await new Promise(done => setTimeout(done, 20));
  }
}

async function interrupt(words: string[], send: (child: ChildProcess) => Promise<unknown> | void) {
  const running = start(['-e', 'staging', '--slow', '30s', ...words]);
  await untilItSays('… Pull', running);
  await send(running.child);
  return running.ended;
}

test('the result goes to standard output and everything else to standard error', async () => {
  const { code, stdout, stderr } = await run(['-e', 'staging']);
  assert.is(code, 0);
  assert.is(stdout, 'live row 0\n');
  assert.match(stderr, /^\d\d:\d\d:\d\d ✔ Start the new version \(\d\.\ds\)$/m);
});

test('--json prints one object, also when the task fails or the flags are wrong', async () => {
  const env = { GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'a na' };
  const [well, failed, wrong, bug] = await Promise.all([
    run(['-e', 'staging', '--json', '--wait', '90', '--', 'a', '--b'], { env }),
    run(['-e', 'staging', '--json', 'failure']),
    run(['--json', '--enw', 'x']),
    run(['-e', 'staging', '--json', 'bug']),
  ]);
  assert.is(well.code, 0);
  assert.equal(JSON.parse(well.stdout), {
    live: true,
    rest: ['a', '--b'],
    who: 'github:a-na',
    folder: root,
    wait: 90,
    env: 'staging',
  });
  assert.is(failed.code, 1);
  const { error } = JSON.parse(failed.stdout);
  assert.is(error.message, 'staging did not become ready in 60 s on deploy@203.0.113.10');
  assert.equal([error.exit, error.advice], [1, 'npx tsx tasks/logs.ts --env staging']);
  assert.is(wrong.code, 2);
  assert.equal(JSON.parse(wrong.stdout), {
    error: { message: 'there is no flag --enw; did you mean --env?', exit: 2, advice: 'see --help', detail: null },
  });
  assert.is(bug.code, 1);
  assert.match(JSON.parse(bug.stdout).error.message, 'this is a bug in bookops');
});

test('a failure says what happened, what was seen and what to type next', async () => {
  const { code, stdout, stderr } = await run(['-e', 'staging', 'failure']);
  assert.is(code, 1);
  assert.is(stdout, '');
  const told = stderr.slice(stderr.indexOf('staging did not')).trimEnd().split('\n');
  assert.is(told.length, 25);
  assert.is(told.at(-2), '  log line 40');
  assert.is(told.at(-1), '→ npx tsx tasks/logs.ts --env staging');
});

test('a promise that nobody awaited fails the task and does not leave it hanging', async () => {
  const { code, stderr } = await run(['-e', 'staging', 'rejection', '--verbose']);
  assert.is(code, 1);
  assert.match(stderr, 'nobody waited for me (this is a bug in bookops)');
  assert.match(stderr, 'frame.ts');
});

const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 143],
] as const;

test('a signal lets the task undo what it did, and then it exits 130 or 143', async () => {
  const ends = signals.map(async ([signal, code]) => {
    const end = await interrupt(['--undo', '500ms', '--json'], child => void child.kill(signal));
    assert.is(end.code, code, signal);
    assert.is(end.stderr.match(/interrupted: undoing, press Ctrl-C again to leave it to the server/g)?.length, 1);
    assert.match(end.stderr, `interrupted by ${signal}\n`);
    assert.is(JSON.parse(end.stdout).error.exit, code);
  });
  await Promise.all(ends);
});

test('a second Ctrl-C leaves at once, but one that arrives twice counts once', async () => {
  const pause = (milliseconds: number) => new Promise(done => setTimeout(done, milliseconds));
  const began = performance.now();
  const [left, waited] = await Promise.all([
    interrupt(['--undo', '30s'], async child => {
      child.kill('SIGINT');
      await pause(700);
      child.kill('SIGINT');
    }),
    interrupt(['--undo', '1s'], async child => {
      child.kill('SIGINT');
      await pause(20);
      child.kill('SIGINT');
    }),
  ]);
  assert.equal([left.code, waited.code], [130, 130]);
  assert.not.match(left.stderr, 'interrupted by SIGINT');
  assert.match(waited.stderr, 'interrupted by SIGINT');
  assert.ok(performance.now() - began < 20_000);
});

test('an interruption whose undoing failed still says that a person is needed', async () => {
  const { code } = await interrupt(['needs-person'], child => void child.kill('SIGINT'));
  assert.is(code, 6);
});

test('a reader that goes away ends the output quietly', () => {
  const shell = `node --import tsx '${program}' -e staging --rows 200000 2>&1 >&3 3>&- | cat >&2; exit`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', `{ { ${shell}; } 3>&1; } | head -1`], {
    cwd: root,
    env: environment,
    encoding: 'utf8',
  });
  assert.is(stdout, 'live row 0\n');
  assert.not.match(stderr, /EPIPE|Error/);
});

test('a stream ends when its reader goes away, and within two seconds of a Ctrl-C even when it does not listen', async () => {
  const stream = join(import.meta.dirname, '../support/task/stream.ts');
  const shell = `set -o pipefail; node --import tsx '${stream}' --level error | head -1; echo "\${PIPESTATUS[0]}"`;
  const cutOff = spawnSync('bash', ['--norc', '-c', shell], {
    cwd: root,
    env: environment,
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.is(cutOff.stdout, 'error 1\n0\n');
  assert.match(cutOff.stderr, /^\S+ streaming error all\n$/);

  for (const words of [[], ['--deaf']]) {
    const running = start(words, { file: stream });
    await untilItSays('streaming', running);
    const began = performance.now();
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    assert.is(code, 130);
    assert.match(stderr, /! interrupted\n.*interrupted by SIGINT\n$/s);
    assert.ok(performance.now() - began < (words.length > 0 ? 8000 : 2000));
  }
});

test('a large result arrives whole at a slow reader', () => {
  const { stdout } = spawnSync(
    'bash',
    ['--norc', '-c', `node --import tsx '${program}' -e x --rows 100000 | { sleep 1; wc -l; }`],
    {
      cwd: root,
      env: environment,
      encoding: 'utf8',
    },
  );
  assert.is(stdout.trim(), '100000');
});

test('a task runs through a link, and not when it is imported', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-frame-'));
  const link = join(folder, 'deploy.ts');
  symlinkSync(program, link);
  const linked = await run(['-e', 'staging', '--json'], { file: link });
  rmSync(folder, { recursive: true });
  assert.is(JSON.parse(linked.stdout).live, true);
  const { default: spec } = await import('../support/task/frame.ts');
  assert.match(spec.about, 'Do what the flags say');
});

test('--help works from any folder, without ops.yml, and loads nothing but what it prints', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-frame-'));
  const env = { NODE_V8_COVERAGE: folder, BOOKOPS_CONFIG: '/nonexistent.yml' };
  const { code, stdout, stderr } = await run(['--help'], { env, cwd: tmpdir() });
  const loaded = readdirSync(folder)
    .flatMap((name): { url: string }[] => JSON.parse(readFileSync(join(folder, name), 'utf8')).result)
    .map(({ url }) => url);
  rmSync(folder, { recursive: true });
  assert.equal([code, stderr], [0, '']);
  assert.match(stdout, '--env <name>');
  assert.ok(loaded.some(url => url.endsWith('/lib/task/help.ts')));
  assert.equal(
    loaded
      .filter(url => url.startsWith(`file://${root}/`) && !/node_modules\/(tsx|esbuild|get-tsconfig)\//.test(url))
      .map(url => url.slice(`file://${root}/`.length))
      .sort(),
    [
      'lib/did-you-mean.ts',
      'lib/duration.ts',
      'lib/errors.ts',
      'lib/old-words.ts',
      'lib/target/command.ts',
      'lib/task/args.ts',
      'lib/task/flags.ts',
      'lib/task/help.ts',
      'lib/task/signals.ts',
      'lib/task/task.ts',
      'lib/task/who.ts',
      'tests/support/task/frame.ts',
    ],
  );
});

for (const [wide, title] of [
  [80, 'Pull ghcr.io/kunst/arsvent-api:3f2c1ab0c0ffee and ghcr.io/kunst/a…'],
  [120, 'Pull ghcr.io/kunst/arsvent-api:3f2c1ab0c0ffee and ghcr.io/kunst/arsvent-web:3f2c1ab0c0ffee by digest'],
] as const)
  test(`on a terminal of ${wide} columns the list is drawn in place and no line is wrapped`, () => {
    const task = `node --import tsx '${program}' -e staging failure`;
    const { stdout } = spawnSync('script', ['-qec', `stty cols ${wide} rows 30; ${task}`, '/dev/null'], {
      cwd: root,
      env: { ...environment, TERM: 'xterm-256color', NO_COLOR: '1' },
      encoding: 'utf8',
    });
    assert.match(stdout, `✖ ${title}`);
    assert.match(stdout, '✔ Look at the server [0.0s]');
    assert.match(stdout, '↓ Log in to the registry: no registry in ops.yml');
    assert.match(stdout, '→ npx tsx tasks/logs.ts --env staging');
    for (const line of stdout.split(/\r?\n/)) assert.ok(line.replaceAll(escapes, '').length <= wide, line);
    assert.ok(stdout.lastIndexOf('\x1b[?25h') > stdout.lastIndexOf('\x1b[?25l'), 'the cursor is shown again');
  });

test('a terminal whose size nobody knows gets plain lines', () => {
  const { stdout } = spawnSync('script', ['-qec', `node --import tsx '${program}' -e staging`, '/dev/null'], {
    cwd: root,
    env: { ...environment, TERM: 'xterm-256color', NO_COLOR: '1' },
    encoding: 'utf8',
  });
  assert.match(stdout, /\d\d:\d\d:\d\d ✔ Look at the server/);
});
test.run();
