// Flips, truncations and swaps by chance in what a store has: verify finds each of them, and nothing where there is none.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backupsIn, choose, isComplete, type StoredBackup } from '../../../../lib/backup/catalog.ts';
import { reread } from '../../../../lib/backup/verify/verify.ts';
import { manifestName } from '../../../../lib/backup/manifest.ts';
import { noteDamage } from '../../../../lib/backup/verify/record-damage.ts';
import { readDrills, standingProofs } from '../../../../lib/backup/drill/last-proven.ts';
import { isVerdictName } from '../../../../lib/backup/drill/verdict.ts';
import { Failure } from '../../../../lib/errors.ts';
import { largestText } from '../../../../lib/store/store.ts';
import { folderStore } from '../../../../lib/store/folder/store.ts';
import type { Store } from '../../../../lib/store/store.ts';
import { failure } from '../../../support/failing.ts';
import { makeData, target, type Data } from '../../../support/backup/data.ts';
import { sample } from '../../../support/target/targets.ts';

/** All of them with BOOKOPS_TORTURE=1. */
const rounds = process.env['BOOKOPS_TORTURE'] === '1' ? 1000 : 32;
const { signal } = new AbortController();

let data: Data;
let objects: { file: string; id: string; bytes: Buffer }[];
test.before(async () => {
  data = makeData();
  data.sql('CREATE TABLE chapters (title, body)');
  for (const name of ['one', 'two', 'three']) {
    // each is another in all of its parts
    data.sql(`INSERT INTO chapters SELECT value, hex(randomblob(200)) FROM generate_series(1, 50)`);
    writeFileSync(join(data.uploads, name), name.repeat(5000));
    await data.good('backup');
    await data.good('drill');
  }
  const store = folderStore('disk', join(data.folder, 'store'));
  objects = [];
  for (const { id, keys } of await backupsIn(store, target))
    for (const { key } of keys) {
      const file = join(data.folder, 'store', key);
      objects.push({ file, id, bytes: readFileSync(file) });
    }
});
test.after(() => data.clean());

test('what a store gives without an end is damage of that backup, and never read to its end', async () => {
  const disk = folderStore('disk', join(data.folder, 'store'));
  const [newest] = await backupsIn(disk, target);
  const keyLike = (is: (name: string) => boolean) =>
    newest?.keys.find(({ key }) => is(key.slice(key.lastIndexOf('/') + 1)))?.key ?? '';
  const [manifest, verdict] = [keyLike(name => name === manifestName), keyLike(isVerdictName)];
  for (const [key, listed, isWholeStill] of [
    [manifest, 600_000_000, false],
    // a store that says less than it gives
    [manifest, 3000, false],
    [verdict, 400, true],
  ] as const) {
    let given = 0;
    const endless: Store = {
      ...disk,
      async *list(prefix) {
        for await (const one of disk.list(prefix)) yield one.key === key ? { ...one, bytes: listed } : one;
      },
      get: async wanted =>
        wanted === key
          ? new Readable({
              read() {
                given += 65_536;
                this.push(given > 600_000_000 ? null : Buffer.alloc(65_536, '{'));
              },
            })
          : disk.get(wanted),
    };
    const held = await backupsIn(endless, target);
    assert.is(held.length, 3);
    assert.ok(given < largestText + 1_000_000, `${given} bytes of ${key} were read`);
    assert.is(isComplete(held[0] as StoredBackup), isWholeStill, key);
    assert.ok(held.slice(1).every(isComplete));
    if (isWholeStill) assert.is(held[0]?.verdict, undefined);
    else {
      assert.match(held[0]?.fault ?? '', 'larger than 8 MB');
      assert.throws(
        () => choose(held, { id: undefined, at: undefined }, target),
        (error: unknown) => error instanceof Failure && error.exit === 7,
      );
      assert.is(choose(held, { id: held[1]?.id, at: undefined }, target).id, held[1]?.id);
    }
  }
});

test('a store that lists without an end is refused', async () => {
  const disk = folderStore('disk', join(data.folder, 'store'));
  const flood: Store = {
    ...disk,
    async *list(prefix) {
      for (let at = 0; ; at++) yield { key: `${prefix}20261121T030000Z-3f2c1a/${at}`, bytes: 1 };
    },
  };
  const before = performance.now();
  assert.is((await failure(backupsIn(flood, target))).exit, 7);
  assert.ok(performance.now() - before < 20_000);
});

