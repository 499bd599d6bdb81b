// Encrypted backups, full packs and changes, as whole programs: only who has the identity opens them, and RESTORE.md says how without us.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from './backed-up.ts';
import { fingerprint, listing } from './book.ts';

/** The settings of ops.yml that a test exchanges, as they stand there. */
const settings = (text: string) => `${text} `;
let [recipients, own, other] = ['', '', ''];
let now = settings('mode: packs');
let book: BackedUp;

test.before(async () => {
  book = await makeBackedUpBook(now);
  const keygen = (name: string) => {
    const said = spawnSync('age-keygen', ['-o', join(book.folder, name)], { encoding: 'utf8' });
    const [key] = /age1\w+/.exec(said.stderr) ?? [];
    if (key === undefined) throw new Error('no age-keygen here: apt-get install age');
    return key;
  };
  own = keygen('backup.key');
  other = keygen('other.key');
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
  writeFileSync(join(book.uploads, 'bulk'), Buffer.alloc(400_000, 'a page '));
  rmSync(join(book.uploads, 'half.tmp')); // no backup has it
  // what is younger counts as changed
  await pause(3100);
});
test.after(() => book.clean());

function set(text: string): void {
  const ops = join(book.folder, 'ops.yml');
  const written = readFileSync(ops, 'utf8');
  assert.ok(written.includes(now));
  writeFileSync(ops, written.replace(now, settings(text)));
  now = settings(text);
}
const key = (id: string, name = '') => join(book.store, 'book-staging', id, name);
const manifestOf = (id: string) => JSON.parse(readFileSync(key(id, 'manifest.json'), 'utf8'));
const encrypted = (more = '') =>
  set(`encrypt: { recipients: [${recipients}], identity: { file: ./backup.key } }${more}`);

let plain: { full: string; changes: string };
let sealed: { full: string; changes: string };
/** What the uploads and a table were when the changes were taken. */
let uploads: string;
let rows: string;

test('the second night has what changed, and list, show and verify know what it builds on', async () => {
  const full = await book.backUp();
  writeFileSync(join(book.uploads, 'page'), 'another page');
  rmSync(join(book.uploads, 'a b/„cover“.txt'));
  const changes = await book.backUp();
  plain = { full, changes };
  assert.is(manifestOf(changes).base.id, full);
  assert.equal(readdirSync(key(changes)).toSorted(), ['changes.tar.zst', 'database.sqlite.zst', 'gone.zst', 'manifest.json']); // prettier-ignore
  const list = await book.run('backups');
  assert.match(list.stdout, new RegExp(`${changes} .* since ${full.slice(0, 16)} `));
  assert.match((await book.run('backups', ['show', changes])).stdout, `${full}, whose files.tar.zst it needs`);

  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stderr, `Fetch files.tar.zst of ${full} from disk`);
  const good = readFileSync(key(full, 'files.tar.zst'));
  const flipped = Buffer.from(good);
  flipped[100] = (flipped[100] ?? 0) ^ 1;
  writeFileSync(key(full, 'files.tar.zst'), flipped);
  const verify = await book.run('backups', ['verify', changes]);
  assert.is(verify.code, 7, verify.stdout);
  assert.match(verify.stderr, `files.tar.zst of its full pack, ${full}: its checksum is another`);
  writeFileSync(key(full, 'files.tar.zst'), good);
  assert.is((await book.run('backups', ['verify'])).code, 0);
});

test('a full pack stays as long as a kept one builds on it, with its reason', async () => {
  set('mode: packs, keep: { daily: 1 }');
  const { stores } = JSON.parse((await book.run('backups', ['prune', '--plan', '--json'])).stdout);
  const decision = stores[0].decisions.find((one: { id: string }) => one.id === plain.full);
  assert.equal([decision.keep, decision.reason], [true, `${plain.changes} builds on it`]);
});

test('encryption begins with a new full pack, and what was taken before still restores', async () => {
  recipients = own;
  encrypted();
  const full = await book.backUp();
  assert.equal([manifestOf(full).base, manifestOf(full).recipients], [undefined, [own]]);
  assert.ok(readdirSync(key(full)).includes('files.tar.zst.age'));
  assert.match(readFileSync(key(full, 'files.tar.zst.age')).subarray(0, 30).toString(), 'age-encryption.org/v1');
  await pause(3100);
  const again = await book.backUp();
  writeFileSync(join(book.uploads, 'secret page'), 'known to nobody else');
  const changes = await book.backUp();
  sealed = { full: manifestOf(changes).base.id, changes };
  assert.ok([full, again].includes(sealed.full));
  uploads = JSON.stringify(listing(book.uploads));
  rows = book.sql('SELECT group_concat(title) FROM chapters');
  const back = await book.run('restore', [plain.changes, '--to', 'before']);
  assert.is(back.code, 0, back.stderr);
  assert.is(readFileSync(join(book.folder, 'before/files/shared/uploads/page'), 'utf8'), 'another page');
  assert.not.ok(existsSync(join(book.folder, 'before/files/shared/uploads/a b/„cover“.txt')));
});

