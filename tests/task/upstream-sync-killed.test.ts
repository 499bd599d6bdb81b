// A sync that is killed or interrupted leaves nothing half-done: no branch, no worktree, no folder, and the next one does it all.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ended } from '../support/sites/look.ts';
import { makeClone, makePatched, styles } from '../support/upstream/upstream.ts';

const all = makePatched();
const { site, own, upstream, scratch, temporary } = all;
test.after(() => all.remove());
const words = ['upstream-sync', '--env', 'staging', '--no-build'] as const;
const origin = makeClone(all.origin, scratch);
const branches = () => origin.git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads').split('\n');
const refsOf = () => own.git('for-each-ref', 'refs/heads', 'refs/remotes', 'refs/tags');
const inGit = () => readdirSync(join(own.folder, '.git')).filter(name => !/^(config|description|HEAD|index|info|hooks|logs|objects|refs|branches|packed-refs|COMMIT_EDITMSG|ORIG_HEAD)$/.test(name)); // prettier-ignore

test.before(async () => {
  ended(await site.task('patch', 'make', '--env', 'staging', '--base', 'v1.0'), 0);
  const folder = join(scratch, 'opened');
  ended(await site.task('patch', 'open', folder, '--env', 'staging'), 0);
  makeClone(folder, scratch).commit('[css] Auto', { 'app/styles.css': styles.replace('margin: 0', 'margin: auto') });
  ended(await site.task('patch', 'make', '--env', 'staging', '--clone', folder), 0);
  own.commit('Patches');
  own.git('push', '--quiet', 'origin', 'main');
  upstream.commit('Second', { new: '1' });
  upstream.git('push', '--quiet', 'origin', 'main');
});

const interrupted = async (signal: 'SIGKILL' | 'SIGINT', point: RegExp, after = 0) => {
  const [refs, main] = [refsOf(), branches().find(line => line.startsWith('refs/heads/main'))];
  const running = site.start(...words);
  await Promise.race([running.until(point), running.ended]).catch(() => {});
  await pause(after);
  running.child.kill(signal);
  const said = await running.ended;
  assert.is(refsOf(), refs);
  assert.equal(inGit(), []);
  // all of the branch, or nothing
  const now = branches();
  assert.is(
    now.find(line => line.startsWith('refs/heads/main')),
    main,
  );
  for (const line of now.slice(1)) {
    assert.match(line, /^refs\/heads\/upstream-sync /);
    assert.is(origin.git('rev-list', '--count', 'main..upstream-sync'), '1');
  }
  return said;
};

const points: ['SIGKILL' | 'SIGINT', RegExp][] = [
  ['SIGKILL', /… Read origin/],
  ['SIGKILL', /… Fetch upstream/],
  ['SIGINT', /… Fetch upstream/],
  ['SIGKILL', /… Push/],
];
for (const [signal, point] of points)
  test(`${signal} at “${point.source.slice(2)}”`, async () => {
    if (branches().length > 1) origin.git('update-ref', '-d', 'refs/heads/upstream-sync');
    const said = await interrupted(signal, point, 40);
    if (signal === 'SIGINT' && said.code !== 0) {
      assert.is(said.code, 130);
      assert.equal(readdirSync(temporary), []);
    }
    const next = ended(await site.task(...words), 0);
    assert.match(next.stdout, /upstream-sync is (pushed|up to date)/);
    assert.equal(readdirSync(temporary), [], 'what the killed one left is gone');
    assert.is(origin.git('rev-list', '--count', 'main..upstream-sync'), '1');
  });

if (process.env['BOOKOPS_TORTURE'])
  test('killed at sixty moments', async () => {
    let [undone, done] = [0, 0];
    for (let moment = 0; moment < 60; moment++) {
      if (branches().length > 1) origin.git('update-ref', '-d', 'refs/heads/upstream-sync');
      await interrupted('SIGKILL', /./, moment * 25);
      if (branches().length > 1) done++;
      else undone++;
    }
    ended(await site.task(...words), 0);
    assert.equal(readdirSync(temporary), []);
    assert.ok(undone > 10);
    console.error(`killed at 60 moments: ${undone} before the push, ${done} after it`);
  });

test.run();
