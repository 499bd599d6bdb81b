// A bucket with an app's uploads in its backups: copied by difference, proven, put back, and what odd keys and damage do.
import { createHash, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startSwift, type Swift } from '../support/store/swift.ts';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'; // tasks do so themselves
const Bucket = 'media';
let swift: Swift;
let book: BackedUp;
const large = randomBytes(9 * 1024 * 1024);
const odd = ['../../escape', '/absolute', 'line\nbreak', 'x'.repeat(300), 'folder/', 'a//b', '.odd-names/x'];
const plain = ['dir/file', 'ü +%&?=#.jpg', "it's (1).png", '-rf', ...Array.from({ length: 22 }, (_, at) => `n/${at}`)];

const put = (key: string, body: string | Buffer, more = {}) =>
  swift.client.send(new PutObjectCommand({ Bucket, Key: `uploads/${key}`, Body: body, ...more }));
const take = (key: string) => swift.client.send(new DeleteObjectCommand({ Bucket, Key: `uploads/${key}` }));
const get = (key: string) => swift.client.send(new GetObjectCommand({ Bucket, Key: `uploads/${key}` }));
async function textOf(key: string): Promise<string> {
  const { Body } = await get(key);
  assert.ok(Body instanceof Readable);
  return (await buffer(Body)).toString();
}
async function keysBelow(Prefix: string): Promise<string[]> {
  const { Contents = [] } = await swift.client.send(new ListObjectsV2Command({ Bucket, Prefix }));
  return Contents.map(({ Key = '' }) => Key);
}
const copies = () => book.stored().filter(path => path.startsWith('book-staging/bucket/objects/'));
const backUp = async () => {
  const { code, stdout, stderr } = await book.run('backup', ['--json']);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout).manifest;
};

test.before(async () => {
  swift = await startSwift();
  book = await makeBackedUpBook();
  await swift.bucket(Bucket);
  for (const [file, value] of Object.entries(swift.environment)) writeFileSync(join(book.folder, file), `${value}\n`);
  const ops = join(book.folder, 'ops.yml');
  const media = `{ kind: s3, bucket: ${Bucket}, endpoint: '${swift.endpoint}', key: { file: ./S3_KEY }, secret: { file: ./S3_SECRET } }`;
  writeFileSync(
    ops,
    readFileSync(ops, 'utf8')
      .replace('stores:\n', `stores:\n  media: ${media}\n`)
      .replace('stores: [disk],', 'stores: [disk], bucket: { from: media, prefix: uploads }, keep: { daily: 1 },'),
  );
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
  for (const key of [...plain, ...odd, 'dir']) await put(key, `content of ${key}`);
  await put('large', large, { ContentType: 'image/png', CacheControl: 'max-age=60', Metadata: { by: 'ana' } });
  await swift.client.send(new PutObjectCommand({ Bucket, Key: 'other/not-wanted', Body: 'x' }));
});
test.after(async () => {
  book.clean();
  await swift.stop();
});
const all = plain.length + odd.length + 2;

test('a bucket is copied once, and after that only what is new in it', async () => {
  const first = await backUp();
  assert.equal([first.bucket.objects, first.bucket.copied, copies().length], [all, all, all]);
  assert.is((await backUp()).bucket.copied, 0);

  await put('new', 'new');
  await put('n/1', 'another');
  await take('n/2');
  const third = await backUp();
  assert.equal([third.bucket.objects, third.bucket.copied, copies().length], [all, 2, all + 2]);
  assert.match((await book.run('backups', ['show'])).stdout, `${all} objects of media`);
});

test('a drill finds every object and reads some, or all; damage and loss end with 7, and loss heals', async () => {
  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stdout, /objects of the bucket +all there/);
  assert.match(drill.stdout, /objects read again +20, as they were/);

  const copyOf = (text: string | Buffer) => {
    const found = copies().find(path => readFileSync(join(book.store, path)).equals(Buffer.from(text)));
    assert.ok(found, 'there is such a copy');
    return join(book.store, found);
  };
  const file = copyOf('new');
  writeFileSync(file, 'nEw');
  const damaged = await book.run('drill', ['--all']);
  assert.is(damaged.code, 7, damaged.stderr);
  assert.match(damaged.stderr, /new \(its copy [0-9a-f]{12}…\) has a different checksum/);
  rmSync(file);
  const lost = await book.run('drill');
  assert.is(lost.code, 7, lost.stderr);
  assert.match(lost.stderr, 'new is missing');

  assert.is((await backUp()).bucket.copied, 1);
  const again = await book.run('drill', ['--all']);
  assert.is(again.code, 0, again.stderr);
  assert.match(again.stdout, new RegExp(`objects read again +${all}, as they were`));
});

