// A bucket in backups, part by part: names that keys may have, copies that are made once, found again and removed when spare.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inOrder, sendBucket } from '../../../../lib/backup/bucket/mirror.ts';
import { pathFor } from '../../../../lib/backup/bucket/restore.ts';
import { copiesOf, copyName, indexName, readLine } from '../../../../lib/backup/bucket/object-list.ts';
import { spareCopies } from '../../../../lib/backup/bucket/unused-copies.ts';
import { backupsIn, keyOf } from '../../../../lib/backup/catalog.ts';
import { readStream, measure, type Remote } from '../../../../lib/host/run.ts';
import { backupId, manifestName, renderManifest, type Manifest } from '../../../../lib/backup/manifest.ts';
import { localHost } from '../../../../lib/host/local.ts';
import { folderStore } from '../../../../lib/store/folder/store.ts';
import type { AppBucket, ListedObject } from '../../../../lib/store/s3/app-bucket.ts';
import type { Store } from '../../../../lib/store/store.ts';
import { failure } from '../../../support/failing.ts';
import { sample } from '../../../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-bucket-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const way: Remote = {
  host: localHost('here', { environment: process.env }),
  signal: new AbortController().signal,
  appUser: undefined,
};
const target = sample();
const sum = (text: string) => createHash('sha256').update(text).digest('hex');
let count = 0;
const place = () => {
  const at = join(folder, String(++count));
  for (const name of ['scratch', 'store']) mkdirSync(join(at, name), { recursive: true });
  return { scratch: join(at, 'scratch'), at: join(at, 'store'), store: folderStore('disk', join(at, 'store')) };
};

/** A bucket in memory that counts what is read, and breaks where it is told to. */
function bucketOf(objects: Record<string, string>, breaks: (key: string) => boolean = () => false) {
  const read: string[] = [];
  const told = (key: string, text: string): ListedObject => ({
    key,
    bytes: text.length,
    etag: sum(text),
    modified: 'then',
  });
  const none = () => Promise.reject(new Error('not for this test'));
  const source: AppBucket = {
    name: 'media',
    async *list() {
      for (const [key, text] of Object.entries(objects)) yield told(key, text);
    },
    async read(key) {
      read.push(key);
      const text = objects[key];
      if (text === undefined) return undefined;
      const body = Readable.from(
        (async function* () {
          yield Buffer.from(text.slice(0, 2));
          if (breaks(key)) throw new Error(`the line broke at ${key}`);
          yield Buffer.from(text.slice(2));
        })(),
      );
      return { body, bytes: text.length, headers: { ContentType: `text/${key}` } };
    },
    headersOf: async key => ({ ContentType: `text/${key}` }),
    put: none,
    putAside: none,
    remove: none,
    asideOf: () => '',
  };
  return { source, read };
}

/** One backup of nothing but a bucket. @returns its index as text. */
async function backUp(store: Store, scratch: string, source: AppBucket) {
  const id = backupId(new Date());
  let index = '';
  const before = await backupsIn(store, target);
  const { part, facts } = await sendBucket(way, store, { target, source, scratch }, before, async (name, command) => {
    const meter = measure();
    const stored = await buffer(readStream(way, command, 'reading').pipe(meter.stream));
    await store.put(keyOf(target, id, name), Readable.from([stored]));
    index = readFileSync(join(scratch, name.replace('.zst', '')), 'utf8');
    return { bytes: stored.length, sha256: meter.sha256() };
  }, () => {}); // prettier-ignore
  const manifest: Manifest = {
    version: 1,
    app: target.app,
    environment: target.environment,
    id,
    time: new Date().toISOString(),
    by: 'ana',
    release: null,
    parts: [part],
    database: null,
    files: null,
    bucket: facts,
    shrunk: [],
    tools: {},
    restore: 'how',
  };
  await store.put(keyOf(target, id, manifestName), Readable.from([Buffer.from(renderManifest(manifest))]));
  const lines = index.split('\n').filter(Boolean).map(readLine);
  return { id, facts, lines };
}

test('a key becomes a path only when it stays below its folder, and can be a name', () => {
  for (const key of ['a', 'a/b.jpg', '-rf', 'ü & „x“', '.hidden', '...', 'a/..b', '~', 'C:\\x', 'x'.repeat(255)])
    assert.is(pathFor(key), key);
  const hostile = [
    '',
    '/',
    '/a',
    '../a',
    'a/../../b',
    'a/..',
    '.',
    'a//b',
    'a/',
    './a',
    'a\nb',
    'a\0b',
    'x'.repeat(256),
  ];
  for (const key of [...hostile, 'ü'.repeat(128), '\ud800', '.odd-names/x', '\u0085'])
    assert.is(pathFor(key), undefined, JSON.stringify(key));
});

