// When a backup was last proven, wherever one looks; deploys that want a proof; and snapshots from before deploys among the backups.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWatchedBook, type Watched } from '../support/book/watched.ts';

let book: Watched;
test.before(async () => {
  book = await makeWatchedBook();
  await book.must(0, 'deploy', '--sha', book.good1);
});
test.after(() => book.stop());

test('without a proof status says so, the doctor warns, and a deploy that wants one is refused with what to type', async () => {
  book.configure('proven_within: 7d');
  const [status, doctor, refused] = await Promise.all([
    book.run('status'),
    book.run('doctor', ['--json']),
    book.run('deploy', ['--sha', book.good2]),
  ]);
  assert.match(status.stdout, /backup +never proven/);
  const finding = JSON.parse(doctor.stdout).findings.find((one: { check: string }) => one.check === 'backup');
  const both = 'npx tsx tasks/backup.ts --env staging --app book && npx tsx tasks/drill.ts --env staging --app book';
  assert.equal([finding.state, finding.says, finding.fix], ['warning', 'never proven', both]);
  assert.is(refused.code, 1, refused.stderr);
  assert.match(refused.stderr, 'book staging wants a proven backup from the last 7 d, and no backup was ever proven');
  assert.match(refused.stderr, `${both}, then again; or override with --unproven`);
  assert.is(await book.serves(), book.good1);
});

test('what was proven long ago is too old; --unproven goes on and stands in the log; a new proof is enough', async () => {
  // the host's clock, not that of who looks
  book.program('date', 'exec /bin/date -d "-9 days" "$@"');
  await book.must(0, 'backup');
  await book.must(0, 'drill');
  rmSync(join(book.folder, 'bin/date'));
  const status = JSON.parse((await book.run('status', ['--json'])).stdout).targets[0];
  assert.match(
    status.backup.words,
    /^proven 9 d ago \(\d{8}T\d{6}Z-[0-9a-f]{6}, restored in [\d.]+ s\); last backup 9 d ago$/,
  );
  assert.is(status.backup.good, false);
  await book.must(0, 'deploy', '--sha', book.good2, '--unproven');
  assert.match(book.log().at(-1) ?? '', 'unproven="the last proven backup is from 9 d ago"');

  const promote = ['--env', 'production', '--from', 'staging'];
  // a first one has nothing to lose
  await book.must(0, 'deploy', '--env', 'production', '--sha', book.good1);
  const refused = await book.must(1, 'promote', ...promote);
  assert.match(refused.stderr, 'book production wants a proven backup from the last 7 d');
  await book.must(0, 'promote', ...promote, '--unproven');
  assert.match(book.log('production').at(-1) ?? '', /action=promote .*unproven="no backup was ever proven"/);

  await book.must(0, 'backup');
  await book.must(0, 'drill');
  await book.must(0, 'deploy', '--sha', book.good1);
  assert.not.match(book.log().at(-1) ?? '', 'unproven');
  assert.match((await book.run('status')).stdout, /backup +proven 0 min ago .*; last backup 0 min ago/);
});

test('snapshots from before deploys are listed and shown, and are no backups', async () => {
  const list = await book.must(0, 'backups');
  assert.match(list.stdout, /\d{8}-\d{6} +0 min +here +[\d.]+ kB +[0-9a-f]{7} +before deploy of [0-9a-f]{7}/);
  const { beforeDeploy, backups } = JSON.parse((await book.run('backups', ['--json'])).stdout);
  const [newest] = beforeDeploy;
  assert.equal([newest.kind, newest.release, newest.next], ['before deploy', book.good2, book.good1]);
  assert.ok(existsSync(newest.file) && backups.length === 2);
  const shown = await book.must(0, 'backups', 'show', newest.id);
  assert.match(shown.stdout, newest.file);
  await book.must(2, 'backups', 'show', '20200101-000000');
});
test.run();
