// Going back, starting again, maintenance, and what releases and status tell about it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook, type Book } from '../support/book/book.ts';

let book: Book;
const sha7 = (sha: string) => sha.slice(0, 7);

test.before(async () => {
  book = await makeBook();
  for (const sha of [book.good1, book.good2]) {
    const { code, stderr } = await book.run('deploy', ['--sha', sha]);
    assert.is(code, 0, stderr);
  }
});
test.after(() => book.clean());

test('status tells what serves, that it is ready, and how the last attempt ended', async () => {
  const [people, programs] = await Promise.all([book.run('status'), book.run('status', ['--json'])]);
  assert.is(people.code, 0, people.stdout);
  assert.match(people.stdout, `${sha7(book.good2)} since 20`);
  assert.match(people.stdout, /health\s+ready/);
  const [state] = JSON.parse(programs.stdout).targets;
  assert.equal([state.sha, state.previous, state.healthy], [book.good2, book.good1, true]);
});

test('a rollback goes to the last good release before, and says that the database stays', async () => {
  const { code, stdout, stderr } = await book.run('rollback');
  assert.is(code, 0, stderr);
  assert.match(stdout, `serves ${sha7(book.good1)} (was ${sha7(book.good2)})`);
  assert.match(stderr, 'the database stays as it is');
  assert.is(await book.serves(), book.good1);
  assert.is(book.current(), book.good1);
});

test('a second rollback has nowhere to go: exit 2, the reason, and nothing changed', async () => {
  const attempts = book.log().length;
  const { code, stderr } = await book.run('rollback');
  assert.is(code, 2);
  assert.match(stderr, 'book staging has no good release before the one that serves');
  assert.match(stderr, `good ones are: ${sha7(book.good2)} (--to)`);
  assert.equal([await book.serves(), book.log().length], [book.good1, attempts]);
});

test('--to goes forward again to a good release, and refuses one that never was', async () => {
  const never = await book.run('rollback', ['--to', sha7(book.broken)]);
  assert.is(never.code, 2);
  assert.match(never.stderr, 'has no good release');
  const { code, stderr } = await book.run('rollback', ['--to', sha7(book.good2)]);
  assert.is(code, 0, stderr);
  assert.is(await book.serves(), book.good2);
});

test('restart starts the same release anew and writes it down as such', async () => {
  const pid = () => readFileSync(join(book.place().root, 'run/book.pid'), 'utf8');
  const before = pid();
  const { code, stderr } = await book.run('restart');
  assert.is(code, 0, stderr);
  assert.is.not(pid(), before);
  assert.is(await book.serves(), book.good2);
  assert.match(book.log().at(-1) ?? '', 'action=restart');
});

test('releases lists what was attempted, and shows one attempt whole', async () => {
  const [list, json, one, none] = await Promise.all([
    book.run('releases'),
    book.run('releases', ['--json', '--last', '2']),
    book.run('releases', ['show', book.good1]),
    book.run('releases', ['show', 'nosuch']),
  ]);
  assert.is(list.code, 0, list.stderr);
  assert.is(list.stdout.match(/ live /g)?.length, book.log().length);
  assert.is(list.stdout.match(/ current /g)?.length, 1);
  assert.is(JSON.parse(json.stdout).releases.length, 2);
  assert.is(JSON.parse(json.stdout).current, book.good2);
  assert.match(one.stdout, new RegExp(`^sha\\s+${book.good1}$`, 'm'));
  assert.is(none.code, 2);
});

test('maintenance on, status and off: the flag says who and why, and a deploy leaves it on', async () => {
  const flag = join(book.place().root, 'maintenance/MAINTENANCE_ON');
  const plan = await book.run('maintenance', ['on', '--plan']);
  assert.is(plan.code, 0, plan.stderr);
  assert.not.ok(existsSync(flag));
  const on = await book.run('maintenance', ['on', '--message', "it's $(moving) house"]);
  assert.is(on.code, 0, on.stderr);
  assert.match(readFileSync(flag, 'utf8'), "it's $(moving) house");
  assert.ok(existsSync(join(book.place().root, 'maintenance/maintenance.html')));
  const [told, status] = await Promise.all([book.run('maintenance', ['status', '--json']), book.run('status')]);
  assert.is(JSON.parse(told.stdout).on, true);
  assert.match(status.stdout, 'on for 0 min: by ');
  assert.is((await book.run('restart')).code, 0);
  assert.ok(existsSync(flag), 'what a person switched on stays on');
  const off = await book.run('maintenance', ['off']);
  assert.is(off.code, 0, off.stderr);
  assert.not.ok(existsSync(flag));
});

test('an environment where nothing is deployed is told as such', async () => {
  const [status, releases, restart, rollback] = await Promise.all(
    ['status', 'releases', 'restart', 'rollback'].map(task => book.run(task, ['--env', 'production'])),
  );
  assert.match(status?.stdout ?? '', 'nothing yet');
  assert.match(releases?.stdout ?? '', 'nothing was deployed to book production yet');
  assert.equal([restart?.code, rollback?.code], [2, 2]);
});
test.run();
