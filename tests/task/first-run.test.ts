// The first run of a Writebook, as a whole program: one account whoever asks how often, and nobody else's taken for one's own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWritebook } from '../support/writebook/writebook.ts';

const book = await makeWritebook();
test.after(() => book.clean());

const password = 'a "pass" #{phrase} \\ `id`';
const file = join(book.folder, 'password');
writeFileSync(file, `${password}\n`, { mode: 0o600 });
const asked = (...words: string[]) => book.json('first-run', ['--password-file', file, ...words]);
const ada = ['--name', 'Ada <b>', '--email', 'ada@books.test'];
const users = () => book.rows('SELECT name, email_address, role FROM users');
const count = (table: string) => book.rows(`SELECT count(*) AS n FROM ${table}`)[0]?.['n'];

test('names, addresses and passwords that nobody could use are refused before anything happens', async () => {
  const wrong = async (words: string[], says: string) => {
    const { code, stderr } = await asked(...words);
    assert.is(code, 2, stderr);
    assert.match(stderr, says);
  };
  await wrong(['--name', 'Ada'], '--email is missing');
  await wrong(['--name', ' ', '--email', 'a@b'], 'a name has to be one line');
  await wrong(['--name', 'Ada', '--email', 'ada'], '"ada" is not an e-mail address');
  const long = join(book.folder, 'long');
  for (const [text, says] of [
    ['short', 'shorter than 8'],
    ['ä'.repeat(37), 'has 74 bytes'],
  ] as const) {
    writeFileSync(long, text);
    const { code, stderr } = await book.run('first-run', ['--password-file', long, ...ada]);
    assert.is(code, 2, stderr);
    assert.match(stderr, says);
  }
  const { code, stderr } = await book.run('first-run', ada);
  assert.is(code, 3, stderr);
  assert.match(stderr, 'WRITEBOOK_PASSWORD is not set');
});

test('the plan says what would be made, and makes nothing', async () => {
  const { code, json } = await asked(...ada, '--plan');
  assert.is(code, 0);
  assert.is(json['due'], true);
  assert.equal(users(), []);
});

test('of several at once, one makes the account; all of them are right', async () => {
  const ends = await Promise.all([1, 2, 3].map(() => asked(...ada)));
  assert.ok(
    ends.every(({ code, stderr }) => code === 0 || (code === 1 && stderr.includes('in use by somebody else'))),
    JSON.stringify(ends),
  );
  assert.is(ends.filter(({ json }) => json['made'] === true).length, 1);
  assert.equal(users(), [{ name: 'Ada <b>', email_address: 'ada@books.test', role: 1 }]);
  assert.equal([count('accounts'), count('books')], [1, 1]);
  assert.is(
    book.ruby(`puts User.first.authenticate(File.read(${JSON.stringify(file)}).chomp) ? "\\nin" : "\\nout"`).trim(),
    'in',
  );
});

test('again: nothing is changed, and the person is told so', async () => {
  const { code, stdout } = await book.run('first-run', ['--password-file', file, ...ada]);
  assert.is(code, 0);
  assert.is(stdout.trim(), 'writebook staging has its administrator ada@books.test already');
  const { json } = await asked(...ada, '--plan');
  assert.is(json['due'], false);
});

test('an account of somebody else is no success', async () => {
  const other = await asked('--name', 'Eve', '--email', 'eve@books.test');
  assert.is(other.code, 1);
  assert.match(other.stderr, 'was set up already, and not by eve@books.test');
  assert.match(other.stderr, 'administrators: ada@books.test');
  writeFileSync(file, 'another password');
  const changed = await asked(...ada);
  assert.is(changed.code, 1);
  assert.match(changed.stderr, 'has an administrator ada@books.test, with another password');
  assert.is(count('users'), 1);
});

test.run();
