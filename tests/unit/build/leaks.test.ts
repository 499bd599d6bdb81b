// The search for secrets in what `docker save` writes: in layers, also gzipped ones and across pieces, in the configuration, and nowhere else.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { secretSearch } from '../../../lib/build/leaks.ts';
import { readBuildSecrets } from '../../../lib/build/secrets.ts';
import { plainImage } from '../../support/build/plain-image.ts';

const canary = `canary-${process.pid}-7c1e5f0a92d84b36`;
const values = new Map([
  ['token', Buffer.from(canary)],
  ['other', Buffer.from('another-value')],
]);
const folder = mkdtempSync(join(tmpdir(), 'bookops-leaks-'));
test.after(() => rmSync(folder, { recursive: true }));

/** A tar as docker saves: of files by name. */
function tarOf(files: Record<string, Buffer>): Buffer {
  const at = mkdtempSync(join(folder, 'tar-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(at, name, '..'), { recursive: true });
    writeFileSync(join(at, name), content);
  }
  return spawnSync('tar', ['-C', at, '-c', '.'], { maxBuffer: 1e9 }).stdout;
}

async function search(tar: Buffer, piece: number): Promise<string[]> {
  const { sink, found } = secretSearch(values);
  const pieces = Array.from({ length: Math.ceil(tar.length / piece) }, (_, at) =>
    tar.subarray(at * piece, (at + 1) * piece),
  );
  await pipeline(Readable.from(pieces), sink);
  return found();
}

const noise = Buffer.alloc(300_000, 'a page of a book. ');
const layer = tarOf({ 'app/page': noise, 'app/.npmrc': Buffer.from(`//registry/:_authToken=${canary}\n`) });
const clean = tarOf({ 'app/page': noise });

for (const piece of [7, 512, 1000, 65_536])
  test(`in pieces of ${piece} bytes a secret is found wherever it is`, async () => {
    const small = piece < 100;
    const some = small ? tarOf({ 'app/.npmrc': Buffer.from(`x${canary}`) }) : layer;
    assert.equal(await search(tarOf({ 'a/layer.tar': some }), piece), ['token']);
    assert.equal(await search(tarOf({ 'blobs/sha256/a': gzipSync(some), 'index.json': Buffer.from('{}') }), piece), ['token']); // prettier-ignore
    const config = JSON.stringify({ history: [{ created_by: `RUN curl -H ${canary}` }], env: ['A=another-value'] });
    assert.equal(await search(tarOf({ 'blobs/sha256/c': Buffer.from(config) }), piece), ['other', 'token']);
    if (!small) assert.equal(await search(tarOf({ 'a/layer.tar': clean, b: gzipSync(clean) }), piece), []);
  });

test('what begins as gzip and is none is searched as it is, and ends', async () => {
  const odd = Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(200_000, 1), Buffer.from(canary)]);
  assert.equal(await search(tarOf({ odd, after: Buffer.from('another-value') }), 4096), ['other', 'token']);
});

test('values and single lines of them are taken out of what is printed', async () => {
  const file = join(folder, 'key');
  writeFileSync(file, `-----BEGIN-----\n${canary}\nshort\n-----END-----\n`);
  const secrets = await readBuildSecrets(
    { ...plainImage, secrets: { key: { file }, token: { env: 'TOKEN' } } },
    { TOKEN: 'a-token-of-ana' },
  );
  assert.is(secrets.masked(`#7 0.2 ${canary} and a-token-of-ana`), '#7 0.2 [secret] and [secret]');
  assert.is(secrets.environment['BOOKOPS_BUILD_SECRET_1'], 'a-token-of-ana');
  assert.match(String(secrets.environment['BOOKOPS_BUILD_SECRET_0']), canary);
});

test.run();
