// Encrypted backups of a server over ssh: the data flow through the connection, and what is cut off there ends there.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeHome, startSshd } from '../support/ssh/sshd.ts';
import {
  bySsh,
  chores,
  onThisMachine,
  surroundings,
  type Gave,
  type Surroundings,
} from '../support/faults/environments.ts';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { processesIn, until } from '../support/book/book.ts';

const home = makeHome();
const sshd = await startSshd(home.file('id_ed25519.pub'));
const key = execFileSync('age-keygen', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const recipient = /age1\w+/.exec(key)?.[0] ?? '';
// the identity has to go through the connection, too
const book: BackedUp = await makeBackedUpBook(
  `mode: tarball, encrypt: { recipients: [${recipient}], identity: { file: ./backup.key } }`,
);
writeFileSync(join(book.folder, 'backup.key'), key);
test.after(() => {
  book.clean();
  sshd.stop();
  home.remove();
});
const torture = process.env['BOOKOPS_TORTURE'] === '1';

test('what a person set on the host changes nothing of what is done there', async () => {
  const wrong: string[] = [];
  let clean: Gave | undefined;
  const day = (name: string) => async (env: NodeJS.ProcessEnv) => {
    try {
      const gave = await chores(book, env, !torture);
      clean ??= gave;
      assert.equal(gave, clean);
    } catch (error) {
      wrong.push(`${name}: ${String(error)}`);
    }
  };
  const plain: Surroundings = { name: 'nothing of a person’s' };
  const installed = ({ shell }: Surroundings) => !shell || spawnSync('which', [shell]).status === 0;
  const chosen = torture ? [plain, ...surroundings.filter(installed)] : surroundings.slice(-1);
  for (const one of chosen) await bySsh(book, home, one, day(`${one.name}, by ssh`));
  if (torture) for (const one of chosen) if (!one.shell) await onThisMachine(one, day(`${one.name}, on this machine`));
  assert.is(wrong.join('\n\n'), '');
});

const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const big = randomBytes(40 * 1024 * 1024);

test('a backup over ssh is proven there and here, and comes back', async () => {
  const ops = join(book.folder, 'ops.yml');
  const server = `{ ssh: '${sshd.address}', host_key: '${sshd.keys['ed25519'] ?? ''}', identity: '${home.file('id_ed25519')}' }`;
  writeFileSync(ops, readFileSync(ops, 'utf8').replace('here: local', `here: ${server}`));
  writeFileSync(join(book.uploads, 'big'), big);
  const deploy = await book.run('deploy', ['--sha', book.good2]);
  assert.is(deploy.code, 0, deploy.stderr);
  const id = await book.backUp();
  for (const words of [[], ['--here']]) {
    const drill = await book.run('drill', words);
    assert.is(drill.code, 0, drill.stderr);
  }
  writeFileSync(join(book.uploads, 'big'), 'spoilt');
  const { code, stderr } = await book.run('restore', [id]);
  assert.is(code, 0, stderr);
  assert.is(sum(readFileSync(join(book.uploads, 'big'))), sum(big));
  assert.is(await book.serves(), book.good2);
});

test('a client that is killed while data flow leaves nothing running and nothing half on the server', async () => {
  const scratch = join(book.place().root, 'releases/.keeper/backup');
  for (const [task, word] of [
    ['backup', '… Send it to disk'],
    ['drill', '… Fetch and unpack files.tar.zst'],
    ['restore', '… Fetch files.tar.zst'],
  ] as const) {
    const running = book.start(task);
    await running.says(word);
    running.child.kill('SIGKILL');
    await running.ended;
    await until(
      `what ${task} had begun has ended`,
      () => !readdirSync(scratch).some(name => name.startsWith('scratch.')) && processesIn(scratch).length === 0,
      () => readdirSync(scratch).join(),
    );
  }
  const good = await book.backUp();
  assert.not.match(book.stored().join(), 'unfinished');
  const list = JSON.parse((await book.run('backups', ['--json'])).stdout).backups;
  assert.equal([list[0].id, list.filter((one: { fault: string | null }) => one.fault).length], [good, 0]);
});
test.run();
