// Backup, drill and prune killed at random points, the program alone or all of its processes: nothing half, and no help needed.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isComplete, keyOf, type CompleteBackup } from '../../lib/backup/catalog.ts';
import { backupId, manifestName, renderManifest } from '../../lib/backup/manifest.ts';
import { target } from '../support/backup/data.ts';
import { makeTwofold, type Twofold } from '../support/backup/twofold.ts';
import { processesIn, until } from '../support/book/book.ts';

/** All of them with BOOKOPS_TORTURE=1. */
const torture = process.env['BOOKOPS_TORTURE'] === '1';
const points = (sample: number) => (torture ? 50 : sample);
const names = ['disk', 'far'] as const;

let world: Twofold;
test.before(async () => {
  world = await makeTwofold('{ daily: 1 }');
});
test.after(() => world.end());

/** Runs it once to its end, for the time it takes, then kills it at points in that time, evenly spread by chance. */
async function series(rounds: number, name: string, words: string[], prepare: () => Promise<void>): Promise<void> {
  const task = [name, ...words].join(' ');
  await prepare();
  const began = performance.now();
  const whole = await world.run(name, words);
  const length = performance.now() - began;
  assert.is(whole.code, 0, whole.stderr);

  let cut = 0;
  for (let round = 0; round < rounds; round++) {
    await prepare();
    const wait = ((round + Math.random()) / rounds) * length;
    // the server goes down with it, every second time
    const all = round % 2 === 1;
    const told = `${task}, ${all ? 'everything' : 'the program'} killed after ${wait.toFixed(0)} of ${length.toFixed(0)} ms`;
    const running = world.start(name, words);
    await new Promise(done => setTimeout(done, wait));
    for (const pid of all ? processesIn(world.folder) : []) killProcess(pid);
    running.child.kill('SIGKILL');
    const { code } = await running.ended;
    if (code === null) cut++;
    await until(
      `${told}: what it had begun has ended`,
      () => processesIn(world.folder).length === 0,
      () => processesIn(world.folder).join(' '),
      60,
    );
    await proves(told);
  }
  // a few may all fall on a moment after the end, when the machine is quick that day
  assert.ok(
    rounds < 10 || cut >= rounds / 2,
    `only ${cut} of ${rounds} were cut off: the points are not where the work is`,
  );
}

/** What has to hold after each. */
async function proves(told: string): Promise<void> {
  const { backups } = await world.good('backups');
  assert.equal(
    backups.filter(one => one.fault !== null),
    [],
    `${told}: a half backup is listed`,
  );
  const store = names[Math.floor(Math.random() * 2)] ?? 'disk';
  const newest = backups.find(one => one.store === store);
  assert.ok(newest, `${told}: there is none in ${store}`);
  const restored = await world.run('restore', [newest.id, '--store', store, '--to', 'restored']);
  assert.is(restored.code, 0, `${told}\n${restored.stderr}`);
  rmSync(join(world.folder, 'restored'), { recursive: true });

  const next = await world.run('backup');
  assert.is(next.code, 0, `${told}: the next one needed help\n${next.stderr}`);
  assert.equal(await world.left(), [], `${told}: left behind`);
  for (const name of names) assert.equal(await world.damage(name), [], told);
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** Takes older ones away, so that the series do not grow. */
async function onlyNewest(): Promise<void> {
  if ((await world.held('disk')).length > 3) await world.good('backups', ['prune']);
}

/** Six more backups of today in each store, of which a prune keeps none. */
async function more(): Promise<void> {
  await onlyNewest();
  for (const name of names) {
    const store = world.stores[name];
    const found = (await world.held(name)).find((one): one is CompleteBackup => isComplete(one));
    assert.ok(found, 'a backup to be copied');
    const { manifest } = found;
    const parts = manifest.parts.filter(part => part.name === 'database.sqlite.zst');
    for (let count = 1; count <= 6; count++) {
      const time = new Date(found.time.getTime() - count * 1000);
      const id = backupId(time);
      const copy = { ...manifest, id, time: time.toISOString(), parts, files: null };
      for (const part of parts)
        await store.put(keyOf(target, id, part.name), await store.get(keyOf(target, found.id, part.name)));
      await store.put(keyOf(target, id, manifestName), Readable.from([Buffer.from(renderManifest(copy))]));
    }
  }
}

test(`a backup that is killed at ${points(2)} points`, async () => {
  await world.good('backup');
  await series(points(2), 'backup', [], onlyNewest);
});

test(`a drill that is killed at ${points(1)} points`, async () => {
  await series(points(1), 'drill', ['--store', 'far'], onlyNewest);
});

test(`a prune that is killed at ${points(1)} points`, async () => {
  const removes = async () => {
    await more();
    assert.ok((await world.held('far')).length > 6);
  };
  await series(points(1), 'backups', ['prune'], removes);
  await world.good('backups', ['prune']);
  for (const name of names) assert.ok((await world.held(name)).length < 4, `${name} was not pruned`);
});

test('at the end every backup that is listed restores', async () => {
  const { backups } = await world.good('backups');
  assert.ok(backups.length > 1);
  for (const { id, store } of backups) {
    const { code, stderr } = await world.run('restore', [id, '--store', store, '--to', `end-${id}-${store}`]);
    assert.is(code, 0, stderr);
    assert.ok(readdirSync(join(world.folder, `end-${id}-${store}`)).includes('database.sqlite'));
  }
});
test.run();
