// Backups that an app makes its own way: its command runs once, what it gives is stored, proven and given back.
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';

let book: BackedUp;
let ops = '';
test.before(async () => {
  book = await makeBackedUpBook();
  ops = readFileSync(join(book.folder, 'ops.yml'), 'utf8');
});
test.after(() => book.clean());

/** The app's command is a script in its root. */
function own(script: string, more: string, further = ''): void {
  writeFileSync(join(book.place().root, 'make-backup'), script);
  const line = `backup: { stores: [disk], command: { run: [bash, make-backup, 'two words'], ${more} }${further} }`;
  writeFileSync(join(book.folder, 'ops.yml'), ops.replace(/backup: \{ stores.*\n/, `${line}\n`));
}
const makes = 'mkdir -p given/sub; echo "$1" >given/sub/a; ln -sf /etc/passwd given/out; echo ran >>runs';

test('the folder that it gives is stored, proven, and comes back as app', async () => {
  own(makes, 'writes: given');
  const { code, stdout, stderr } = await book.run('backup');
  assert.is(code, 0, stderr);
  assert.match(stdout, 'what the app made itself');
  assert.match(stderr, 'left out: given/out is a link that points outside the root, to /etc/passwd');
  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  assert.match(drill.stdout, /the app's own +3 of 3/);
  const to = join(book.folder, 'restored');
  const back = await book.run('restore', ['--to', to]);
  assert.is(back.code, 0, back.stderr);
  assert.is(readFileSync(join(to, 'app/given/sub/a'), 'utf8'), 'two words\n');
  assert.is(readFileSync(join(book.place().root, 'runs'), 'utf8'), 'ran\n');

  await book.run('backup');
  const id = JSON.parse((await book.run('backups', ['--json'])).stdout).backups[0].id;
  const damaged = join(book.store, 'book-staging', id, 'app.tar.zst');
  const bytes = readFileSync(damaged);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(damaged, bytes);
  assert.is((await book.run('drill')).code, 7);
});

test('what it prints is stored, proven, and comes back', async () => {
  own('for line in {1..20000}; do echo "line $line"; done', "writes: '-'");
  const { code, stderr } = await book.run('backup');
  assert.is(code, 0, stderr);
  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  const to = join(book.folder, 'printed');
  assert.is((await book.run('restore', ['--to', to])).code, 0);
  assert.is(readFileSync(join(to, 'app'), 'utf8').split('\n').length, 20_001);
});

test('where backups are encrypted, what the app made is too; a drill opens it, and RESTORE.md without us', async () => {
  const identity = join(book.folder, 'backup.key');
  const said = spawnSync('age-keygen', ['-o', identity], { encoding: 'utf8' }).stderr;
  const encrypt = `, encrypt: { recipients: [${/age1\w+/.exec(said)?.[0] ?? 'none'}], identity: { file: ./backup.key } }`;
  for (const [gives, name, made] of [
    ["writes: '-'", 'app.zst', 'app'],
    ['writes: given', 'app.tar.zst', 'app/given/sub/a'],
  ] as const) {
    own(`${makes}; cat given/sub/a`, gives, encrypt);
    const id = await book.backUp();
    const stored = join(book.store, 'book-staging', id);
    assert.match(readFileSync(join(stored, `${name}.age`), 'latin1'), /^age-encryption\.org/);
    const drill = await book.run('drill', [id]);
    assert.is(drill.code, 0, drill.stderr);
    const byHand = join(book.folder, 'by hand', id);
    cpSync(stored, byHand, { recursive: true });
    const env = { PATH: process.env['PATH'], HOME: book.folder, identity, database: join(byHand, 'put back.db') };
    const restored = spawnSync('bash', ['-c', `set -e\n${book.guide().join('\n')}`], {
      cwd: byHand,
      encoding: 'utf8',
      env,
    });
    assert.is(restored.status, 0, restored.stdout + restored.stderr);
    assert.is(readFileSync(join(byHand, made), 'utf8'), 'two words\n');
  }
});

test('a command that fails, hangs or gives nothing is a failure with its last words, and leaves no backup', async () => {
  const before = book.stored();
  const say = async (script: string, more: string) => {
    own(script, more);
    const { code, stderr } = await book.run('backup');
    assert.is(code, 1, stderr);
    return stderr;
  };
  assert.match(await say('echo some output; echo no room to dump >&2; exit 3', "writes: '-'"), 'here: no room to dump');
  assert.match(await say('echo it said why; exit 3', 'writes: given'), 'here: it said why');
  assert.match(await say('true', "writes: '-'"), 'it printed nothing');
  assert.match(await say('true', 'writes: given'), /wrote nothing: .*given was not written again/);
  assert.match(await say('sleep 60', 'writes: given, seconds: 1'), "the app's own backup took longer than 1 s");
  assert.equal(book.stored(), before);
});
test.run();
