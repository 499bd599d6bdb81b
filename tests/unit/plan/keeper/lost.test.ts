// A plan outlives its client: killed, stopped, cut off or rebooted, the host goes back by itself or forward when it was decided.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Failure } from '../../../../lib/errors.ts';
import { openKeeper } from '../../../../lib/plan/keeper/open.ts';
import { sh } from '../../../../lib/host/sh.ts';
import { parseLine } from '../../../../lib/release/log.ts';
import {
  alive,
  host,
  keeperOf,
  place,
  program,
  shas,
  sleep,
  stepOf,
  until,
  walk,
  type Place,
  type Plain,
} from '../../../support/keeper/keeping.ts';

const outcomes = (here: Place) => here.log().map(line => parseLine(line)?.outcome);

/** A step that is done, and one that hangs with children of its own. */
const hanging = (here: Place): Plain[] => [
  { title: 'First', run: `touch ${here.at('first')}`, undo: `rm ${here.at('first')}; echo 0 >>${here.at('undone')}` },
  {
    title: 'Hang "here"',
    run: `echo $$ >${here.at('group')}; sleep 600 & (sleep 600; true) & sleep 600`,
    undo: `echo 1 >>${here.at('undone')}`,
  },
  { title: 'Never', run: `touch ${here.at('never')}`, undo: 'true' },
];

const hangs = (here: Place) => until(() => alive(Number(here.text('group') || 0)).length >= 3, 'the step hangs');

function undoneWhole(here: Place): void {
  assert.is(here.text('undone'), '1\n0\n');
  assert.equal(alive(Number(here.text('group'))), []);
  assert.not(existsSync(here.at('first')));
  assert.not(existsSync(here.at('never')));
  assert.is(here.current(), '');
  assert.equal(here.journal(), []);
}

test('a client that is killed in the middle of a step: the host undoes before its silence could tell', async () => {
  const here = place();
  const { child } = program(here.attempt(), hanging(here));
  await hangs(here);
  child.kill('SIGKILL');
  const seconds = await until(() => here.log().length > 0 && here.free(), 'undone', 8);
  assert.ok(seconds < 7, `${seconds} s`);
  undoneWhole(here);
  const line = parseLine(here.log()[0] ?? '');
  assert.is(line?.outcome, 'lost');
  assert.match(line?.reason ?? '', /ana@laptop is gone during: Hang/);
  here.remove();
});

test('a stream that never ends is given up with its step', async () => {
  const here = place();
  const keeper = await openKeeper(host, here.attempt());
  const never = new Readable({ read() {} });
  keeper.begin(
    [{ title: 'Unpack', run: sh`cat`, undo: sh`echo undone >${here.at('undone')}`, stream: () => never }],
    [],
  );
  await sleep(300);
  keeper.abort('aborted', 'no more');
  assert.is(await keeper.ended(), 'aborted');
  assert.is(here.text('undone'), 'undone\n');
  never.destroy(new Error('over'));
  here.remove();
});

test('a stream that nobody opens ends with the step, and the lock is free', async () => {
  const here = place();
  // A client that knows the protocol and is gone at the worst moment: the step waits for its stream.
  const fifos = () => spawnSync('bash', ['-c', `ls -d ${here.home}/bookops.*/stream.000`]).stdout.toString();
  let opened = 0;
  const deaf = {
    ...host,
    open: (command: Parameters<typeof host.open>[0]) => (opened++ ? new Promise<never>(() => {}) : host.open(command)),
  };
  const keeper = await openKeeper(deaf, here.attempt());
  keeper.begin(
    [
      {
        title: 'Unpack',
        run: sh`cat`,
        undo: sh`echo undone >${here.at('undone')}`,
        stream: () => Readable.from(['x']),
      },
    ],
    [],
  );
  await until(() => fifos() !== '', 'the step waits for its stream');
  keeper.abort('aborted', 'no more');
  assert.is(await keeper.ended(), 'aborted');
  await until(() => here.free(), 'the lock is free');
  assert.is(here.text('undone'), 'undone\n');
  assert.equal(outcomes(here), ['aborted']);
  here.remove();
});

