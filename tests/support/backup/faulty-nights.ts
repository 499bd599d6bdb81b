// What must hold on a night on which something goes wrong, as one test for each fault of a table.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { isComplete, type StoredBackup } from '../../../lib/backup/catalog.ts';
import type { End } from '../book/book.ts';
import type { Twofold } from './twofold.ts';

export type Fault = {
  what: string;
  /** The only store of that night. */
  store: 'disk' | 'far';
  /** Brings it about; what it gives puts everything right again. */
  cause(world: Twofold): (() => unknown) | Promise<() => unknown>;
  /** The task that ends, and how. */
  task?: 'backup' | 'drill' | 'backups prune';
  exit: number;
  says: RegExp | string;
  env?(world: Twofold): NodeJS.ProcessEnv;
  /** Only with BOOKOPS_TORTURE=1: it takes minutes, or is much like another one. */
  torture?: true;
};

/** As the line of cron/backup.cron: each task only after the one before was good. @returns the one that was not. */
async function night(world: Twofold, { store, env }: Fault): Promise<{ task: string; end: End }> {
  for (const task of ['backup', 'drill', 'backups prune']) {
    const [name = '', ...words] = task.split(' ');
    const end = await world.run(name, [...words, '--store', store], env?.(world));
    if (end.code !== 0) return { task, end };
  }
  throw new Error('nothing went wrong');
}

export function faultTests(test: Test, world: () => Twofold, faults: readonly Fault[]): void {
  const torture = process.env['BOOKOPS_TORTURE'] === '1';
  for (const fault of faults.filter(one => torture || !one.torture))
    test(`${fault.what}: ${fault.task ?? 'backup'} ends with ${fault.exit}`, () => proves(world(), fault));
}

async function proves(world: Twofold, fault: Fault): Promise<void> {
  const drills = join(world.root, 'releases/drills.log');
  const goodDrills = () => (existsSync(drills) ? readFileSync(drills, 'utf8') : '').split('verdict=good').length - 1;
  const ids = (held: readonly StoredBackup[]) => held.map(one => one.id);
  const before = await world.held(fault.store);
  const proven = goodDrills();
  assert.ok(before.length > 1, 'older backups that a prune could take away');

  const undo = await fault.cause(world);
  let found;
  try {
    found = await night(world, fault);
  } finally {
    await undo();
  }
  const { task, end } = found;
  assert.is(`${task}: ${end.code}`, `${fault.task ?? 'backup'}: ${fault.exit}`, end.stderr);
  assert.match(end.stderr, fault.says);
  assert.is(end.stdout, '', 'no word of success');
  for (const secret of ['testing', 'another-secret']) assert.not.match(end.stderr, secret);
  // here an alert has to be seen, once there are alerts

  const after = await world.held(fault.store);
  assert.equal(ids(after).filter(id => ids(before).includes(id)), ids(before), 'something was pruned'); // prettier-ignore
  const added = after.filter(one => !ids(before).includes(one.id));
  if (task === 'backup')
    assert.equal(
      added.filter(one => isComplete(one) && !one.manifest.shrunk.length),
      [],
      'it counts as a good backup',
    );
  if (task !== 'backups prune') {
    assert.is(goodDrills(), proven, 'it counts as proven');
    assert.ok(!added.some(one => one.verdict?.good));
  }
  assert.equal(await world.damage(fault.store, one => ids(before).includes(one.id)), [], 'older ones');
  // the next night is not to be judged by this one
  for (const { keys } of added) for (const { key } of keys) await world.stores[fault.store].remove(key);
}

/** Everything is as if nothing had been: a backup needs no help, nothing lies about, the oldest restores. */
export async function provesRecovery(world: Twofold): Promise<void> {
  for (const store of ['disk', 'far'] as const) {
    await world.good('backup', ['--store', store]);
    const oldest = (await world.held(store)).at(-1);
    assert.ok(oldest);
    const { code, stderr } = await world.run('restore', [oldest.id, '--store', store, '--to', `back-${store}`]);
    assert.is(code, 0, stderr);
  }
  assert.equal(await world.left(), []);
}
