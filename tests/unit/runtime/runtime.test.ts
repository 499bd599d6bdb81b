// What the runtimes build: shell that bash reads, with a way back for each change and no secret in it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentFile, exportEnvironment } from '../../../lib/env/export.ts';
import { Failure } from '../../../lib/errors.ts';
import { lines, script } from '../../../lib/host/sh.ts';
import { readyWords } from '../../../lib/health/probes.ts';
import { runtimeOf } from '../../../lib/runtime/runtime-of.ts';
import { compose, sample, stories, systemd, textsOf, third } from '../../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops-it's a runtime-"));
const prelude = readFileSync(new URL('../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
const all = stories();

test('bash can read every step, every undo and every question of every runtime', () => {
  const texts = all.flatMap(story => textsOf(story, prelude));
  assert.ok(texts.length > 300, String(texts.length));
  const names = texts.map(([name, text], index) => {
    writeFileSync(join(folder, `${index}.sh`), text);
    return name;
  });
  const check =
    'cd "$1"; for ((i = 0; i < $2; i++)); do why=$(bash -n "$i.sh" 2>&1) || printf "%s %s\\n" "$i" "$why"; done';
  const seen = spawnSync('bash', ['-c', check, 'bash', folder, String(names.length)], { encoding: 'utf8' }).stdout;
  assert.is(seen, '', names[Number(seen.split(' ')[0])] ?? '');
});

test('no password is in any text, and it travels only as input of the step that logs in', () => {
  for (const story of all) {
    for (const [name, text] of textsOf(story, prelude)) assert.not.ok(text.includes('canary-password'), name);
    assert.not.ok(JSON.stringify(story.plan).includes('canary-password'), story.name);
    const reading = story.plan.steps.filter(step => typeof step.input === 'object').map(step => step.title);
    const { runtime } = story.target;
    const expected =
      runtime.kind === 'compose' && runtime.registry && /deploy/.test(story.name) ? ['Pull the images'] : [];
    if (runtime.kind === 'compose' && !runtime.registry) continue; // a password without a registry is ours to give
    assert.equal(reading, expected, story.name);
  }
});

/** Steps that may stand without an undo, each with its reason. */
const noWayBack: [RegExp, string][] = [
  [/^Add the line that settles/, 'it does nothing unless there is something to settle'],
  [/^Link /, 'inside the new folder, which goes as a whole'],
  [/^Install /, 'inside the new folder'],
  [/^Check /, 'changes nothing, or puts right a tag'],
  [/^Take over /, 'a folder that the next deploy wants again'],
  [/^Wait until /, 'changes nothing'],
  [/^Migrate /, 'the undo of the snapshot puts the data back'],
];

test('each step that changes something has an undo, or a stated reason why not', () => {
  const without = all.flatMap(({ plan }) =>
    plan.steps.filter(step => !step.undo && step.skip === undefined).map(step => step.title),
  );
  assert.equal(
    without.filter(title => !noWayBack.some(([known]) => known.test(title))),
    [],
  );
});

test('the order is: prepare, maintenance, stop, snapshot, migrate, start, wait; then what is only ever finished', () => {
  const deploy = all.find(({ name }) => name === 'process: second deploy');
  assert.equal(
    deploy?.plan.steps.map(step => step.title.replace(/\d{8}_\d{6}_/, '')),
    [
      'Unpack into 3333333',
      'Link data',
      'Install dependencies',
      'Maintenance on',
      'Stop 2222222',
      'Snapshot the database',
      'Migrate the database',
      'Start 3333333',
      'Wait until 3333333 is ready',
    ],
  );
  assert.is(deploy?.plan.finish[0]?.title, 'Maintenance off');
  const restart = all.find(({ name }) => name === 'process: restart');
  assert.not.match(restart?.plan.steps.map(step => step.title).join() ?? '', /Snapshot|Migrate|Unpack/);
});

test('the rollback set is never pruned', () => {
  for (const { name, plan } of all.filter(one => one.name.endsWith('second deploy'))) {
    const prune = plan.finish.find(step => /old release/.test(step.title));
    assert.match(prune?.run.text ?? '', '20260103_000000_4444444', name);
    const removed = [...(prune?.run.text ?? '').matchAll(/rm -rf ('[^\n]*?\d_[0-9a-f]{7}')/g)].map(([, path]) => path);
    for (const kept of ['2222222', '3333333'])
      assert.not.ok(
        removed.some(path => path?.includes(kept)),
        `${name}: ${kept}`,
      );
  }
});

test('values of the compose file arrive as they are or are refused', () => {
  assert.is(environmentFile({ A: '$x "y" `z` #', B_2: '' }), "A='$x \"y\" `z` #'\nB_2=''\n");
  assert.is(environmentFile({ A: `it's $x "y" \\` }), 'A="it\'s \\$x \\"y\\" \\\\"\n');
  for (const bad of [
    { A: "it's `x`" },
    { A: 'a\nb' },
    { A: 'a\0b' },
    { A: 'a\r' },
    { 'A B': 'x' },
    { 'A=B': 'x' },
    { '1A': 'x' },
    { '': 'x' },
  ])
    try {
      environmentFile(bad as Record<string, string>);
      assert.unreachable(JSON.stringify(bad));
    } catch (error) {
      assert.instance(error, Failure);
      assert.is(error instanceof Failure && error.exit, 3);
    }
});

test('an env file is taken literally: quotes go, nothing in it is run, names that are none are left out', () => {
  const file = join(folder, 'a b.env');
  const canary = join(folder, 'PWNED');
  writeFileSync(
    file,
    [
      '# comment',
      'PLAIN=two words',
      `RUN=$(touch '${canary}')`,
      `TICK=\`touch '${canary}'\``,
      'DOUBLE="a $HOME b"',
      "SINGLE='it is'",
      'export EXPORTED=yes',
      'CRLF=with return\r',
      'COMMENT=value # not this',
      'HASH=a#b',
      'EMPTY=',
      'EQUALS=a=b=c',
      `x[$(touch '${canary}')]=1`,
      `A-B=1`,
      'not a line',
      'UNICODE=“ü” 日本',
      'LAST=no newline',
    ].join('\n'),
  );
  const names = [
    'PLAIN',
    'RUN',
    'TICK',
    'DOUBLE',
    'SINGLE',
    'EXPORTED',
    'CRLF',
    'COMMENT',
    'HASH',
    'EMPTY',
    'EQUALS',
    'UNICODE',
    'LAST',
  ];
  const text = lines(
    script(prelude),
    exportEnvironment([file]),
    script(`for name in ${names.join(' ')}; do printf '%s=%s\\0' "$name" "\${!name}"; done`),
  ).text;
  const { stdout, stderr } = spawnSync('bash', ['-s'], { input: text, encoding: 'utf8' });
  assert.equal(stdout.split('\0').slice(0, -1), ['PLAIN=two words', `RUN=$(touch '${canary}')`, `TICK=\`touch '${canary}'\``, 'DOUBLE=a $HOME b', 'SINGLE=it is', 'EXPORTED=yes', 'CRLF=with return', 'COMMENT=value', 'HASH=a#b', 'EMPTY=', 'EQUALS=a=b=c', 'UNICODE=“ü” 日本', 'LAST=no newline'], stderr); // prettier-ignore
  assert.is(spawnSync('ls', [canary]).status, 2);
});

test('the process runtime starts, sees, stops and brings back an app in a folder with quotes and spaces', () => {
  const root = join(folder, 'root');
  const target = sample(
    {
      runtime: {
        kind: 'process',
        start: 'echo "serving from $PWD as $WHO"; exec sleep 600',
        shared: [],
        install: undefined,
      },
      env: [{ file: join(root, 'e.env'), keys: {}, checks: [] }],
      database: undefined,
      migrate: undefined,
      health: { probes: [], deadlineSeconds: 2, intervalSeconds: 0.1 },
    },
    root,
  );
  const release = {
    sha: third,
    name: '20261120_120004_3333333',
    folder: join(root, 'releases/20261120_120004_3333333'),
  };
  mkdirSync(release.folder, { recursive: true });
  writeFileSync(join(root, 'e.env'), `WHO="it's me"\n`);
  const story = all.find(({ name }) => name === 'process: first deploy');
  if (!story) throw new Error('no story');
  const change = { ...story.change, next: release, was: undefined };
  const runtime = runtimeOf(target);
  const run = (text: string) =>
    spawnSync('bash', ['-c', `exec 3>&1\n${prelude}\n${text}`], {
      encoding: 'utf8',
      env: { ...process.env, KEEPER_RUN: folder },
    });
  const start = runtime.start(change);
  const started = run(`${start.run.text}\nsleep 0.3`);
  assert.is(started.status, 0, started.stderr);
  const alive = run(`${readyWords.text}\n${runtime.liveness(release).text}\nsleep 0.2\nalive && log_tail`);
  assert.is(alive.status, 0, alive.stdout + alive.stderr);
  assert.match(alive.stdout, `serving from ${release.folder} as it's me`);
  const exec = run(runtime.exec(release, ['printf', '%s|', 'a b', '', "it's", '$(id)', '-n'], false, undefined).text);
  assert.is(exec.stdout, "a b||it's|$(id)|-n|", exec.stderr);
  const undone = run(start.undo?.text ?? 'false');
  assert.is(undone.status, 0, undone.stderr);
  assert.is(run(`${runtime.liveness(release).text}\nalive`).status, 1);
  assert.is(run(start.undo?.text ?? 'false').status, 0, 'an undo may run twice');
});

test('a program that runs as the app’s user gets the standard input of who typed it', () => {
  const release = { sha: third, name: '20261120_120004_3333333', folder };
  const runtime = runtimeOf(sample({ runtime: { ...systemd, user: userInfo().username }, env: [] }));
  const { text } = runtime.exec(release, ['cat'], false, undefined);
  const said = spawnSync('bash', ['-c', `${prelude}\n${text}`], { input: 'two\nlines', encoding: 'utf8' });
  assert.is(said.stdout, 'two\nlines', said.stderr);
});

test('only what it needs is asked of the host', () => {
  assert.ok(runtimeOf(sample({ runtime: compose })).tools.includes('docker'));
  assert.is(runtimeOf(sample({ runtime: systemd })).appUser, 'bib');
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