test('a keeper that is killed in the middle of a step: the next run ends the orphan and settles', async () => {
  const here = place();
  const { child } = program(here.attempt(), hanging(here));
  await hangs(here);
  process.kill(keeperOf(here), 'SIGKILL');
  await until(() => here.free(), 'the kernel freed the lock');
  child.kill('SIGKILL');
  assert.ok(alive(Number(here.text('group'))).length >= 3);
  assert.equal(here.log(), []);

  const heard: string[] = [];
  const { outcome } = await walk(
    here.attempt(),
    [stepOf({ title: 'Next', run: `[ ! -e ${here.at('first')} ]` })],
    [],
    one => heard.push(`${one.kind} ${one.text}`),
  );
  assert.is(outcome, 'live');
  assert.equal(heard, ['settling the keeper was killed during: Hang here']);
  assert.is(here.text('undone'), '1\n0\n');
  assert.equal(alive(Number(here.text('group'))), []);
  assert.equal(outcomes(here), ['lost', 'live']);
  here.remove();
});

test('a journal or a lock that somebody removes in the middle: the host undoes by what its folder has, and nobody works beside it', async () => {
  for (const what of ['journal', 'lock']) {
    const here = place();
    const { child } = program(here.attempt(), hanging(here));
    await hangs(here);
    // at once, as the keeper makes another one
    renameSync(join(here.home, what), here.at('gone'));
    rmSync(here.at('gone'), { recursive: true });
    const other = await openKeeper(host, here.attempt()).then(
      keeper => keeper.quit(),
      (error: unknown) => error,
    );
    assert.is((other as Failure).exit, 5, String(other));
    // with its file the lock is gone too, so that the journal tells when it is over
    await until(() => here.log().length > 0 && here.free() && here.journal().length === 0, 'undone', 8);
    undoneWhole(here);
    assert.match(here.log()[0] ?? '', new RegExp(`outcome=lost reason="the ${what} of the keeper was removed during`));
    child.kill('SIGKILL');
    here.remove();
  }
});

test('who writes into a stream of a keeper that was killed is freed by the next one', async () => {
  const here = place();
  await walk(here.attempt(), [stepOf({ title: 'First', run: 'true' })], []);
  const dead = here.at('releases/.keeper/bookops.killed');
  execFileSync('bash', ['-c', 'mkdir "$1" && mkfifo "$1/stream.000" && echo "$1" >"${1%/*}/run"', 'bash', dead]);
  const writer = spawn('bash', ['-c', 'exec cat >"$1"', 'bash', `${dead}/stream.000`], { stdio: 'ignore' });
  const ended = once(writer, 'close');
  const { outcome } = await walk(here.attempt(), [stepOf({ title: 'Next', run: 'true' })], []);
  assert.is(outcome, 'live');
  await ended;
  assert.not(existsSync(dead));
  here.remove();
});

test('a keeper that is killed after the commit: the next run goes forward and finishes', async () => {
  const here = place();
  const finish = [
    {
      title: 'Slow',
      run: `ps -o pgid= -p $$ >${here.at('begun')}; [ -e ${here.at('again')} ] || sleep 600; echo x >>${here.at('finished')}`,
    },
  ];
  const { child } = program(here.attempt(), [{ title: 'a', run: 'true', undo: `touch ${here.at('undone')}` }], finish);
  await until(() => here.text('begun') !== '', 'finishing');
  process.kill(keeperOf(here), 'SIGKILL');
  process.kill(-Number(here.text('begun')), 'SIGKILL');
  child.kill('SIGKILL');
  await until(() => here.free(), 'the lock is free');
  writeFileSync(here.at('again'), '');
  assert.ok(here.journal().includes('commit'));
  const { outcome } = await walk(here.attempt(), [stepOf({ title: 'Next', run: 'true' })]);
  assert.is(outcome, 'live');
  assert.is(here.text('finished'), 'x\n');
  assert.not(existsSync(here.at('undone')));
  assert.equal(outcomes(here), ['live', 'live']);
  here.remove();
});