/** The ids of the backups with which `backups verify` is not content. */
async function found(): Promise<string[]> {
  const held = await backupsIn(folderStore('disk', join(data.folder, 'store')), target);
  assert.is(held.length, 3);
  const bad: string[] = [];
  for (const one of held) {
    const checks = await reread(one, new Map(), signal, () => {});
    if (!checks.every(check => check.good)) bad.push(one.id);
  }
  return bad.toSorted();
}

const below = (limit: number) => Math.floor(Math.random() * limit);
const pick = <One>(all: readonly One[]) => all[below(all.length)] as One;

/** Does it, and says what it did to whom. */
const damages: Record<string, () => { told: string; ids: string[] }> = {
  flip() {
    const { file, id, bytes } = pick(objects);
    const [at, bit] = [below(bytes.length), below(8)];
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << bit);
    writeFileSync(file, changed);
    return { told: `bit ${bit} of byte ${at} of ${file}`, ids: [id] };
  },
  truncation() {
    const { file, id, bytes } = pick(objects);
    const length = below(bytes.length);
    writeFileSync(file, bytes.subarray(0, length));
    return { told: `${file} cut to ${length} of ${bytes.length} bytes`, ids: [id] };
  },
  swap() {
    const one = pick(objects);
    const other = pick(objects.filter(({ bytes }) => !bytes.equals(one.bytes)));
    writeFileSync(one.file, other.bytes);
    writeFileSync(other.file, one.bytes);
    return { told: `${one.file} and ${other.file} exchanged`, ids: [...new Set([one.id, other.id])].toSorted() };
  },
};

test(`${rounds} damages by chance are found, each in the backup that it hit and in no other`, async () => {
  const kinds = Object.keys(damages);
  for (let round = 0; round < rounds; round++) {
    const done = damages[kinds[round % kinds.length] ?? '']?.();
    assert.ok(done);
    assert.equal(await found(), done.ids, `damage ${round}: ${done.told}`);
    for (const { file, bytes } of objects) writeFileSync(file, bytes);
  }
});

test(`${rounds} times nothing is found where nothing is`, async () => {
  for (let round = 0; round < rounds; round++) assert.equal(await found(), [], `round ${round}`);
  const { code, stderr } = await data.run('backups', ['verify']);
  assert.is(code, 0, stderr);
});

test('who may not write a verdict is told, and a proof of before the damage does not count', async () => {
  const disk = folderStore('disk', join(data.folder, 'store'));
  const [held] = await backupsIn(disk, target);
  assert.ok(held?.verdict?.good);
  const warned: string[] = [];
  const refusing: Store = { ...disk, put: async () => Promise.reject(new Failure(1, 'this key may only read')) };
  const met = {
    held: { ...held, store: refusing },
    checks: [],
    says: 'odd',
    by: 'ana',
    where: 'here',
    found: 'verify',
  } as const;
  const gone = async () => Promise.reject(new Failure(4, 'it does not answer'));
  await noteDamage({ ...sample(), ...target }, met, gone, { warn: line => void warned.push(line) });
  assert.match(
    warned.join('\n'),
    /is not beside .* this key may only read\n.*is not in drills.log: it does not answer/,
  );
  const log = (...kinds: string[]) =>
    kinds
      .map((kind, at) => `2026-11-20T1${at}:00:00Z env=${target.environment} backup=${held.id} store=${kind}\n`)
      .join('');
  const proven = (text: string) => standingProofs(readDrills(text, target)).map(one => one.time.getUTCHours());
  assert.equal(proven(log('disk verdict=good seconds=1', 'far verdict=good seconds=1')), [10, 11]);
  assert.equal(proven(log('disk verdict=good', 'far verdict=good', 'disk verdict=bad found=verify')), [11]);
  assert.equal(proven(log('disk verdict=good', 'disk verdict=bad found=restore', 'disk verdict=good')), [12]);
});

test('the task says it with exit code 7, also of a verdict', async () => {
  for (const part of ['files.tar.zst', 'manifest.json', 'verdict-']) {
    const object = objects.find(({ file }) => file.includes(`/${part}`));
    assert.ok(object);
    writeFileSync(object.file, Buffer.concat([object.bytes.subarray(0, -3), Buffer.from('...')]));
    const { code, stderr } = await data.run('backups', ['verify']);
    assert.is(code, 7, stderr);
    assert.match(stderr, `1 of 3 backups of book staging are damaged`);
    assert.match(stderr, object.id);
    writeFileSync(object.file, object.bytes);
  }
});
test.run();
