// Out of exit 6: what an attempt left is shown beside what is true, tried again, or accepted with the target's name typed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook, until, type Book } from '../support/book/book.ts';

let book: Book;
let root: string;
let keeper: string;
const command = 'npx tsx tasks/recover.ts --env staging --app book';
test.before(async () => {
  book = await makeBook();
  root = book.place().root;
  keeper = join(root, 'releases/.keeper');
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 0, stderr);
  writeFileSync(join(keeper, 'patience'), '1\n');
});
test.after(() => book.clean());

const inTheWay = () => join(root, 'current.new');
const journal = () => existsSync(join(keeper, 'journal'));
const isInMaintenance = () => existsSync(join(root, 'maintenance/MAINTENANCE_ON'));

/** A deploy whose way back cannot turn `current` back: exit 6. */
async function stuck() {
  const running = book.start('deploy', ['--sha', book.broken]);
  await running.says('… Wait until');
  mkdirSync(inTheWay());
  const { code, stderr } = await running.ended;
  assert.is(code, 6, stderr);
  assert.match(stderr, command);
  assert.match(stderr, /the undo of “Start \S+” said:\s+.*current\.new/);
  assert.not.match(stderr, /→.*journal/);
  assert.ok(journal());
  assert.ok(isInMaintenance());
}

test('nothing to recover is exit 0 and said in words; another name is exit 2', async () => {
  const [none, other, half] = await Promise.all([
    book.run('recover'),
    book.run('recover', ['--accept', 'book production']),
    book.run('recover', ['--maintenance-off']),
  ]);
  assert.is(none.code, 0, none.stderr);
  assert.match(none.stdout, `nothing to recover: book staging serves ${book.good1.slice(0, 7)}`);
  assert.is(other.code, 2);
  assert.match(other.stderr, '--accept book/staging');
  assert.is(half.code, 2);
});

test('the maintenance of an attempt whose journal somebody removed is exit 6, with what to type', async () => {
  mkdirSync(join(root, 'maintenance'), { recursive: true });
  writeFileSync(join(root, 'maintenance/MAINTENANCE_ON'), 'by ana@laptop: deploy of 3f2c1ab\n');
  const log = join(root, 'releases/releases.log');
  const before = readFileSync(log, 'utf8');
  writeFileSync(log, before + before.replace('outcome=live', 'outcome=stuck'));
  const { code, stderr } = await book.run('recover');
  writeFileSync(log, before);
  assert.is(code, 6);
  for (const part of ['its journal is gone', 'tasks/restart.ts --env staging', 'tasks/maintenance.ts off'])
    assert.match(stderr, part);
  rmSync(join(root, 'maintenance/MAINTENANCE_ON'));
});

test('stuck: shown, and when the cause is gone the same way back ends it', async () => {
  await stuck();
  const [plan, json, status, doctor] = await Promise.all([
    book.run('recover', ['--plan']),
    book.run('recover', ['--plan', '--json']),
    book.run('status'),
    book.run('doctor'),
  ]);
  assert.is(plan.code, 0, plan.stderr);
  assert.match(plan.stdout, /Start \S+\s+its undo failed\n\s*Migrate|Start \S+\s+its undo failed\n/);
  assert.match(plan.stdout, /Stop \S+\s+to undo/);
  assert.match(plan.stdout, /Maintenance on\s+to undo/);
  assert.match(plan.stdout, 'current.new');
  assert.match(plan.stdout, /maintenance\s+on/);
  const told = JSON.parse(json.stdout);
  assert.is(told.left.line.sha, book.broken);
  assert.equal([told.now.sha, told.now.maintenance], [book.good1, true]);
  assert.match(status.stdout, command);
  assert.match(doctor.stdout, command);

  const still = await book.run('recover');
  assert.is(still.code, 6, still.stdout);
  assert.match(still.stderr, `${command} --accept book/staging`);
  assert.match(still.stderr, 'current.new');
  const another = await book.run('restart');
  assert.is(another.code, 6);
  assert.match(another.stderr, command);

  rmdirSync(inTheWay());
  const { code, stdout, stderr } = await book.run('recover');
  assert.is(code, 0, stderr);
  assert.match(stdout, `book staging is settled: ${book.good1.slice(0, 7)} serves`);
  assert.equal([await book.serves(), journal(), isInMaintenance()], [book.good1, false, false]);
});

