// Twenty people deploy at once. In a file of its own, because twenty programs take long to start on a small machine.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook, until, type Book } from '../support/book/book.ts';

let book: Book;
test.before(async () => {
  book = await makeBook();
});
test.after(() => book.clean());

test('of twenty deploys at once exactly one runs; the others say who holds the lock, since when, at which step', async () => {
  const { sha, open } = book.gated('crowd');
  const all = Array.from({ length: 20 }, () => book.start('deploy', ['--sha', sha]));
  const refused = () => all.filter(one => one.end.code === 5).length;
  await until(
    'nineteen are refused',
    () => refused() === 19,
    () => all.map(one => one.end.stderr).join('\n---\n'),
    100,
  );
  open();
  const ends = await Promise.all(all.map(one => one.ended));
  assert.equal(
    ends.map(({ code }) => code).filter(code => code !== 5),
    [0],
  );
  for (const { code, stderr } of ends)
    if (code === 5)
      assert.match(
        stderr,
        new RegExp(`\\S+@\\S+ holds the lock of .* \\(deploy of ${sha.slice(0, 7)}\\) since 20\\S+Z, at the step “.+”`),
      );
  assert.is(await book.serves(), sha);
  assert.is(book.log().length, 1);
});
test.run();
