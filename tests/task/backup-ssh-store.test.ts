// Backups kept on another host over ssh, as whole programs: probed, taken, proven from there, and cut off in the middle.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeHome, startSshd } from '../support/ssh/sshd.ts';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { until } from '../support/book/book.ts';

const home = makeHome();
const sshd = await startSshd(home.file('id_ed25519.pub'));
const book: BackedUp = await makeBackedUpBook();
const attic = join(book.folder, 'attic');
test.before(async () => {
  const ops = join(book.folder, 'ops.yml');
  const server = `{ ssh: '${sshd.address}', host_key: '${sshd.keys['ed25519'] ?? ''}', identity: '${home.file('id_ed25519')}' }`;
  writeFileSync(
    ops,
    readFileSync(ops, 'utf8')
      .replace('hosts:\n', `hosts:\n  nas: ${server}\n`)
      .replace('stores:\n', `stores:\n  attic: { kind: ssh, host: nas, folder: ${attic} }\n`)
      .replace('stores: [disk]', 'stores: [disk, attic]'),
  );
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
});
test.after(() => {
  book.clean();
  sshd.stop();
  home.remove();
});
const inAttic = () =>
  existsSync(attic)
    ? readdirSync(attic, { recursive: true, encoding: 'utf8' }).filter(path => /\.(zst|json)$|unfinished/.test(path))
    : [];

test('a probe says that all is well with both stores, and leaves nothing in them', async () => {
  const { code, stdout, stderr } = await book.run('backups', ['probe']);
  assert.is(code, 0, stderr);
  assert.match(stdout, /✔ +attic +large upload +8389608 bytes in [\d.]+ s, and back in/);
  assert.match(stdout, /✔ +attic +room +[\d.]+ [MGT]B free in .*attic on /);
  assert.match(stdout, 'the next backup of book staging can be written to disk, attic');
  assert.equal([inAttic(), book.stored()], [[], []]);
  assert.is((await book.run('backups', ['probe', '--plan'])).code, 2);
});

test('a backup is proven from there, and what a drill cannot read back is told', async () => {
  const id = await book.backUp();
  assert.is(inAttic().length, 3);
  const drill = await book.run('drill', ['--store', 'attic']);
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stdout, /is proven: restored from attic in/);
  rmSync(join(attic, 'book-staging', id, 'files.tar.zst'));
  assert.is((await book.run('drill', ['--store', 'attic'])).code, 7);
});

test('a killed backup leaves nothing that is listed, and the next one tidies up', async () => {
  writeFileSync(join(book.uploads, 'big'), randomBytes(60 * 1024 * 1024));
  const running = book.start('backup', ['--store', 'attic']);
  await running.says('… Send it to attic');
  await until('something is on its way', () => inAttic().some(path => path.includes('unfinished')));
  running.child.kill('SIGKILL');
  await running.ended;
  const listed = async () => JSON.parse((await book.run('backups', ['--store', 'attic', '--json'])).stdout).backups;
  assert.is((await listed()).filter((one: { fault: string | null }) => one.fault === null).length, 0);
  rmSync(join(book.uploads, 'big'));
  const { code, stderr } = await book.run('backup', ['--store', 'attic']);
  assert.is(code, 0, stderr);
  assert.not.match(inAttic().join(), 'unfinished');
});

test('a store that cannot take anything: the probe ends with 7, and the other store is well', async () => {
  const blocked = join(book.folder, 'blocked');
  mkdirSync(blocked);
  writeFileSync(join(blocked, 'probe'), 'a file where a folder should be');
  chmodSync(blocked, 0o500);
  const ops = join(book.folder, 'ops.yml');
  writeFileSync(ops, readFileSync(ops, 'utf8').replace(`folder: ${attic} }`, `folder: ${blocked} }`));
  const { code, stdout } = await book.run('backups', ['probe', '--json']);
  assert.is(code, 7);
  const { good, stores } = JSON.parse(stdout);
  assert.equal(
    [
      good,
      ...stores.map((one: { findings: { state: string }[] }) => one.findings.every(({ state }) => state !== 'failure')),
    ],
    [false, true, false],
  );
  assert.match(stdout, /probe\/\S+ cannot be written to the store attic/);
});
test.run();
