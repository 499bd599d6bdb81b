// A deploy whose program is killed or interrupted in the middle: the host ends it by itself, and says so.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fingerprint, makeBook, until, type Book } from '../support/book/book.ts';

let book: Book;
test.before(async () => {
  book = await makeBook();
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 0, stderr);
});
test.after(() => book.clean());

const releases = () => readdirSync(join(book.place().root, 'releases')).filter(name => /^\d{8}_/.test(name));

async function inTheMigration(name: string) {
  const { sha } = book.gated(name);
  const before = { database: fingerprint(book.place().database), releases: releases(), attempts: book.log().length };
  const running = book.start('deploy', ['--sha', sha]);
  await running.says('… Migrate the database');
  return { sha, before, running };
}

async function isAsBefore({ sha, before }: Awaited<ReturnType<typeof inTheMigration>>, outcome: string) {
  assert.ok(book.isFree());
  assert.is(await book.serves(), book.good1);
  assert.is(book.current(), book.good1);
  assert.is(fingerprint(book.place().database), before.database);
  assert.equal(releases(), before.releases);
  assert.not.ok(existsSync(join(book.place().root, 'maintenance/MAINTENANCE_ON')));
  assert.is(book.log().length, before.attempts + 1);
  assert.match(book.log().at(-1) ?? '', new RegExp(`sha=${sha} .*outcome=${outcome} reason=".*Migrate the database`));
}

test('when the program is killed, the host goes back by itself within 15 s and writes down that it was lost', async () => {
  const attempt = await inTheMigration('killed');
  attempt.running.child.kill('SIGKILL');
  const died = Date.now();
  await until('the log says lost', () => book.log().length > attempt.before.attempts, undefined, 15);
  await until('the lock is free', () => book.isFree(), undefined, 15 - (Date.now() - died) / 1000);
  await isAsBefore(attempt, 'lost');
});

for (const [signal, exit] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`${signal} undoes what was done, shows it, and exits ${exit}`, async () => {
    const attempt = await inTheMigration(signal.toLowerCase());
    attempt.running.child.kill(signal);
    const { code, stderr } = await attempt.running.ended;
    assert.is(code, exit, stderr);
    assert.match(stderr, 'interrupted: undoing');
    assert.match(stderr, '✔ Undo: Maintenance on');
    await isAsBefore(attempt, 'aborted');
  });

test('the next deploy needs no repair', async () => {
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
  assert.not.match(stderr, 'settling');
  assert.is(await book.serves(), book.good2);
});
test.run();
