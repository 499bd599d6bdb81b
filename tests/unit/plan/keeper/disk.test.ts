// A full disk: refused, or undone with exactly one line in the log, never half.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openKeeper } from '../../../../lib/plan/keeper/open.ts';
import { parseLine } from '../../../../lib/release/log.ts';
import { failure } from '../../../support/failing.ts';
import { host, place, shas, stepOf, walk } from '../../../support/keeper/keeping.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-disk-'));
const disk = (name: string, size: string) => {
  const at = join(folder, name);
  const made = spawnSync('bash', ['-c', 'mkdir "$1" && mount -t tmpfs -o "size=$2" tmpfs "$1"', 'bash', at, size]);
  assert.is(made.status, 0, made.stderr.toString());
  return at;
};
/** Without root no disk of our own can be made, and there is nothing to try. */
const root = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;
const fill = (at: string) => spawnSync('bash', ['-c', 'cat /dev/zero >"$1/filler"', 'bash', at]);

test('a disk that is full before anything began: refused in words, no line, no journal, the lock is free', async () => {
  if (!root) return;
  const at = disk('full', '512k');
  fill(at);
  const here = place(at);
  const refused = await failure(openKeeper(host, here.attempt()));
  assert.is(refused.exit, 1);
  assert.match(refused.message, /is the disk full|cannot be made/);
  assert.equal(here.log(), []);
  assert.equal(here.journal(), []);
  rmSync(join(at, 'filler'));
  assert.is((await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })])).outcome, 'live');
  assert.is(here.log().length, 1);
});

test('a disk that fills up while a step runs: undone, one line, the next run needs no repair', async () => {
  if (!root) return;
  const at = disk('filling', '1m');
  const here = place(at);
  await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })]);
  const { outcome, said } = await walk(here.attempt(), [
    stepOf({ title: 'Unpack', run: `head -c 5000000 /dev/zero >${at}/filler`, undo: `rm -f ${at}/filler` }),
  ]);
  assert.is(outcome, 'reverted');
  assert.match(said.join('\n'), /No space left/);
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['live', 'reverted'],
  );
  assert.is((await walk(here.attempt(), [stepOf({ title: 'b', run: 'true' })])).outcome, 'live');
});

test('no room for the next undo: its step never begins, what was done is undone, the line is there', async () => {
  if (!root) return;
  const at = disk('undo', '1m');
  const here = place(at);
  const { outcome, error } = await walk(here.attempt(), [
    stepOf({ title: 'Fill', run: `cat /dev/zero >${at}/filler || true`, undo: `touch ${folder}/undone` }),
    stepOf({ title: 'Next', run: `touch ${folder}/next`, undo: `: ${'x'.repeat(20_000)}` }),
  ]);
  assert.match(String(error), 'is the disk full');
  assert.is(outcome, 'reverted');
  assert.ok(existsSync(`${folder}/undone`));
  assert.not(existsSync(`${folder}/next`));
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['reverted'],
  );
  assert.is(statSync(`${at}/filler`).size > 0, true);
});

test('a disk that is full at the decision: the reserve makes room, line and pointers say the same', async () => {
  if (!root) return;
  const at = disk('commit', '1m');
  const here = place(at);
  await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })]);
  for (const name of ['current_release', 'previous_release'])
    writeFileSync(join(here.releases, name), `${'c'.repeat(40)}\n`);
  const { outcome } = await walk(here.attempt(), [
    stepOf({ title: 'Fill', run: `cat /dev/zero >${at}/filler || true`, undo: `rm -f ${at}/filler` }),
  ]);
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['live', outcome],
  );
  assert.equal(
    [here.current(), here.previous()],
    outcome === 'live' ? [shas.next, shas.old] : ['c'.repeat(40), 'c'.repeat(40)],
  );
  assert.equal(here.journal(), []);
});
test.after(() => {
  for (const name of ['full', 'filling', 'undo', 'commit']) if (root) spawnSync('umount', ['-l', join(folder, name)]);
  rmSync(folder, { recursive: true, force: true });
});
test.run();
