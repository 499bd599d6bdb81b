// Backups as whole programs with a bucket beside a folder: taken to both, proven from the bucket, and what cron would mail.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { s3Store } from '../../lib/store/s3/store.ts';
import type { S3Settings } from '../../lib/store/s3/client.ts';
import { startFaults, type Faults } from '../support/store/faults.ts';
import { startSwift, type Swift } from '../support/store/swift.ts';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'; // tasks do so themselves
let swift: Swift;
let faults: Faults;
let book: BackedUp;
let settings: S3Settings;
test.before(async () => {
  swift = await startSwift();
  faults = await startFaults(swift.port);
  book = await makeBackedUpBook();
  settings = { ...(await swift.bucket('backups')), prefix: 'ours' };
  for (const [file, value] of Object.entries(swift.environment)) writeFileSync(join(book.folder, file), `${value}\n`);
  const ops = join(book.folder, 'ops.yml');
  const place = `bucket: backups, endpoint: '${faults.endpoint}', prefix: ours, key: { file: ./S3_KEY }, secret: { file: ./S3_SECRET }`;
  writeFileSync(
    ops,
    readFileSync(ops, 'utf8')
      .replace('stores:\n', `stores:\n  far: { kind: s3, ${place} }\n`)
      .replace('stores: [disk]', 'stores: [disk, far]'),
  );
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
});
test.after(async () => {
  book.clean();
  await faults.stop();
  await swift.stop();
});
test.after.each(() => void (faults.rule = () => undefined));

async function inBucket(): Promise<string[]> {
  const store = s3Store(settings, { environment: swift.environment, signal: new AbortController().signal });
  const found: string[] = [];
  for await (const { key } of store.list('')) found.push(key);
  return found.toSorted();
}

test('a backup goes to the folder and to the bucket, and is proven from the bucket', async () => {
  const { code, stdout, stderr } = await book.run('backup', ['--json']);
  assert.is(code, 0, stderr);
  assert.not.match(stderr, /NodeVersionSupportWarning|node >=/);
  const { id } = JSON.parse(stdout);
  const parts = ['database.sqlite.zst', 'files.tar.zst', 'manifest.json'].map(part => `book-staging/${id}/${part}`);
  assert.equal(await inBucket(), ['RESTORE.md', ...parts]);
  assert.equal(book.stored(), ['RESTORE.md', ...parts]);

  const drill = await book.run('drill', ['--store', 'far']);
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stdout, /is proven: restored from far in/);
});

test('a bucket that refuses is told with what to look at and without its secret, and nothing half is left there', async () => {
  const before = await inBucket();
  faults.rule = ({ method, key }) =>
    method === 'PUT' && key.endsWith('files.tar.zst') ? { answer: 403, code: 'QuotaExceeded' } : undefined;
  const { code, stderr } = await book.run('backup');
  assert.is.not(code, 0);
  assert.match(stderr, 'far');
  assert.match(stderr, 'no space left');
  assert.not.match(stderr, 'testing');
  faults.rule = () => undefined;
  assert.equal((await inBucket()).filter(key => key.endsWith('manifest.json')), before.filter(key => key.endsWith('manifest.json'))); // prettier-ignore
  assert.equal(await swift.unfinished('backups'), []);
  assert.is((await book.run('backup')).code, 0, 'the next one needs no help');
});
test.run();
