// A client that is there and says nothing: the keeper neither waits for it nor is held up by what it does not read.
import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseLine } from '../../lib/release/log.ts';
import { alive, place, program, until } from '../torture/keeping.ts';

test('a client that says nothing any more is given up after 10 s of silence', async () => {
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

test('a step that prints 50 MB to a client that does not read delays no undo', async () => {
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

test.run();
