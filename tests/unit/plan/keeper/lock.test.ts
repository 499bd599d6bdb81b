// One plan at a time on a target: the others learn who holds it, since when and at which step, or wait for their turn.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../../lib/errors.ts';
import { openKeeper } from '../../../../lib/plan/keeper/open.ts';
import { parseLine } from '../../../../lib/release/log.ts';
import { failure } from '../../../support/failing.ts';
import { host, place, shas, sleep, stepOf, until, walk } from '../../../support/keeper/keeping.ts';

test('of 20 at once one runs, 19 are told who holds the lock, since when and at which step', async () => {
  const here = place();
  const results = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const attempt = here.attempt({
        holder: `by=person${index}@laptop action=deploy sha=${shas.next} since=2026-11-20T12:00:04Z`,
      });
      try {
        return await walk(attempt, [
          stepOf({
            title: 'Hold "it"',
            run: `echo x >>${here.at('ran')}; until [ -e ${here.at('all')} ]; do sleep 0.1; done`,
          }),
        ]);
      } catch (error) {
        // the last of the losers lets the winner go on
        if (++lost === 19) await walkOn(here.at('all'));
        return error;
      }
    }),
  );
  const failures = results.filter(one => one instanceof Failure);
  const won = results.filter(one => !(one instanceof Error));
  assert.is(won.length, 1);
  assert.is(failures.length, 19, String(results));
  for (const one of failures) {
    assert.is(one.exit, 5);
    assert.match(
      one.message,
      /^person\d+@laptop holds the lock of .* \(deploy of bbbbbbb\) since 2026-11-20T12:00:04Z, at the step “(Hold it|getting ready)”$/,
    );
  }
  assert.is(here.text('ran'), 'x\n');
  assert.is(here.log().length, 1);
  here.remove();
});
let lost = 0;
async function walkOn(file: string): Promise<void> {
  const { writeFile } = await import('node:fs/promises');
  await writeFile(file, '');
}

test('who waits is told for whom, and gets its turn', async () => {
  const here = place();
  const first = walk(here.attempt({ holder: 'by=bo@desk action=deploy' }), [
    stepOf({ title: 'Slowly', run: `touch ${here.at('begun')}; sleep 1.5` }),
  ]);
  await until(() => existsSync(here.at('begun')), 'the first runs');
  const heard: string[] = [];
  const second = await walk(here.attempt({ wait: 20 }), [stepOf({ title: 'b', run: 'true' })], [], one =>
    heard.push(`${one.kind} ${one.text}`),
  );
  assert.is((await first).outcome, 'live');
  assert.is(second.outcome, 'live');
  assert.equal(heard, ['waiting by=bo@desk action=deploy step="Slowly"']);
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['live', 'live'],
  );
  here.remove();
});

test('who waits gives up after the time it was given', async () => {
  const here = place();
  const first = await openKeeper(host, here.attempt());
  const from = Date.now();
  const refused = await failure(openKeeper(host, here.attempt({ wait: 2 })));
  const seconds = (Date.now() - from) / 1000;
  assert.is(refused.exit, 5);
  assert.match(refused.message, 'getting ready');
  assert.ok(seconds > 0.9 && seconds < 9, `${seconds} s`);
  await first.quit();
  here.remove();
});

test('a lock that somebody holds by hand is not waited for, and its process is named', async () => {
  const here = place();
  await (await openKeeper(host, here.attempt())).quit();
  await until(() => here.free(), 'the lock is free');
  const hand = spawn('flock', [`${here.home}/lock`, 'sleep', '60'], { detached: true, stdio: 'ignore' });
  await until(() => !here.free(), 'the lock is held');
  const refused = await failure(openKeeper(host, here.attempt()));
  assert.is(refused.exit, 5);
  assert.match(refused.message, `process ${hand.pid} (flock) on the server holds the lock of ${here.releases}`);
  process.kill(-Number(hand.pid), 'SIGKILL');
  here.remove();
});

test('a stamp changes with each attempt, so that a plan made from old facts is noticed', async () => {
  const here = place();
  const first = await openKeeper(host, here.attempt());
  await first.quit();
  const again = await openKeeper(host, here.attempt());
  assert.is(again.stamp, first.stamp);
  assert.is(first.stamp, '0:');
  await again.quit();
  await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })]);
  const last = await openKeeper(host, here.attempt());
  assert.is(last.stamp, `${(here.log()[0] ?? '').length + 1}:${shas.next}`);
  await last.quit();
  here.remove();
});

test('different targets go at the same time', async () => {
  const places = [place(), place(), place()];
  const from = Date.now();
  const walked = await Promise.all(places.map(here => walk(here.attempt(), [stepOf({ title: 'a', run: 'sleep 2' })])));
  assert.equal(
    walked.map(one => one.outcome),
    ['live', 'live', 'live'],
  );
  assert.ok(Date.now() - from < 5500);
  for (const here of places) here.remove();
});

test('a lock is never stale: what a crash left behind does not hold it', async () => {
  const here = place();
  const keeper = await openKeeper(host, here.attempt());
  keeper.begin([stepOf({ title: 'a', run: 'true' })], []);
  await keeper.done(0, () => {});
  keeper.abort('aborted', 'over');
  await keeper.ended();
  await sleep(100);
  assert.ok(here.free());
  assert.ok(existsSync(`${here.home}/lock`));
  assert.is((await walk(here.attempt(), [stepOf({ title: 'b', run: 'true' })])).outcome, 'live');
  here.remove();
});
test.run();
