// What was packed is unpacked once and held against what was read; what cannot be opened later is damage, with exit code 7, and a full disk is none.
import type { Check } from '../../../../lib/finding.ts';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyPacked } from '../../../../lib/backup/encryption.ts';
import { packedFile } from '../../../../lib/host/packing.ts';
import { backupsIn, isComplete, keyOf } from '../../../../lib/backup/catalog.ts';
import { asDamage } from '../../../../lib/backup/verify/damage.ts';
import {
  backupId,
  manifestName,
  renderManifest,
  timeOf,
  type Manifest,
  type Part,
} from '../../../../lib/backup/manifest.ts';
import { openBackup } from '../../../../lib/backup/verify/open.ts';
import { matcher } from '../../../../lib/backup/restore/selection.ts';
import { Failure } from '../../../../lib/errors.ts';
import { failure } from '../../../support/failing.ts';
import { makeNights, quiet } from '../../../support/backup/nights.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bookops-packed-'));
test.after(() => rmSync(scratch, { recursive: true, force: true }));
const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const raw = Buffer.from('a page of a book\n'.repeat(50_000));
const file = join(scratch, 'raw');
writeFileSync(file, raw);

/** Packs the file with these programs first in PATH, in a bash that prints `greeting` first. */
function pack(programs: Record<string, string> = {}, greeting = '', compressed = false) {
  const bin = mkdtempSync(join(scratch, 'bin-'));
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const from = compressed ? `${file}.zst` : file;
  const text = packedFile(from, [], compressed).text;
  const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', `set -uo pipefail\n${greeting}\n${text}`], {
    env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` },
    maxBuffer: 1e8,
  });
  return { stdout, said: stderr.toString(), status };
}

const judged = ({ stdout, said }: ReturnType<typeof pack>, wanted: string = sum(raw)) => {
  try {
    verifyPacked('database.sqlite.zst', said, sum(stdout), wanted);
    return 'good';
  } catch (error) {
    assert.instance(error, Failure);
    assert.is((error as Failure).exit, 7);
    return (error as Failure).message;
  }
};

test('what arrives is what was packed, and it unpacks to what was read', () => {
  execFileSync('zstd', ['-qf', file, '-o', `${file}.zst`]);
  for (const compressed of [false, true]) {
    const whole = pack({}, '', compressed);
    assert.is(whole.status, 0, whole.said);
    assert.is(judged(whole), 'good');
    assert.equal(execFileSync('zstd', ['-dqc'], { input: whole.stdout, maxBuffer: 1e8 }), raw);
  }
});

test('a greeting, bytes that went missing or became others, and a program that failed make no part', () => {
  assert.match(judged(pack({}, 'echo Welcome')), 'arrived as something else');
  const cut = pack();
  assert.match(judged({ ...cut, stdout: cut.stdout.subarray(0, -1) }), 'arrived as something else');
  // compresses what it did not read, as a processor or memory at fault may
  const flips = 'for one; do [[ $one == -dqc ]] && exec /usr/bin/zstd "$@"; done; tr p q | /usr/bin/zstd "$@"';
  assert.match(judged(pack({ zstd: flips })), 'does not unpack to what was read');
  const shortens = 'for one; do [[ $one == -dqc ]] && exec /usr/bin/zstd "$@"; done; /usr/bin/zstd "$@" | head -c -4';
  assert.match(judged(pack({ zstd: shortens })), 'does not unpack to what was read');
  const fails = pack({
    zstd: 'for one; do [[ $one == -dqc ]] && exec /usr/bin/zstd "$@"; done; /usr/bin/zstd "$@"; exit 3',
  });
  assert.is(fails.status, 1);
  assert.match(fails.said, 'packing exited with 3');
  assert.match(judged(pack(), sum(Buffer.from('another'))), 'does not unpack to what was read');
});

test('tar counts what an archive unpacks to', () => {
  const said = (read: number) => `packed ${sum(raw)}\nunpacked 10240\nTotal bytes written: ${read} (10KiB)\n`;
  assert.not.throws(() => verifyPacked('files.tar.zst', said(10_240), sum(raw), undefined));
  assert.throws(() => verifyPacked('files.tar.zst', said(20_480), sum(raw), undefined), /does not unpack/);
  assert.throws(() => verifyPacked('files.tar.zst', '', sum(raw), undefined), /arrived as something else/);
});

test('what says that a disk is full or a program was killed is no damage', () => {
  for (const [words, exit] of [
    ['zstd: /*stdin*\\: unsupported format', 7],
    ['tar: Unexpected EOF in archive', 7],
    ['find: ‘shared/uploads’: No such file or directory', 7],
    ['tar: x: Cannot write: No space left on device', 1],
    ['cat: write error: Disk quota exceeded', 1],
    ['exited with 137', 1],
    ['bash: zstd: command not found', 1],
  ] as const)
    assert.is((asDamage(new Failure(1, `opening did not work: ${words}`)) as Failure).exit, exit, words);
  assert.is((asDamage(new Failure(4, 'the connection was lost')) as Failure).exit, 4);
});

/** A store with one backup whose parts are these bytes, each of them just what its manifest says that it is. */
async function storedAs(parts: Record<string, Buffer>, more: Partial<Manifest>) {
  const nights = makeNights();
  const id = backupId(new Date());
  const facts = Object.entries(parts).map(([name, bytes]): Part => ({ name, bytes: bytes.length, sha256: sum(bytes), rawBytes: 20_480, rawSha256: name.startsWith('database') ? sum(raw) : null })); // prettier-ignore
  const manifest: Manifest = { version: 1, app: nights.target.app, environment: nights.target.environment, id, time: timeOf(id).toISOString(), by: 'ana', release: null, parts: facts, database: null, files: null, ...more, shrunk: [], tools: {}, restore: '' }; // prettier-ignore
  for (const [name, bytes] of Object.entries(parts))
    await nights.store.put(keyOf(nights.target, id, name), Readable.from([bytes]));
  await nights.store.put(
    keyOf(nights.target, id, manifestName),
    Readable.from([Buffer.from(renderManifest(manifest))]),
  );
  const [held] = (await backupsIn(nights.store, nights.target)).filter(isComplete);
  if (!held) throw new Error((await nights.held())[0]?.fault ?? 'no backup');
  return { nights, held };
}

const zstd = (bytes: Buffer) => execFileSync('zstd', ['-qc'], { input: bytes, maxBuffer: 1e8 });
const tar = execFileSync('bash', ['-c', 'mkdir -p "$1/shared/uploads" && echo x >"$1/shared/uploads/a" && tar -C "$1" -c shared/uploads', 'x', scratch]); // prettier-ignore
const ofFiles: Partial<Manifest> = { files: { include: ['shared/uploads'], count: 2, noted: [] } };
const ofDatabase: Partial<Manifest> = { database: { kind: 'sqlite', tables: {}, highWater: {}, foreignKeyFaults: 0 } };
const noise = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251));

for (const [what, parts, more] of [
  ['an archive that is none', { 'files.tar.zst': noise }, ofFiles],
  ['an archive behind a greeting', { 'files.tar.zst': Buffer.concat([Buffer.from('Welcome\n'), zstd(tar)]) }, ofFiles],
  ['an archive that was cut', { 'files.tar.zst': zstd(tar).subarray(0, -9) }, ofFiles],
  ['an archive of noise', { 'files.tar.zst': zstd(noise) }, ofFiles],
  ['an archive that ends within a file', { 'files.tar.zst': zstd(tar.subarray(0, 1100)) }, ofFiles],
  ['an archive of less', { 'files.tar.zst': zstd(tar) }, { files: { include: ['shared/other'], count: 2, noted: [] } }],
  ['an empty archive', { 'files.tar.zst': Buffer.alloc(0) }, ofFiles],
  [
    'a database behind a greeting',
    { 'database.sqlite.zst': Buffer.concat([Buffer.from('Welcome\n'), zstd(raw)]) },
    ofDatabase,
  ],
  ['a database that was cut', { 'database.sqlite.zst': zstd(raw).subarray(0, -9) }, ofDatabase],
  ['a database that is none', { 'database.sqlite.zst': zstd(raw) }, ofDatabase],
  ['an empty database', { 'database.sqlite.zst': Buffer.alloc(0) }, ofDatabase],
  [
    'what the app made, cut',
    { 'app.zst': zstd(raw).subarray(0, -9) },
    { own: { command: 'x', gives: '-', count: null, noted: [] } },
  ],
  [
    "an app's archive of noise",
    { 'app.tar.zst': zstd(noise) },
    { own: { command: 'x', gives: 'x', count: 1, noted: [] } },
  ],
  [
    'an index of noise',
    { 'bucket-index.jsonl.zst': noise },
    { bucket: { from: 'b', prefix: '', objects: 1, bytes: 1, copied: 1, noted: [] } },
  ],
] as [string, Record<string, Buffer>, Partial<Manifest>][])
  // prettier-ignore
  test(`${what} is damage, and a check says so`, async () => {
    const { nights, held } = await storedAs(parts, more);
    const folder = mkdtempSync(join(nights.folder, 'opened-'));
    const checks: Check[] = [];
    const found = matcher({ paths: held.manifest.files?.include ?? [], single: false });
    const how = { parts: held.manifest.parts, identity: undefined, unpack: true, finder: found, trial: undefined };
    const error = await failure(openBackup(nights.way, held, folder, quiet, checks, how));
    assert.is(error.exit, 7, error.message);
    assert.ok(checks.some(check => !check.good), JSON.stringify(checks)); // prettier-ignore
    nights.clean();
  });

test('a part that cannot be sent as it was packed leaves no backup', async () => {
  const bin = mkdtempSync(join(scratch, 'bin-'));
  writeFileSync(
    join(bin, 'zstd'),
    '#!/bin/bash\nfor one; do [[ $one == -dqc ]] && exec /usr/bin/zstd "$@"; done\n/usr/bin/zstd "$@" | head -c -4\n',
  );
  chmodSync(join(bin, 'zstd'), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${bin}:${before ?? ''}`;
  try {
    const nights = makeNights();
    writeFileSync(join(nights.uploads, 'a'), 'x');
    const error = await failure(nights.backUp());
    assert.is(error.exit, 7, error.message);
    assert.match(error.message, 'does not unpack to what was read');
    assert.equal((await nights.held()).filter(isComplete), []);
    nights.clean();
  } finally {
    process.env.PATH = before;
  }
});
test.run();
