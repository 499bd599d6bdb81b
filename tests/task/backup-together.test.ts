// A backup beside deploys and other backups, and one that is killed at any moment.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { processesIn, until } from '../support/book/book.ts';

let book: BackedUp;
test.before(async () => {
  book = await makeBackedUpBook();
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 0, stderr);
});
test.after(() => book.clean());

const scratch = () => join(book.place().root, 'releases/.keeper/backup');
const left = () => [
  ...readdirSync(scratch()).filter(name => name.startsWith('scratch.')),
  ...readdirSync(join(book.place().root, 'backups/snapshots')).filter(name => name.startsWith('.backup')),
];

test('no database is copied in the middle of a migration, and the deploy never waits', async () => {
  const { sha, open } = book.gated('slow');
  const deploy = book.start('deploy', ['--sha', sha]);
  await deploy.says('… Migrate the database');
  const impatient = await book.run('backup', ['--wait', '1s']);
  assert.is(impatient.code, 5, impatient.stderr);
  assert.match(impatient.stderr, 'a deploy of book staging was running the whole time: by=');
  assert.equal(book.stored(), []);

  const patient = book.start('backup', ['--json']);
  await patient.says('… Copy the database');
  open();
  assert.is((await deploy.ended).code, 0, deploy.end.stderr);
  const { code, stdout, stderr } = await patient.ended;
  assert.is(code, 0, stderr);
  const { manifest } = JSON.parse(stdout);
  assert.is(manifest.release, sha);
  assert.is(manifest.database.tables.migrations, Number(book.sql('SELECT count(*) FROM migrations')));
});

test('a deploy goes through while backups are taken one after the other', async () => {
  let over = false;
  const codes: (number | null)[] = [];
  const backups = (async () => {
    while (!over) codes.push((await book.run('backup')).code);
  })();
  try {
    for (const sha of [book.good1, book.good2]) {
      const { code, stderr } = await book.run('deploy', ['--sha', sha]);
      assert.is(code, 0, stderr);
    }
  } finally {
    over = true;
    await backups;
  }
  assert.ok(codes.length > 0 && codes.every(code => code === 0), codes.join());
});

test('two backups at once: one of them waits for its turn, or says who is before it', async () => {
  const all = await Promise.all([
    book.run('backup'),
    book.run('backup', ['--wait', '30s']),
    book.run('backup', ['--wait', '30s']),
  ]);
  for (const [index, { code, stderr }] of all.entries()) {
    if (index > 0 || code === 0) assert.is(code, 0, stderr);
    else assert.match(stderr, 'another backup, restore or prune is under way: by=');
  }
});

test('a backup that is killed at any moment leaves nothing half that is listed, and the next one cleans up', async () => {
  const ids = async () => JSON.parse((await book.run('backups', ['--json'])).stdout).backups;
  for (let round = 0; round < 8; round++) {
    const running = book.start('backup');
    // from before its first word to after its last
    await new Promise(done => setTimeout(done, 250 + round * 130));
    running.child.kill('SIGKILL');
    await running.ended;
  }
  await until('what was killed has ended', () => processesIn(scratch()).length === 0);
  const good = await book.backUp();
  assert.equal(left(), []);
  assert.not.match(book.stored().join(), 'unfinished');
  const listed = await ids();
  assert.is(listed[0].id, good);
  assert.equal(
    listed.filter((one: { fault: string | null }) => one.fault !== null),
    [],
  );
  const verified = await book.run('backups', ['verify']);
  assert.is(verified.code, 0, verified.stderr);
});

test('a drill that is killed leaves no scratch and no verdict', async () => {
  const before = book.stored();
  for (const wait of [300, 500, 700]) {
    const running = book.start('drill');
    await new Promise(done => setTimeout(done, wait));
    running.child.kill('SIGKILL');
    await running.ended;
  }
  await until(
    'its scratch is gone',
    () => left().length === 0,
    () => left().join(),
    90, // it is removed once what runs in it has ended
  );
  const verdicts = book.stored().filter(name => !before.includes(name));
  const drill = await book.run('drill');
  assert.is(drill.code, 0, drill.stderr);
  // one that was being stored has no name yet, and goes with the next backup
  const half = (name: string) => name.includes('/.unfinished-');
  const whole = verdicts.filter(name => !half(name));
  assert.ok(
    whole.every(name => /verdict-\d{8}T\d{6}Z-[0-9a-f]{6}\.json$/.test(name)),
    whole.join(),
  );
  assert.is((await book.run('backup')).code, 0);
  assert.equal(book.stored().filter(half), []);
});
test.run();