test('only who has the identity opens it, and a drill says that it was this one', async () => {
  const proven = await book.run('drill', ['--here']);
  assert.is(proven.code, 0, proven.stderr);
  assert.match(proven.stdout, /decrypted +with the identity that ops.yml names: .*backup\.key/);
  const identity = join(book.folder, 'backup.key');
  const secret = readFileSync(identity, 'utf8');
  for (const [change, says, restore] of [
    [
      () => cpSync(join(book.folder, 'other.key'), identity),
      /the identity in .*backup\.key does not open .*\.age/,
      ['restore'],
    ],
    [() => writeFileSync(identity, 'not a key\n'), /cannot be decrypted/, []],
    [() => rmSync(identity), /backup\.key cannot be read/, ['restore', '--to', 'none']],
    [() => set(`encrypt: { recipients: [${own}] }`), /ops\.yml names no identity to open it/, []],
  ] as const) {
    change();
    for (const [task, ...words] of [['drill'], restore]) {
      if (task === undefined) continue;
      const refused = await book.run(task, words);
      assert.is(refused.code, 3, refused.stderr);
      assert.match(refused.stderr, says);
      assert.match(refused.stderr, '→ ');
    }
    writeFileSync(identity, secret);
  }
  assert.is((await book.run('backups', ['verify', sealed.changes])).code, 0, 'checksums need no identity');
  encrypted();
  assert.is(JSON.stringify(listing(book.uploads)), uploads, 'no refused restore has changed anything');
  // a flipped byte is damage and no wrong identity, wherever in the object it is
  for (const at of [60, 400]) {
    const file = key(sealed.changes, 'database.sqlite.zst.age');
    const good = readFileSync(file);
    const flipped = Buffer.from(good);
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    writeFileSync(file, flipped);
    const drill = await book.run('drill', [sealed.changes]);
    assert.is(drill.code, 7, `${at}: ${drill.stderr}`);
    assert.match(drill.stderr, 'its checksum is another');
    writeFileSync(file, good);
    for (const name of readdirSync(key(sealed.changes)).filter(one => one.startsWith('verdict-')))
      if (!JSON.parse(readFileSync(key(sealed.changes, name), 'utf8')).good) rmSync(key(sealed.changes, name));
  }
});

test('an identity is in no list of processes, no file and no line that anybody reads', async () => {
  const [secret = ''] = /AGE-SECRET-KEY-\w+/.exec(readFileSync(join(book.folder, 'backup.key'), 'utf8')) ?? [];
  const encoded = Buffer.from(secret).toString('base64').slice(4, 60);
  const seen: string[] = [];
  const running = book.start('drill', ['--verbose']);
  let over = false;
  void running.ended.then(() => (over = true));
  while (!over) {
    for (const pid of readdirSync('/proc').filter(name => Number(name) > (running.child.pid ?? 0)))
      for (const file of ['cmdline', 'environ'])
        try {
          seen.push(readFileSync(`/proc/${pid}/${file}`, 'latin1'));
        } catch {
          // gone already
        }
    await pause(10);
  }
  const { code, stdout, stderr } = await running.ended;
  assert.is(code, 0, stderr);
  assert.ok(
    seen.some(text => text.includes('age\0--decrypt')),
    'age was seen at work',
  );
  for (const text of [...seen, stdout, stderr]) assert.not.ok(text.includes(secret) || text.includes(encoded));
  const found = spawnSync('grep', ['-rlE', `${secret}|${encoded}`, book.folder, '--exclude=backup.key'], {
    encoding: 'utf8',
  });
  assert.is(found.stdout, '');
});

test('RESTORE.md of the store, word for word, gives the same back', async () => {
  const blocks = [...readFileSync(join(book.store, 'RESTORE.md'), 'utf8').matchAll(/^```bash\n(.*?)^```$/gms)].map(([, text]) => text); // prettier-ignore
  assert.is(blocks.length, 7);
  const wanted = await book.run('restore', [sealed.changes, '--to', 'ours']);
  assert.is(wanted.code, 0, wanted.stderr);
  const earlier = await book.run('restore', [plain.full, '--to', 'ours-full']);
  assert.is(earlier.code, 0, earlier.stderr);
  for (const [id, ours] of [
    [sealed.changes, 'ours'],
    [plain.changes, 'before'],
    [plain.full, 'ours-full'],
  ] as const) {
    // what it says under Copy
    const folder = join(book.folder, `by hand ${id}`);
    mkdirSync(folder);
    const { base } = manifestOf(id);
    for (const one of [id, base?.id].filter(Boolean)) cpSync(key(one), join(folder, one), { recursive: true });
    const database = join(folder, 'shared/app.db');
    mkdirSync(join(folder, 'shared'));
    for (const end of ['', '-wal', '-shm']) writeFileSync(`${database}${end}`, `present${end}`);
    const said = spawnSync('bash', ['-c', `set -e\n${blocks.join('\n')}`], {
      cwd: join(folder, id),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: book.folder, identity: join(book.folder, 'backup.key'), database },
    });
    assert.is(said.status, 0, said.stdout + said.stderr);
    assert.match(said.stdout, /^ok$/m);
    assert.not.match(said.stdout, 'FAILED');
    const different = spawnSync('diff', ['-r', '--no-dereference', join(folder, id, 'files'), join(book.folder, ours, 'files')], { encoding: 'utf8' }); // prettier-ignore
    assert.is(different.stdout + different.stderr, '');
    assert.equal(
      listing(join(folder, id, 'files/shared/uploads')),
      listing(join(book.folder, ours, 'files/shared/uploads')),
    );
    assert.is(fingerprint(database), fingerprint(join(book.folder, ours, 'database.sqlite')));
    assert.equal(readdirSync(join(folder, 'shared')).toSorted(), ['app.db', 'app.db.before']);
    assert.equal(readdirSync(`${database}.before`).toSorted(), ['app.db', 'app.db-shm', 'app.db-wal']);
  }
});