test('an object has the same name as long as it is the same, and no other has it', () => {
  const one: ListedObject = { key: 'a', bytes: 1, etag: 'e', modified: 'm' };
  assert.is(copyName(one), copyName({ ...one }));
  const others = [{ key: 'b' }, { bytes: 2 }, { etag: 'f' }, { modified: 'n' }, { key: 'a","1' }];
  assert.is(new Set([one, ...others.map(more => ({ ...one, ...more }))].map(copyName)).size, 6);
});

test('a line of an index that could lead somewhere else, or is none, is damage', async () => {
  const line = { key: 'a', bytes: 1, sha256: sum('a'), etag: 'e', modified: 'm', copy: sum('b'), headers: {} };
  assert.equal(readLine(JSON.stringify(line)), line);
  for (const more of [
    { copy: '../x' },
    { copy: sum('b').toUpperCase() },
    { bytes: -1 },
    { bytes: 0.5 },
    { sha256: '' },
  ])
    assert.is((await failure((async () => readLine(JSON.stringify({ ...line, ...more })))())).exit, 7);
  assert.is((await failure((async () => readLine('{"key":'))())).exit, 7);
});

test('several at once give their results in order, and no more than so many are begun', async () => {
  let [now, most] = [0, 0];
  const items = (async function* () {
    for (let item = 0; item < 20; item++) yield item;
  })();
  const found: number[] = [];
  for await (const one of inOrder(items, 4, async item => {
    most = Math.max(most, ++now);
    await new Promise(done => setTimeout(done, (item * 7) % 5));
    now--;
    return item;
  })) found.push(one); // prettier-ignore
  assert.equal(
    found,
    Array.from({ length: 20 }, (_, at) => at),
  );
  assert.ok(most > 1 && most <= 5, `${most} at once`);
});

test('what a run that was cut off has copied is not copied again, and its checksum is that of the copy', async () => {
  const { scratch, store } = place();
  const objects = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`k${at}`, `text of ${at}`]));
  const broken = bucketOf(objects, key => key === 'k20');
  await backUp(store, scratch, broken.source).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, 'the line broke at k20'),
  );
  assert.is(broken.read.filter(key => key === 'k20').length, 3, 'it was tried three times');
  const well = bucketOf(objects);
  const { facts, lines } = await backUp(store, scratch, well.source);
  assert.equal([facts.objects, facts.copied, well.read.length], [30, well.read.length, well.read.length]);
  assert.ok(well.read.length <= 14, `${well.read.length} were copied`);
  for (const { key, sha256, headers } of lines)
    assert.equal([sha256, headers], [sum(objects[key] ?? ''), { ContentType: `text/${key}` }]);
  const third = bucketOf(objects);
  assert.equal([(await backUp(store, scratch, third.source)).lines, third.read], [lines, []]);
});

test('a copy that is not whole is made anew, and what vanishes meanwhile is noted', async () => {
  const { scratch, store, at } = place();
  const objects: Record<string, string> = { a: 'aaaa', b: 'bbbb' };
  const { lines } = await backUp(store, scratch, bucketOf(objects).source);
  const copy = join(at, copiesOf(target), lines[0]?.copy ?? '');
  writeFileSync(copy, 'aa');
  const again = bucketOf({ ...objects, c: 'cccc' });
  const gone = { ...again.source, read: (key: string) => again.source.read(key === 'c' ? 'gone' : key) };
  const { facts } = await backUp(store, scratch, gone);
  assert.equal([facts.objects, facts.copied, facts.noted], [2, 1, ['vanished: c']]);
  assert.is(readFileSync(copy, 'utf8'), 'aaaa');
});

test('spare copies go; none does while an index cannot be read', async () => {
  const { scratch, store, at } = place();
  const copies = () => readdirSync(join(at, copiesOf(target))).length;
  const first = await backUp(store, scratch, bucketOf({ a: '1', b: '1' }).source);
  await backUp(store, scratch, bucketOf({ a: '1', b: '2' }).source);
  const both = await backupsIn(store, target);
  assert.is(copies(), 3);
  assert.equal(await spareCopies(way, store, target, both, scratch), []);

  const index = join(at, keyOf(target, first.id, indexName));
  const whole = readFileSync(index);
  const bytes = Buffer.from(whole);
  bytes[9] = (bytes[9] ?? 0) ^ 1;
  writeFileSync(index, bytes);
  // two that have nothing of the first
  const others = both.filter(one => one.id !== first.id);
  const [held] = await spareCopies(way, store, target, both, scratch);
  // nothing seems spare yet, or the first index could not be read
  assert.match(held?.skip ?? '', `the index of ${first.id} cannot be read`);
  assert.is(copies(), 3);
  const [spare] = await spareCopies(way, store, target, others, scratch);
  await spare?.run(() => {});
  assert.is(copies(), 2);
});
test.run();