test('a decision that was written down but nowhere else yet is carried out', async () => {
  const here = place();
  const { child } = program(here.attempt(), hanging(here));
  await hangs(here);
  process.kill(keeperOf(here), 'SIGKILL');
  child.kill('SIGKILL');
  await until(() => here.free(), 'the lock is free');
  process.kill(-Number(here.text('group')), 'SIGKILL');
  writeFileSync(join(here.home, 'journal/commit'), `${shas.next}\n${shas.old}\n images=x\n`);
  settle(here);
  assert.equal([here.current(), here.previous()], [shas.next, shas.old]);
  assert.equal(outcomes(here), ['live']);
  assert.match(here.log()[0] ?? '', / images=x seconds=/);
  assert.not(existsSync(here.at('undone')));
  here.remove();
});

/** As cron does at boot: nothing but the keeper's own file, a bare environment, another folder. */
function settle(here: Place): void {
  const { status, stderr } = spawnSync('bash', [`${here.home}/keeper.sh`, 'settle', here.home], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', HOME: '/root' },
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.is(stderr, '');
  assert.is(status, 0);
}

test('a journal from before a reboot is settled at boot, and touches no process of today', async () => {
  const here = place();
  const { child } = program(here.attempt(), hanging(here));
  await hangs(here);
  process.kill(keeperOf(here), 'SIGKILL');
  child.kill('SIGKILL');
  await until(() => here.free(), 'the lock is free');
  writeFileSync(join(here.home, 'journal/boot'), '11111111-2222-3333-4444-555555555555\n');
  const group = Number(here.text('group'));
  settle(here);
  assert.ok(alive(group).length >= 3, 'a number from before the reboot is nobody of today');
  process.kill(-group, 'SIGKILL');
  assert.is(here.text('undone'), '1\n0\n');
  assert.match(here.log()[0] ?? '', /outcome=lost reason="the server restarted during: Hang here" seconds=\d+\.\d\d$/);
  assert.equal(here.journal(), []);
  settle(here);
  assert.is(here.log().length, 1);
  here.remove();
});

test('settling stops for nobody who holds the lock, and leaves a running plan alone', async () => {
  const here = place();
  const keeper = await openKeeper(host, here.attempt());
  keeper.begin([stepOf({ title: 'Wait', run: `sleep 1`, undo: `touch ${here.at('undone')}` })], []);
  await sleep(200);
  settle(here);
  await keeper.done(0, () => {});
  keeper.commit(shas.next, undefined, '');
  assert.is(await keeper.ended(), 'live');
  assert.not(existsSync(here.at('undone')));
  assert.is(here.previous(), '');
  here.remove();
});

test('a journal that was not even begun is no obstacle', async () => {
  const here = place();
  mkdirSync(join(here.home, 'journal'), { recursive: true });
  writeFileSync(join(here.home, 'journal/prelude.sh.new'), 'half');
  const { outcome } = await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })]);
  assert.is(outcome, 'live');
  here.remove();
});

test('nothing stays behind: the folder of each keeper is gone', async () => {
  const here = place();
  const { child } = program(here.attempt(), hanging(here));
  await hangs(here);
  const mine = readFileSync(join(here.home, 'run'), 'utf8').trim();
  assert.match(mine, `${here.home}/bookops.`);
  assert.ok(existsSync(mine));
  child.kill('SIGKILL');
  await until(() => here.log().length > 0 && here.free(), 'undone');
  await until(() => !existsSync(mine), 'the folder is gone');
  here.remove();
});

test('a hang-up of the server side undoes too', async () => {
  const here = place();
  const { child } = program(here.attempt(), hanging(here));
  await hangs(here);
  process.kill(keeperOf(here), 'SIGTERM');
  await until(() => here.log().length > 0 && here.free(), 'undone');
  undoneWhole(here);
  assert.match(here.log()[0] ?? '', /outcome=lost reason="the server ended the keeper during/);
  child.kill('SIGKILL');
  here.remove();
});
test.run();
