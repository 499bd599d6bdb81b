// Encrypted backups, full packs and changes, as whole programs: only who has the identity opens them, and RESTORE.md says how without us.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { fingerprint, listing } from '../support/book/book.ts';

/** The settings of ops.yml that a test exchanges, as they stand there. */
const settings = (text: string) => `${text} `;
let own = '';
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
  keygen('other.key');
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
/** A backup that must work; what there was is kept beside it, for a comparison that asks none of our code. */
async function backUp(): Promise<string> {
  const id = await book.backUp();
  mkdirSync(was(id));
  execFileSync('cp', ['-a', book.uploads, join(was(id), 'uploads')]);
  writeFileSync(join(was(id), 'rows'), book.sql('SELECT * FROM chapters'));
  return id;
}
const was = (id: string) => join(book.folder, `was ${id}`);

let plain: { full: string; changes: string };
let sealed: { full: string; changes: string };

test('the second night has what changed, and list, show and verify know what it builds on', async () => {
  const full = await backUp();
  writeFileSync(join(book.uploads, 'page'), 'another page');
  rmSync(join(book.uploads, 'a b/„cover“.txt'));
  book.sql("UPDATE chapters SET title = 'of another night'");
  const changes = await backUp();
  plain = { full, changes };
  assert.is(manifestOf(changes).base.id, full);
  assert.equal(readdirSync(key(changes)).toSorted(), ['changes.tar.zst', 'database.sqlite.zst', 'gone.zst', 'manifest.json']); // prettier-ignore
  const list = await book.run('backups');
  assert.match(list.stdout, new RegExp(`${changes} .* since ${full.slice(0, 16)} `));
  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stderr, `Fetch and unpack files.tar.zst of ${full} from disk`);
  const good = readFileSync(key(full, 'files.tar.zst'));
  const flipped = Buffer.from(good);
  flipped[100] = (flipped[100] ?? 0) ^ 1;
  writeFileSync(key(full, 'files.tar.zst'), flipped);
  const verify = await book.run('backups', ['verify', changes]);
  assert.is(verify.code, 7, verify.stdout);
  assert.match(verify.stderr, `files.tar.zst of its full pack, ${full}: its checksum does not match`);
  writeFileSync(key(full, 'files.tar.zst'), good);
  // what was found damaged counts as that until it is proven again
  const again = await book.run('drill', [changes]);
  assert.is(again.code, 0, again.stderr);
});

test('a full pack stays as long as a kept one builds on it, with its reason', async () => {
  set('mode: packs, keep: { daily: 1 }');
  const { stores } = JSON.parse((await book.run('backups', ['prune', '--plan', '--json'])).stdout);
  const decision = stores[0].decisions.find((one: { id: string }) => one.id === plain.full);
  assert.equal([decision.keep, decision.reason], [true, `${plain.changes} builds on it`]);
});

test('encryption begins with a new full pack, and what was taken before still restores', async () => {
  set(`encrypt: { recipients: [${own}], identity: { file: ./backup.key } }`);
  const full = await backUp();
  assert.equal([manifestOf(full).base, manifestOf(full).recipients], [undefined, [own]]);
  writeFileSync(join(book.uploads, 'secret page'), 'known to nobody else');
  const changes = await backUp();
  sealed = { full, changes };
  assert.is(manifestOf(changes).base.id, full);
  assert.equal(
    readdirSync(key(changes)).filter(name => !name.endsWith('.age')),
    ['manifest.json'],
  );
  const back = await book.run('restore', [plain.changes, '--to', 'before']);
  assert.is(back.code, 0, back.stderr);
  assert.equal(listing(join(book.folder, 'before/files/shared/uploads')), listing(join(was(plain.changes), 'uploads')));
});

