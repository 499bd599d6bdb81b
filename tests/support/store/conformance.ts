// What every kind of store has to do, as one list of tests; `open` gives a store that is empty.
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../lib/errors.ts';
import type { Store } from '../../../lib/store/store.ts';

export function conforms(test: Test, kind: string, open: () => Promise<Store>): void {
  const check = (title: string, run: (store: Store) => Promise<void>) =>
    test(`${kind}: ${title}`, async () => run(await open()));

  check('what is put is given back, byte for byte, also when it is nothing and when it is much', async store => {
    for (const [key, bytes] of [
      ['a/empty', 0],
      ['a/one', 1],
      ['a/many', 13 * 1024 * 1024 + 7],
    ] as const) {
      const body = randomBytes(bytes);
      assert.equal(await store.put(key, Readable.from(pieces(body))), { bytes });
      assert.is(sum(await buffer(await store.get(key))), sum(body), key);
    }
  });

  check('a listing has whole objects with their sizes, and only those of the prefix', async store => {
    for (const key of ['a-b/1/x', 'a-b/2/y.zst', 'a-bc/1/x']) await put(store, key, key);
    assert.equal(await keys(store, 'a-b/'), ['a-b/1/x 7', 'a-b/2/y.zst 11']);
    assert.equal(await keys(store, 'a-b/2/'), ['a-b/2/y.zst 11']);
    assert.equal(await keys(store, ''), ['a-b/1/x 7', 'a-b/2/y.zst 11', 'a-bc/1/x 8']);
    assert.equal(await keys(store, 'none/'), []);
  });

  check(
    'a body that fails half-way leaves nothing that is listed, and its error is the one that is told',
    async store => {
      for (const bytes of [10, 7 * 1024 * 1024]) {
        const broken = Readable.from(
          (async function* () {
            yield randomBytes(bytes);
            throw new Error('the producer died');
          })(),
        );
        const error = await failure(store.put('a/broken', broken));
        assert.match(error.message, 'the producer died');
        assert.equal(await keys(store, ''), []);
      }
      assert.is(await store.sweep('a/'), 0);
    },
  );

  check('nothing is ever overwritten', async store => {
    await put(store, 'a/x', 'first');
    const error = await failure(put(store, 'a/x', 'second'));
    assert.ok(error instanceof Failure);
    assert.is(error.exit, 1);
    assert.is((await buffer(await store.get('a/x'))).toString(), 'first');
  });

  check('what is not there is told as damage, and removing it is no failure', async store => {
    const error = await failure(store.get('a/none'));
    assert.ok(error instanceof Failure);
    assert.is(error.exit, 7);
    await store.remove('a/none');
    await put(store, 'a/x', 'x');
    await put(store, 'a/y', 'y');
    await store.remove('a/x');
    assert.equal(await keys(store, ''), ['a/y 1']);
  });
}

function put(store: Store, key: string, text: string) {
  return store.put(key, Readable.from([Buffer.from(text)]));
}

async function keys(store: Store, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key, bytes } of store.list(prefix)) found.push(`${key} ${bytes}`);
  return found.toSorted();
}

async function failure(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error, 'it should have failed');
  return error;
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += 65_000) yield body.subarray(at, at + 65_000);
}

function sum(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}
