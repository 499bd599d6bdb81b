// Encryption with age: who can open a pack, what a wrong identity is told, and how it is told from damage; the guide that every store has.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { identityFor, type Identity } from '../../../lib/backup/encryption.ts';
import { isComplete, type CompleteBackup } from '../../../lib/backup/catalog.ts';
import { leaveGuide } from '../../../lib/backup/restore-guide.ts';
import type { Manifest } from '../../../lib/backup/manifest.ts';
import { type SecretReference, Secret } from '../../../lib/secret.ts';
import { contentOf, makeNights, type Nights } from '../../support/backup/nights.ts';
import { failure } from '../../support/failing.ts';

const nights: Nights = makeNights({}, { recipients: [], identity: undefined });
test.after(() => nights.clean());

const file = (name: string) => join(nights.folder, name);
function keygen(name: string): string {
  const said = spawnSync('age-keygen', ['-o', file(name)], { encoding: 'utf8' });
  const [key] = /age1\w+/.exec(said.stderr) ?? [];
  if (key === undefined) throw new Error('no age-keygen here: apt-get install age');
  return key;
}
const identity = (name: string): Identity => ({
  secret: new Secret(readFileSync(file(name), 'utf8')),
  place: file(name),
});
const [ana, ben] = [keygen('ana.key'), keygen('ben.key')];
execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file('ssh.key')]);
const ssh = readFileSync(file('ssh.key.pub'), 'utf8').trim();

function encryptFor(recipients: string[], opens?: SecretReference): void {
  const { backup } = nights.target;
  if (backup) nights.target = { ...nights.target, backup: { ...backup, encrypt: { recipients, identity: opens } } };
}
const stored = (id: string, name: string) => file(`store/book-staging/${id}/${name}`);

let sealed: Manifest;
test('each of the recipients opens it, with an age identity of several lines or an ssh key', async () => {
  writeFileSync(join(nights.uploads, 'page'), 'a page that nobody else may read');
  encryptFor([ana, ssh]);
  sealed = await nights.backUp();
  assert.equal([sealed.recipients, sealed.parts.map(part => part.name)], [[ana, ssh], ['files.tar.zst.age']]);
  const { parts: [part] } = sealed; // prettier-ignore
  const bytes = readFileSync(stored(sealed.id, 'files.tar.zst.age'));
  assert.is(bytes.length, part?.bytes);
  assert.match(bytes.toString('latin1'), /^age-encryption\.org\/v1/);
  for (const name of ['ana.key', 'ssh.key']) {
    const { files, checks } = await nights.open(sealed.id, identity(name));
    assert.equal(contentOf(join(files, 'shared')), contentOf(join(nights.root, 'shared')));
    assert.is(
      checks.find(check => check.name === 'decrypted')?.found,
      `with the identity that ops.yml names: ${file(name)}`,
    );
  }
});

test('a wrong identity is no damage, and says what to do', async () => {
  writeFileSync(file('none.key'), 'not a key');
  for (const [name, says] of [
    ['ben.key', /the identity in .*ben\.key does not open files\.tar\.zst\.age of /],
    ['none.key', /files\.tar\.zst\.age of .* cannot be decrypted: /],
  ] as const) {
    const error = await failure(nights.open(sealed.id, identity(name)));
    assert.equal([error.exit, says.test(error.message)], [3, true], error.message);
    assert.match(error.advice ?? '', file(name));
  }
  const held = (await nights.held()).find((one): one is CompleteBackup => isComplete(one) && one.id === sealed.id);
  assert.ok(held);
  const look = async (reference: SecretReference | undefined) => {
    encryptFor([ana], reference);
    return failure(identityFor(nights.target, held, {}));
  };
  assert.match((await look(undefined)).message, `is encrypted for ${ana.slice(0, 24)}… and ssh-ed25519`);
  assert.match((await look(undefined)).message, 'ops.yml names no identity to open it');
  assert.match((await look({ file: file('away.key') })).message, 'away.key cannot be read');
  const unset = await look({ env: 'KEY' });
  assert.equal([unset.exit, unset.message.includes('KEY is not set')], [3, true]);
  assert.match(unset.advice ?? '', 'backup.encrypt.identity');
});

test('a flipped byte is damage and no wrong identity, wherever in the object it is', async () => {
  const place = stored(sealed.id, 'files.tar.zst.age');
  const good = readFileSync(place);
  for (const at of [3, 60, 120, 200, good.length - 40, good.length - 1]) {
    const flipped = Buffer.from(good);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    writeFileSync(place, flipped);
    for (const name of ['ana.key', 'ben.key']) {
      const error = await failure(nights.open(sealed.id, identity(name)));
      assert.equal(
        [error.exit, error.message.includes('its checksum does not match')],
        [7, true],
        `${at}: ${error.message}`,
      );
    }
  }
  writeFileSync(place, good);
  await nights.open(sealed.id, identity('ana.key'));
});

test('other recipients begin a new full pack, none at all an open one, and those that age does not take are told', async () => {
  encryptFor([ben]);
  assert.equal((await nights.backUp()).recipients, [ben]);
  assert.match(nights.said.join(), 'all files: ops.yml names other recipients');
  encryptFor([]);
  const open = await nights.backUp();
  assert.equal([open.recipients, open.parts.map(part => part.name)], [undefined, ['files.tar.zst']]);
  await nights.open(open.id);
  encryptFor([`${ben.slice(0, -1)}${ben.endsWith('q') ? 'p' : 'q'}`]);
  const error = await failure(nights.backUp());
  assert.equal([error.exit, error.message], [3, 'age does not take a recipient of backup.encrypt.recipients']);
  assert.match(error.detail ?? '', 'malformed recipient');
});

test('RESTORE.md is written once, put right when it is another, and what is in its way is told and no failure', async () => {
  const { store } = nights;
  const ids = async () => (await nights.held()).map(one => one.id);
  const before = await ids();
  const guide = file('store/RESTORE.md');
  assert.is(await leaveGuide(store), undefined);
  const good = readFileSync(guide, 'utf8');
  assert.match(good, '# How to restore from these backups, with plain tools');
  writeFileSync(guide, 'of another version');
  assert.is(await leaveGuide(store), undefined);
  assert.is(readFileSync(guide, 'utf8'), good);
  rmSync(guide);
  const both = await Promise.all([leaveGuide(store), leaveGuide(store)]);
  assert.equal(both, [undefined, undefined], 'two at once agree');
  assert.equal(await ids(), before, 'it is none of the backups');
  rmSync(guide);
  mkdirSync(guide);
  writeFileSync(join(guide, 'x'), 'in the way');
  assert.match((await leaveGuide(store)) ?? '', 'RESTORE.md');
  rmSync(guide, { recursive: true });
});
test.run();
