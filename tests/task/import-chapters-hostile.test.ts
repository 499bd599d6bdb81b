// Titles and texts that mean harm, through an import into Rails: they arrive as they stand, and nothing of them runs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostile, seeded } from '../support/faults/hostile.ts';
import { makeWritebook } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());
book.ruby('User.create!(name: "Ana", email_address: "ana@books.test", role: :administrator)');

const canary = join(book.folder, 'PWNED');
const random = seeded(16);
const ruby = [
  '#{File.write("PWNED", "")}',
  '`touch PWNED`',
  '%x(touch PWNED)',
  '<%= exit %>',
  '__END__\n',
  '\n=begin\n',
  "'; exit; '",
];
const chapters = Array.from({ length: 60 }, (_, at) => {
  const piece = ruby[at % ruby.length] ?? '';
  const title = `${at} ${piece}${hostile(random, canary)}`;
  // no links, whose destinations are another matter, and no blank line first, which belongs to the front matter
  const body = `t${hostile(random, canary)}\n${piece}\n${hostile(random, canary)}\n`.replaceAll(/[[\]<]/g, '(');
  return { path: `${at + 10}-chapter.md`, title, body };
});
book.write(
  Object.fromEntries(
    chapters.map(({ path, title, body }) => [path, `---\ntitle: ${JSON.stringify(title)}\n---\n\n${body}`]),
  ),
);

test('hostile titles and texts arrive byte for byte, and a second run writes nothing', async () => {
  const { code, json, stderr } = await book.json('import-chapters', ['content', '--book', 'Harm', '--create']);
  assert.is(code, 0, stderr);
  assert.is(json.written, chapters.length);
  const found = book.pages();
  assert.equal(
    found.map(({ title, text }) => [title, text]),
    chapters.map(({ title, body }) => [title, body]),
  );
  const again = await book.json('import-chapters', ['content', '--book', 'Harm']);
  assert.equal([again.code, again.json.written], [0, 0], again.stderr);
  assert.not(existsSync(canary), 'a text was run');
  assert.not(existsSync(join(book.folder, 'staging/current/PWNED')), 'a text was run');
  assert.not(existsSync(join(book.folder, 'PWNED')), 'a text was run');
});

test.run();