test('RESTORE.md is put right by the next backup, and never a backup fails of it', async () => {
  const file = join(book.store, 'RESTORE.md');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, 'of another version');
  await book.backUp();
  assert.is(readFileSync(file, 'utf8'), good);
  rmSync(file);
  mkdirSync(file);
  writeFileSync(join(file, 'x'), 'in the way');
  const { code, stderr } = await book.run('backup');
  assert.is(code, 0, stderr);
  assert.match(stderr, 'RESTORE.md could not be written');
  rmSync(file, { recursive: true });
});

test('single files and the whole come back from encrypted changes, in the place of the data', async () => {
  for (const [path, content] of [
    ['page', 'another page'],
    ['secret page', 'known to nobody else'],
    ['bulk', undefined],
  ] as const) {
    const was = fingerprint(join(book.uploads, path));
    writeFileSync(join(book.uploads, path), 'spoilt');
    const { code, stderr } = await book.run('restore', [sealed.changes, '--only', `shared/uploads/${path}`]);
    assert.is(code, 0, stderr);
    assert.is(fingerprint(join(book.uploads, path)), was);
    if (content !== undefined) assert.is(readFileSync(join(book.uploads, path), 'utf8'), content);
  }
  const gone = await book.run('restore', [sealed.changes, '--only', 'shared/uploads/a b/„cover“.txt']);
  assert.is(gone.code, 2, gone.stderr);
  assert.match(gone.stderr, 'the backup has no shared/uploads/a b/„cover“.txt');

  rmSync(join(book.uploads, 'page'));
  book.sql("UPDATE chapters SET title = 'spoilt'");
  renameSync(join(book.uploads, 'bulk'), join(book.uploads, 'moved'));
  const { code, stderr } = await book.run('restore', [sealed.changes]);
  assert.is(code, 0, stderr);
  assert.is(JSON.stringify(listing(book.uploads)), uploads);
  assert.is(book.sql('SELECT group_concat(title) FROM chapters'), rows);
  // these are other files now, whatever they are called
  assert.is(manifestOf(await book.backUp()).base, undefined);
});

test('more recipients, ssh keys among them, begin a new full pack; without age nothing is sent', async () => {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(book.folder, 'ssh.key')]);
  const ssh = readFileSync(join(book.folder, 'ssh.key.pub'), 'utf8').trim();
  recipients = `${other}, '${ssh}'`;
  encrypted();
  const id = await book.backUp();
  assert.equal(manifestOf(id).recipients, [other, ssh]);
  set(`encrypt: { recipients: [${recipients}], identity: { file: ./ssh.key } }`);
  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  set(`encrypt: { recipients: [], identity: { file: ./ssh.key } }`);
  const open = await book.backUp();
  assert.is(manifestOf(open).recipients, undefined);
  assert.is((await book.run('drill', [id])).code, 0, 'what was encrypted before is still opened');

  const before = book.stored();
  set(`encrypt: { recipients: [${own.slice(0, -1)}${own.endsWith('q') ? 'p' : 'q'}] }`);
  const wrong = await book.run('backup');
  assert.is(wrong.code, 3, wrong.stderr);
  assert.match(wrong.stderr, 'age does not take a recipient');
  const path = join(book.folder, 'path');
  mkdirSync(path);
  execFileSync('bash', ['-c', 'for dir in /usr/bin /bin /usr/sbin; do for one in "$dir"/*; do ln -sf "$one" "$0"; done; done; rm -f "$0"/age; ln -sf "$1" "$0/node"', path, process.execPath]); // prettier-ignore
  const missing = await book.run('backup', [], { env: { PATH: path } });
  assert.is(missing.code, 1, missing.stderr);
  assert.match(missing.stderr, 'this machine has no age');
  assert.match(missing.stderr, 'sudo apt-get install age');
  assert.equal(book.stored(), before);
});

test.run();
