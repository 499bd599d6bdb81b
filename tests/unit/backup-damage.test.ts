// Flips, truncations and swaps by chance in what a store has: verify finds each of them, and nothing where there is none.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { backupsIn } from '../../lib/backup/catalog.ts';
import { reread } from '../../lib/backup/examine.ts';
import { folderStore } from '../../lib/store/folder.ts';
import { makeData, target, type Data } from '../backups/data.ts';

/** All of them with BOOKOPS_TORTURE=1. */
const rounds = process.env['BOOKOPS_TORTURE'] === '1' ? 1000 : 60;
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
