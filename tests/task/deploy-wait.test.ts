// Several deploys at the same time: one target takes one, different environments do not wait for each other.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook, type Book } from '../support/book/book.ts';

let book: Book;
test.before(async () => {
  book = await makeBook();
});
test.after(() => book.clean());

test('--wait waits for its turn, says for whom, and then deploys', async () => {
  const { sha, open } = book.gated('first');
  const first = book.start('deploy', ['--sha', sha]);
  await first.says('… Migrate the database');
  const second = book.start('deploy', ['--sha', book.good2, '--wait', '40s']);
  await second.says('waiting for the lock: by=');
  open();
  const ends = await Promise.all([first.ended, second.ended]);
  assert.equal(
    ends.map(({ code }) => code),
    [0, 0],
    ends.map(({ stderr }) => stderr).join('\n'),
  );
  assert.is(await book.serves(), book.good2);
  assert.match(book.log().at(-1) ?? '', `was=${sha}`);
});

test('a wait that is too short is exit 5', async () => {
  const { sha, open } = book.gated('long');
  const first = book.start('deploy', ['--sha', sha]);
  await first.says('… Migrate the database');
  const second = await book.run('restart', ['--wait', '1s']);
  assert.is(second.code, 5);
  assert.match(second.stderr, 'at the step “Migrate the database”');
  open();
  assert.is((await first.ended).code, 0);
});

test('another environment of the same app goes live meanwhile', async () => {
  const { sha, open } = book.gated('slow');
  const staging = book.start('deploy', ['--sha', sha]);
  await staging.says('… Migrate the database');
  const production = await book.run('deploy', ['--env', 'production', '--sha', book.good1]);
  assert.is(production.code, 0, production.stderr);
  assert.is(staging.end.code, null);
  assert.is(await book.serves('production'), book.good1);
  open();
  assert.is((await staging.ended).code, 0);
  assert.is(await book.serves(), sha);
});
test.run();