test('into a folder: each under its key, odd ones under another name, nothing outside', async () => {
  const to = join(book.folder, 'restored');
  const { code, stderr } = await book.run('restore', ['--to', to]);
  assert.is(code, 0, stderr);
  const at = (path: string) => join(to, 'bucket', path);
  assert.is(readFileSync(at('ü +%&?=#.jpg'), 'utf8'), 'content of ü +%&?=#.jpg');
  assert.ok(readFileSync(at('large')).equals(large));
  const names = readFileSync(at('.odd-names/names.jsonl'), 'utf8').trim().split('\n');
  const elsewhere: { file: string; key: string }[] = names.map(line => JSON.parse(line));
  // of dir and dir/file only one can have its own name
  assert.equal(
    elsewhere
      .map(({ key }) => key)
      .filter(key => !key.startsWith('dir'))
      .toSorted(),
    odd.toSorted(),
  );
  assert.is(elsewhere.length, odd.length + 1);
  for (const { file, key } of elsewhere) assert.is(readFileSync(at(`.odd-names/${file}`), 'utf8'), `content of ${key}`);
  assert.not.ok(existsSync(join(book.folder, 'escape')) || existsSync('/absolute'));
  assert.is(readdirSync(at('n')).length, 21);
  rmSync(to, { recursive: true });
});

test('RESTORE.md gets the objects back without us', async () => {
  const { id } = await backUp();
  const copy = join(book.folder, 'by-hand');
  cpSync(join(book.store, 'book-staging'), copy, { recursive: true });
  const [, block = ''] = /^```bash\n(if \[ -e bucket-index.*?)^```$/ms.exec(readFileSync(join(book.store, 'RESTORE.md'), 'utf8')) ?? []; // prettier-ignore
  const said = execFileSync('bash', ['-euo', 'pipefail', '-c', block], { cwd: join(copy, id), encoding: 'utf8' });
  const at = (key: string) => join(copy, id, 'bucket', key);
  for (const key of plain.filter(one => !['n/1', 'n/2', 'dir/file'].includes(one)))
    assert.is(readFileSync(at(key), 'utf8'), `content of ${key}`);
  assert.ok(readFileSync(at('large')).equals(large));
  assert.match(said, 'left out: ../../escape');
  assert.match(said, 'left out: "line\\nbreak"');
  assert.not.ok(existsSync(join(copy, 'escape')) || existsSync('/absolute'));
  for (const name of readdirSync(join(copy, 'bucket/objects')))
    writeFileSync(join(copy, 'bucket/objects', name), 'spoilt');
  assert.throws(() =>
    execFileSync('bash', ['-euo', 'pipefail', '-c', block], { cwd: join(copy, id), stdio: 'ignore' }),
  );
  rmSync(copy, { recursive: true });
});

test('into the bucket: what is missing or another is put back, and what was there is kept aside', async () => {
  await take('large');
  await put('n/3', 'overwritten by mistake');
  await put('later', 'later');
  const { code, stdout, stderr } = await book.run('restore');
  assert.is(code, 0, stderr);
  assert.match(stdout, '2 objects restored into media');
  const found = await get('large');
  assert.equal([found.ContentType, found.CacheControl, found.Metadata], ['image/png', 'max-age=60', { by: 'ana' }]);
  assert.ok(found.Body instanceof Readable);
  const sum = (body: Buffer) => createHash('sha256').update(body).digest('hex');
  assert.is(sum(await buffer(found.Body)), sum(large));
  assert.equal([await textOf('n/3'), await textOf('later')], ['content of n/3', 'later']);
  const [aside = ''] = await keysBelow('uploads/.before-restore-');
  assert.match(aside, /^uploads\/\.before-restore-\d{8}T\d{6}Z\/n\/3$/);
  assert.match(stdout, aside.slice('uploads/'.length, -'n/3'.length));
  assert.is(await textOf(aside.slice('uploads/'.length)), 'overwritten by mistake');
  assert.is((await backUp()).bucket.objects, all + 1, 'what was put aside is no part of the next backup');
});

test('prune removes the copies that no backup names any more, and none as long as an index cannot be read', async () => {
  for (const key of plain.slice(0, 3)) await take(key);
  const { id, bucket } = await backUp();
  assert.is((await book.run('drill', ['--all'])).code, 0);
  const { code, stderr } = await book.run('backups', ['prune']);
  assert.is(code, 0, stderr);
  assert.is(copies().length, bucket.objects, 'those of the newest, which is the only one left');
  assert.is((await book.run('drill', ['--all'])).code, 0);

  // the last proven one stays, and with it what it may need
  const index = join(book.store, 'book-staging', id, 'bucket-index.jsonl.zst');
  const bytes = readFileSync(index);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(index, bytes);
  await take(plain[4] ?? '');
  await backUp();
  writeFileSync(join(book.store, 'book-staging/bucket/objects', '0'.repeat(64)), 'spare');
  const held = await book.run('backups', ['prune']);
  assert.is(held.code, 0, held.stderr);
  assert.match(held.stderr, `the index of ${id} cannot be read`);
  assert.is(copies().length, bucket.objects + 1);
});

test('a probe looks into the bucket too', async () => {
  const well = await book.run('backups', ['probe']);
  assert.is(well.code, 0, well.stderr);
  assert.match(well.stdout, /✔ +media +source +can be listed, and ".*" be read/);
  writeFileSync(join(book.folder, 'S3_SECRET'), 'wrong\n');
  const wrong = await book.run('backups', ['probe']);
  assert.is(wrong.code, 7, wrong.stderr);
  assert.match(wrong.stdout, /✖ +media +source .*the key or its secret is wrong/);
  assert.match(wrong.stdout, 'media would fail');
});
test.run();
