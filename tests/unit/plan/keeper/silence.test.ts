// A client that is there and says nothing: the keeper neither waits for it nor is held up by what it does not read.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../../lib/errors.ts';
import type { Host } from '../../../../lib/host/host.ts';
import { openKeeper } from '../../../../lib/plan/keeper/open.ts';
import { sh } from '../../../../lib/host/sh.ts';
import { parseLine } from '../../../../lib/release/log.ts';
import { alive, host, keeperOf, place, program, until, type Place } from '../../../support/keeper/keeping.ts';

/** They wait more than they work, each on a target of its own: all begin at once. */
function atOnce(name: string, work: () => Promise<void>): void {
  const end = work();
  end.catch(() => {}); // told by its own test
  test(name, () => end);
}

atOnce('a client that says nothing any more is given up after 10 s of silence', async () => {
  const here = place();
  const { child } = program(here.attempt(), [
    { title: 'First', run: `touch ${here.at('first')}`, undo: `rm ${here.at('first')}; echo 0 >>${here.at('undone')}` },
    {
      title: 'Hang',
      run: `echo $$ >${here.at('group')}; sleep 600 & sleep 600`,
      undo: `echo 1 >>${here.at('undone')}`,
    },
  ]);
  await until(() => alive(Number(here.text('group'))).length >= 3, 'the step hangs');
  child.kill('SIGSTOP');
  const seconds = await until(() => here.log().length > 0 && here.free(), 'undone', 20);
  child.kill('SIGKILL');
  assert.ok(seconds > 7 && seconds < 20, `${seconds} s`);
  assert.is(here.text('undone'), '1\n0\n');
  assert.equal(alive(Number(here.text('group'))), []);
  assert.not(existsSync(here.at('first')));
  assert.match(here.log()[0] ?? '', /outcome=lost reason="no sign of life from ana@laptop for 10 s during: Hang/);
  here.remove();
});

atOnce('a step that prints 50 MB to a client that does not read delays no undo', async () => {
  const here = place();
  const { child } = program(here.attempt(), [
    {
      title: 'Flood',
      run: `echo $$ >${here.at('group')}; head -c 50000000 /dev/zero | tr '\\0' x; touch ${here.at('flooded')}; sleep 600`,
      undo: `echo 0 >>${here.at('undone')}`,
    },
  ]);
  await until(() => existsSync(here.at('group')), 'the step began');
  child.kill('SIGSTOP');
  await until(() => existsSync(here.at('flooded')), 'nothing holds up the step', 8);
  const seconds = await until(() => here.log().length > 0 && here.free(), 'undone', 20);
  child.kill('SIGKILL');
  assert.ok(seconds < 20, `${seconds} s`);
  assert.is(here.text('undone'), '0\n');
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['lost'],
  );
  here.remove();
});

/** A step that hangs and counts its undo. */
const hanging = (here: Place) => ({
  title: 'Hang',
  run: sh`touch ${here.at('begun')}; sleep 600`,
  undo: sh`echo 0 >>${here.at('undone')}`,
});

/** Opens a keeper with a step that hangs, breaks something, and tells why the client gave up, and after how many seconds. */
async function broken(here: Place, breakIt: (keeper: number) => void, through: Host = host) {
  const keeper = await openKeeper(through, here.attempt());
  keeper.begin([hanging(here)], []);
  await until(() => existsSync(here.at('begun')), 'the step hangs');
  const from = Date.now();
  breakIt(keeperOf(here));
  const told = await keeper
    .done(0, () => {})
    .then(
      () => new Failure(2, 'it did not even notice'),
      (error: unknown) => error as Failure,
    );
  return { told, seconds: (Date.now() - from) / 1000 };
}

/** It went back by itself, once, and nothing is left. */
async function wentBack(here: Place, reason: RegExp): Promise<void> {
  await until(() => here.log().length > 0 && here.free(), 'undone', 30);
  assert.is(here.text('undone'), '0\n');
  const line = parseLine(here.log()[0] ?? '');
  assert.is(line?.outcome, 'lost');
  assert.match(line?.reason ?? '', reason);
  assert.equal(here.journal(), []);
  await until(() => readdirSync(here.home).every(name => !name.startsWith('bookops.')), 'its folder is gone');
  here.remove();
}

const children = (pid: number, name: string) =>
  spawnSync('pgrep', ['-P', String(pid), '-x', name], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);

atOnce('the one that carries its words is killed: the keeper goes back, and the client learns it at once', async () => {
  const here = place();
  const { told, seconds } = await broken(here, keeper =>
    children(keeper, 'tail').map(pid => process.kill(pid, 'SIGKILL')),
  );
  assert.is(told.exit, 6, String(told)); // ended without a word: the caller asks the server
  assert.ok(seconds < 15, `${seconds} s`);
  await wentBack(here, /what the server says does not reach ana@laptop any more during: Hang/);
});

atOnce('its folder is removed in the middle: the keeper says so and goes back', async () => {
  const here = place();
  const { told, seconds } = await broken(here, () =>
    rmSync(here.text('releases/.keeper/run').trim(), { recursive: true }),
  );
  assert.is(told.exit, 4, String(told));
  assert.match(told.message, /ended the attempt by itself \(lost\): the folder of the keeper was removed during: Hang/);
  assert.ok(seconds < 15, `${seconds} s`);
  await wentBack(here, /the folder of the keeper was removed during: Hang/);
});

atOnce('its folder is removed and then its client killed: it goes back all the same', async () => {
  const here = place();
  const { child } = program(here.attempt(), [
    { title: 'Hang', run: `touch ${here.at('begun')}; sleep 600`, undo: `echo 0 >>${here.at('undone')}` },
  ]);
  await until(() => existsSync(here.at('begun')), 'the step hangs');
  rmSync(here.text('releases/.keeper/run').trim(), { recursive: true });
  child.kill('SIGKILL');
  await wentBack(here, /(is gone|was removed) during: Hang/);
});

atOnce('a pipe that the client reads no more ends the plan, whose beats still come', async () => {
  const here = place();
  let deafen = () => {};
  const through: Host = {
    ...host,
    async open(command) {
      const channel = await host.open(command);
      deafen = () => channel.output.destroy();
      return channel;
    },
  };
  const { told } = await broken(here, () => deafen(), through);
  assert.is.not(told.exit, 2);
  await wentBack(here, /what the server says does not reach ana@laptop any more/);
});

atOnce('a keeper that is stopped is given up after 20 s, and goes back when it goes on', async () => {
  const here = place();
  let stopped = 0;
  const { told, seconds } = await broken(here, keeper => process.kill((stopped = keeper), 'SIGSTOP'));
  assert.is(told.exit, 4);
  assert.match(told.message, 'no heartbeat from the keeper on here for 20 s');
  assert.ok(seconds > 15 && seconds < 30, `${seconds} s`);
  process.kill(stopped, 'SIGCONT');
  await wentBack(here, /ana@laptop is gone during: Hang|no sign of life/);
});
test.run();