test('accepted: the target is free, what serves is in the log, the journal stays to be looked at, and all tasks work', async () => {
  await stuck();
  const attempts = book.log().length;
  const wrong = await book.run('recover', ['--accept', 'staging']);
  assert.is(wrong.code, 2);
  const { code, stdout, stderr } = await book.run('recover', ['--accept', 'book staging', '--json']);
  assert.is(code, 0, stderr);
  assert.match(stderr, 'current still points at');
  const told = JSON.parse(stdout);
  assert.equal([told.outcome, told.sha, told.maintenance], ['accepted', book.good1, true]);
  assert.is(book.log().length, attempts + 1);
  assert.match(
    book.log().at(-1) ?? '',
    new RegExp(
      `sha=${book.good1} .*action=recover .*outcome=accepted reason="deploy of .* not undone: Start .*" seconds=`,
    ),
  );
  assert.not.ok(journal());
  assert.ok(book.isFree());
  assert.ok(readdirSync(keeper).some(name => name.startsWith('accepted_')));
  rmdirSync(inTheWay());
  const off = await book.run('maintenance', ['off']);
  assert.is(off.code, 0, off.stderr);
  const [releases, status] = await Promise.all([book.run('releases'), book.run('status')]);
  assert.match(releases.stdout, /recover\s+accepted/);
  assert.match(status.stdout, `${book.good1.slice(0, 7)} since`);
  const deploy = await book.run('deploy', ['--sha', book.good2]);
  assert.is(deploy.code, 0, deploy.stderr);
  assert.is(await book.serves(), book.good2);
  const back = await book.run('rollback');
  assert.is(back.code, 0, back.stderr);
  assert.is(await book.serves(), book.good1);
});

test('a damaged journal, one of an older version, and a lock that is held', async () => {
  // as the version before this one left it: no titles, no words of the undo that failed
  mkdirSync(join(keeper, 'journal'), { mode: 0o700 });
  const at = (name: string) => join(keeper, 'journal', name);
  const head = `2026-11-20T12:00:04Z env=staging sha=${book.good2} id=20261120-120004 action=deploy was=${book.good1} by=ana@laptop`;
  writeFileSync(
    at('attempt'),
    `releases=${root}/releases\nrun_id=20261120-120004\nlog_head='${head}'\nclient=ana\napp_user=''\nstarted=1\n`,
  );
  writeFileSync(at('boot'), readFileSync('/proc/sys/kernel/random/boot_id'));
  writeFileSync(at('prelude.sh'), 'set -e\n');
  writeFileSync(at('undo.002'), 'echo the old one waits; exit 1\n');
  writeFileSync(at('step'), 'Wait\n');
  writeFileSync(at('stuck'), '');
  const holder = spawn('bash', ['-c', 'exec 9>>"$1"; flock 9; exec sleep 60', 'bash', join(keeper, 'lock')], {
    stdio: 'ignore',
  });
  await until('it is held', () => !book.isFree());
  try {
    const plan = await book.run('recover', ['--plan']);
    assert.is(plan.code, 0, plan.stderr);
    assert.match(plan.stdout, /deploy of \w{7} by ana@laptop ended during “Wait”/);
    assert.match(plan.stdout, /step 3\s+its undo failed/);
    assert.is((await book.run('recover')).code, 5);
    assert.is((await book.run('recover', ['--accept', 'book/staging'])).code, 5);
  } finally {
    holder.kill('SIGKILL');
  }
  await until('it is let go', () => book.isFree());
  writeFileSync(at('attempt'), '');
  writeFileSync(at('prelude.sh'), 'if\n');
  assert.is((await book.run('recover')).code, 6);
  const { code, stdout, stderr } = await book.run('recover', ['--accept', 'book/staging']);
  assert.is(code, 0, stderr);
  assert.match(
    stdout,
    `accepted as it is: ${book.good1.slice(0, 7)} counts as what serves (it answers all probes; ready)`,
  );
  assert.not.ok(journal());
  const restart = await book.run('restart');
  assert.is(restart.code, 0, restart.stderr);
  rmSync(join(keeper, 'patience'));
});
test.run();