test('an identity is in no list of processes, no file and no line that anybody reads', async () => {
  const [secret = ''] = /AGE-SECRET-KEY-\w+/.exec(readFileSync(join(book.folder, 'backup.key'), 'utf8')) ?? [];
  const encoded = Buffer.from(secret).toString('base64').slice(4, 60);
  const seen: string[] = [];
  const wasSeen = () => seen.some(text => text.includes('age\0--decrypt'));
  const said: string[] = [];
  // it works for a few milliseconds only
  for (let tries = 0; tries < 10 && !wasSeen(); tries++) {
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
      await pause(2);
    }
    const { code, stdout, stderr } = await running.ended;
    assert.is(code, 0, stderr);
    said.push(stdout, stderr);
  }
  assert.ok(wasSeen(), 'age was seen at work');
  for (const text of [...seen, ...said]) assert.not.ok(text.includes(secret) || text.includes(encoded));
  const found = spawnSync('grep', ['-rlE', `${secret}|${encoded}`, book.folder, '--exclude=backup.key'], {
    encoding: 'utf8',
  });
  assert.is(found.stdout, '');
});

test('RESTORE.md of the store, word for word, gives the same back', async () => {
  const blocks = book.guide();
  assert.is(blocks.length, 9);
  for (const id of [plain.full, plain.changes, sealed.full, sealed.changes]) {
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
    const restored = join(folder, id, 'files/shared/uploads');
    const different = spawnSync('diff', ['-r', '--no-dereference', restored, join(was(id), 'uploads')], { encoding: 'utf8' }); // prettier-ignore
    assert.is(different.stdout + different.stderr, '');
    assert.equal(listing(restored), listing(join(was(id), 'uploads')));
    const rows = execFileSync('sqlite3', [database, 'SELECT * FROM chapters'], { encoding: 'utf8' }).trim();
    assert.is(rows, readFileSync(join(was(id), 'rows'), 'utf8'));
    assert.equal(readdirSync(join(folder, 'shared')).toSorted(), ['app.db', 'app.db.before']);
    assert.equal(readdirSync(`${database}.before`).toSorted(), ['app.db', 'app.db-shm', 'app.db-wal']);
  }
});

test('single files and the whole come back from encrypted changes, in the place of the data', async () => {
  for (const path of ['secret page', 'bulk']) {
    const before = fingerprint(join(book.uploads, path));
    writeFileSync(join(book.uploads, path), 'spoilt');
    const { code, stderr } = await book.run('restore', [sealed.changes, '--only', `shared/uploads/${path}`]);
    assert.is(code, 0, stderr);
    assert.is(fingerprint(join(book.uploads, path)), before);
  }
  const gone = await book.run('restore', [plain.changes, '--only', 'shared/uploads/a b/„cover“.txt']);
  assert.is(gone.code, 2, gone.stderr);
  assert.match(gone.stderr, 'the backup has no shared/uploads/a b/„cover“.txt');

  rmSync(join(book.uploads, 'page'));
  book.sql("UPDATE chapters SET title = 'spoilt'");
  renameSync(join(book.uploads, 'bulk'), join(book.uploads, 'moved'));
  const { code, stderr } = await book.run('restore', [sealed.changes]);
  assert.is(code, 0, stderr);
  assert.equal(listing(book.uploads), listing(join(was(sealed.changes), 'uploads')));
  assert.is(book.sql('SELECT * FROM chapters'), readFileSync(join(was(sealed.changes), 'rows'), 'utf8'));
});

test('what cannot be encrypted is not sent, and what cannot be opened changes nothing', async () => {
  const before = JSON.stringify(listing(book.uploads));
  cpSync(join(book.folder, 'other.key'), join(book.folder, 'backup.key'));
  const refused = await book.run('restore', [sealed.changes]);
  assert.is(refused.code, 3, refused.stderr);
  assert.match(refused.stderr, /the identity in .*backup\.key does not open database\.sqlite\.zst\.age/);
  assert.match(refused.stderr, '→ put the identity of one of them into');
  assert.is(JSON.stringify(listing(book.uploads)), before);
  const all = book.stored();
  const path = join(book.folder, 'path');
  mkdirSync(path);
  execFileSync('bash', ['-c', 'for dir in /usr/bin /bin /usr/sbin; do ln -sf "$dir"/* "$0"; done; rm -f "$0"/age; ln -sf "$1" "$0/node"', path, process.execPath]); // prettier-ignore
  const missing = await book.run('backup', [], { env: { PATH: path } });
  assert.is(missing.code, 1, missing.stderr);
  assert.match(missing.stderr, 'this machine has no age');
  assert.match(missing.stderr, 'sudo apt-get install age');
  assert.equal(book.stored(), all);
});
test.run();
