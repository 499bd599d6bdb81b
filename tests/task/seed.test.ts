// Seeding and throw-away copies as whole programs on this machine: what is refused before anything happens, and a seed with its way back.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook } from '../support/book/book.ts';

const book = await makeBook({ rules: 'PORT: required\n          APP_ENV: optional' });
test.after(() => book.clean());
const { database, envFile, root } = book.place();
const users = join(book.folder, 'users.json');
const seen = join(root, 'seen.json');
const ops = join(book.folder, 'ops.yml');
const command = `cat >${seen}; sqlite3 ${database} "CREATE TABLE users (id)"; ! grep -q stumble ${seen}`;
writeFileSync(
  ops,
  readFileSync(ops, 'utf8').replace(
    /^( +)root: .*\/staging$/m,
    (line, indent: string) =>
      `${line}\n${indent}seed: { command: '${command}', reset: 'sqlite3 ${database} "DROP TABLE IF EXISTS users"', guards: { APP_ENV: staging } }`,
  ),
);
const list = JSON.stringify([{ discordUserId: '17', label: "it's <Ana>" }]);
writeFileSync(users, list);
const hash = () => createHash('sha256').update(readFileSync(database)).digest('hex');
const seed = (...words: string[]) => book.run('seed', ['--users', users, ...words]);

test('nothing is seeded whose environment does not say that it may be', async () => {
  const deployed = await book.run('deploy', ['--sha', book.good2]);
  assert.is(deployed.code, 0, deployed.stderr);
  const before = hash();
  const { code, stderr } = await seed();
  assert.is(code, 3);
  assert.match(stderr, `${envFile}: APP_ENV must be staging`);
  writeFileSync(envFile, `${readFileSync(envFile, 'utf8')}APP_ENV=production\n`);
  const guarded = await seed();
  assert.is(guarded.code, 3);
  assert.not.match(guarded.stderr, 'production');
  const production = await seed('--env', 'production');
  assert.equal([production.code, hash(), existsSync(seen)], [3, before, false]);
  assert.match(production.stderr, 'book production has no seed in ops.yml');
  writeFileSync(envFile, readFileSync(envFile, 'utf8').replace('APP_ENV=production', 'APP_ENV=staging'));
});

test('a seed gets the list on its standard input, and a snapshot of what was there stays', async () => {
  const plan = await seed('--plan');
  assert.match(plan.stdout, /Stop [^]*Snapshot the database[^]*Empty the data[^]*Seed 1 users[^]*Start /);
  assert.is(existsSync(seen), false);
  const said = await seed('--json', '--verbose');
  assert.is(said.code, 0, said.stderr);
  assert.is(readFileSync(seen, 'utf8'), list);
  assert.not.match(said.stdout + said.stderr, 'Ana');
  const line = book.log().at(-1) ?? '';
  assert.match(line, / action=seed .*outcome=live .*snapshot=/);
  assert.is(await book.serves(), book.good2);
  const back = await book.run('releases', []);
  assert.is(back.code, 0, back.stderr);
});

test('a seed that fails puts the data back to the byte, and the app serves', async () => {
  const before = hash();
  writeFileSync(users, JSON.stringify([{ discordUserId: '17', label: 'stumble' }]));
  const { code, stderr } = await seed();
  assert.is(code, 1, stderr);
  assert.equal([hash(), await book.serves()], [before, book.good2]);
  writeFileSync(users, '[{ "discordUserId": 17 }');
  const wrong = await seed();
  assert.is(wrong.code, 3);
  assert.match(wrong.stderr, 'users.json:1:25 is not JSON');
  assert.equal([hash(), await book.serves()], [before, book.good2]);
});

test('what cannot be an instance is refused before the server is asked', async () => {
  const cases: [string[], number, string][] = [
    [['up', '--name', '../x'], 2, 'cannot be the name of an instance'],
    [['up', '--name', 'a;reboot'], 2, 'cannot be the name of an instance'],
    [['up'], 2, '--name is missing'],
    [['up', '--name', 'a', '--ttl', '9999h'], 2, 'is not a duration of at most a week'],
    [['extend', '--name', 'a', '--ttl', '48'], 2, 'is not a duration from 1m to 168h'],
    [['down', '--name', 'a', '--sha', 'b'], 2, '--sha does not go with down'],
    [['up', '--name', 'a', '--data', 'live'], 2, 'it is one of: empty, seed, snapshot'],
    [['list'], 3, 'book staging has no instances'],
  ];
  const ends = await Promise.all(cases.map(([words]) => book.run('instance', words)));
  for (const [index, [words, code, says]] of cases.entries()) {
    assert.is(ends[index]?.code, code, words.join(' '));
    assert.match(ends[index]?.stderr ?? '', says);
  }
});
test.run();
