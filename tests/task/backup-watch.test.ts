// Somebody notices: what goes wrong with backups is told once and so is its end, whoever runs the task.
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

const state = () => join(book.place().root, 'releases/backups.state');

test('a backup that fails is told once to all, and its end once; a ping goes out each time', async () => {
  book.configure('alerts: [hook, ping, mail], metrics: shared/book.prom');
  const mails = join(book.folder, 'mails');
  const metrics = () => readFileSync(join(book.place().root, 'shared/book.prom'), 'utf8');
  book.program('sendmail', `cat >>'${mails}'; echo "to $2" >>'${mails}'`);
  await book.must(0, 'backup');
  assert.equal([book.told(), book.pings()], [[], ['?a=1']]);

  renameSync(book.uploads, `${book.uploads}.gone`);
  await book.must(1, 'backup');
  const [alarm, ...more] = book.told();
  assert.equal(more, []);
  assert.equal([alarm?.app, alarm?.environment, alarm?.state, alarm?.news.length], ['book', 'staging', 'bad', 1]);
  assert.match(alarm?.news[0]?.says ?? '', 'shared/uploads does not exist, and backup.files.include names it');
  assert.match(alarm?.news[0]?.advice ?? '', 'make the folder on here');
  assert.match(metrics(), /last_run_good\{[^}]*task="backup"\} 0\n/);
  const watch = await book.must(7, 'backups', 'watch');
  assert.match(watch.stdout, 'the last backup failed');
  assert.equal([book.told(), book.pings()], [[], ['/fail?a=1', '/fail?a=1']]);

  // a day later, as far as the host remembers
  writeFileSync(state(), readFileSync(state(), 'utf8').replace(/^(backup bad \d+) \d+/m, '$1 1'));
  await book.must(1, 'backup');
  assert.equal(
    book.told().map(one => one.news[0]?.what),
    ['again'],
  );
  renameSync(`${book.uploads}.gone`, book.uploads);
  await book.must(0, 'backup');
  await book.must(0, 'backup');
  const [recovery, ...rest] = book.told();
  assert.equal([rest, recovery?.state], [[], 'good']);
  assert.equal(recovery?.news, [{ subject: 'backup', what: 'recovery', says: 'backup works again' }]);
  assert.is(book.pings().at(-1), '?a=1');
  const mail = readFileSync(mails, 'utf8');
  assert.is(mail.match(/^Subject: /gm)?.length, 3);
  assert.match(mail, 'to owner@example.org');
  assert.match(metrics(), /last_run_good\{[^}]*task="backup"\} 1\n/);
  assert.match(metrics(), /bookops_backup_count\{[^}]*store="disk"\} 3\n/);
});

test('an alert that cannot be delivered changes no exit code, and is told by the run that can', async () => {
  book.configure('alerts: [hook]');
  book.sql('CREATE TABLE readers (name); INSERT INTO readers SELECT value FROM generate_series(1, 100)');
  await book.must(0, 'backup');
  book.hookTo('http://127.0.0.1:1/hook/t0ken');
  book.sql('DELETE FROM readers');
  const failed = await book.must(7, 'backup');
  assert.match(failed.stderr, 'the alert hook was not delivered: it cannot be reached: ');
  book.hookTo();
  const watch = await book.must(7, 'backups', 'watch', '--json');
  const problems = JSON.parse(watch.stdout).problems.map((one: { subject: string }) => one.subject);
  assert.equal(problems.toSorted(), ['backup', 'shrunk:disk']);
  assert.match(book.told()[0]?.news[0]?.says ?? '', 'the table readers has 0 rows and had 100');
});

test('the watcher finds what no task met: an old backup, a store that cannot be read, a host that does not answer', async () => {
  book.configure('alerts: [hook, ping], expected_every: 24h');
  await book.must(0, 'backup');
  await book.must(0, 'backups', 'watch');
  book.told();
  book.pings();
  book.program('date', 'exec /bin/date -d "+3 days" "$@"');
  const late = await book.must(7, 'backups', 'watch');
  assert.match(late.stdout, 'the newest backup in disk is 3 d old, and one is meant to come every 1 d');
  assert.equal([book.told().map(one => one.news[0]?.subject), book.pings()], [['age:disk'], ['/fail?a=1']]);
  rmSync(join(book.folder, 'bin/date'));
  const store = join(book.store, 'book-staging');
  renameSync(store, `${store}.gone`);
  symlinkSync('book-staging', store); // a loop, which root cannot read either
  const gone = await book.must(7, 'backups', 'watch');
  assert.match(gone.stdout, 'the store disk cannot be read');
  rmSync(store);
  renameSync(`${store}.gone`, store);
  await book.must(0, 'backups', 'watch');
  assert.equal(
    book.told().map(one => one.news.map(news => `${news.subject} ${news.what}`)),
    [['store:disk failure'], ['store:disk recovery', 'age:disk recovery']],
  );

  const before = readFileSync(state(), 'utf8');
  for (const words of [['backup'], ['backups', 'watch'], ['backups', 'prune']] as const)
    await book.must(0, words[0], ...words.slice(1), '--plan');
  assert.is(readFileSync(state(), 'utf8'), before, 'a plan changes nothing that is remembered');
  book.pings();

  const ops = join(book.folder, 'ops.yml');
  const text = readFileSync(ops, 'utf8');
  writeFileSync(ops, text.replace('here: local', "here: { ssh: 'nobody@127.0.0.1:1' }"));
  for (const once of [1, 2]) {
    const silent = await book.must(7, 'backups', 'watch');
    assert.match(silent.stdout, 'here does not answer');
    // what was told before stands on that host, so it is told again
    assert.is(book.told().length, 1, String(once));
  }
  assert.equal(book.pings(), ['/fail?a=1', '/fail?a=1']);
});
test.run();
