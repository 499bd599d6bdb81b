// Drills that look further than the backup: the files that the database names, and the app started from what was restored.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { processesIn, until, type End } from '../support/book/book.ts';

let book: BackedUp;
let plain: string;
test.before(async () => {
  book = await makeBackedUpBook();
  const ops = join(book.folder, 'ops.yml');
  // a release that sees the uploads by a link, as many do
  plain = readFileSync(ops, 'utf8').replace('shared: [node_modules]', 'shared: [node_modules, uploads, plain]');
  writeFileSync(ops, plain);
  mkdirSync(join(book.place().root, 'shared/plain'));
  const { code, stderr } = await book.run('deploy', ['--sha', book.good2]);
  assert.is(code, 0, stderr);
});
test.after(() => book.clean());

const configure = (more: string) =>
  writeFileSync(
    join(book.folder, 'ops.yml'),
    plain.replace('backup: { stores: [disk],', start => `${start} ${more},`),
  );
const starting = (start: string, seconds = 20) =>
  configure(
    `drill: { start: ${JSON.stringify(start)}, env: { PORT: '{port}', DATABASE_FILE: '{database}', UPLOADS: '{files}/shared/uploads', ODD: "it's {port}&$(id)" }, ready: /readyz, seconds: ${seconds}, shared: [node_modules] }`,
  );
const checksOf = ({ stdout }: End): Map<string, string> =>
  new Map(JSON.parse(stdout).verdict.checks.map((one: { name: string; found: string }) => [one.name, one.found]));
const scratch = () => join(book.place().root, 'releases/.keeper/backup');

test('files that the database names are looked for, and each that is missing is named', async () => {
  configure(`references: "SELECT 'shared/uploads/' || file FROM images; "`);
  const odd = 'it\'s "odd"\n$(id)';
  writeFileSync(join(book.uploads, odd), 'odd');
  const row = (text: string | null) => (text === null ? '(NULL)' : `('${text.replaceAll("'", "''")}')`);
  const insert = (...files: (string | null)[]) => book.sql(`INSERT INTO images VALUES ${files.map(row).join()}`);
  book.sql('CREATE TABLE images (file)');
  insert('page', 'a b/„cover“.txt', 'link', null, odd, './page', '/page');
  await book.backUp();
  const good = await book.run('drill', ['--json']);
  assert.is(good.code, 0, good.stderr);
  assert.is(checksOf(good).get('files that the database names'), '6, all there');
  assert.is(checksOf(good).get('the app'), 'was not started');

  insert(
    '',
    '..',
    '../book.db',
    'a b',
    'half.tmp',
    'gone\n"x"',
    ...Array.from({ length: 19 }, (_, index) => `z${index}`),
  );
  await book.backUp();
  const bad = await book.run('drill');
  assert.is(bad.code, 7, bad.stderr);
  assert.match(bad.stderr, 'files that the database names: 25 of 31 are missing');
  for (const name of [
    '"shared/uploads/../book.db"',
    '"shared/uploads/gone\\n\\"x\\""',
    '"shared/uploads/half.tmp"',
    'and 5 more',
  ])
    assert.ok(bad.stderr.includes(name), `${name}\n${bad.stderr}`);
  assert.match(readFileSync(join(book.place().root, 'releases/drills.log'), 'utf8').trimEnd().split('\n').at(-1) ?? '', 'verdict=bad'); // prettier-ignore
  book.sql('DELETE FROM images WHERE file NOT IN (SELECT file FROM images LIMIT 7) OR file IS NULL');
});

test('a question that does not work, or writes, makes no good verdict and changes nothing', async () => {
  await book.backUp();
  for (const [query, says] of [
    ['SELECT file FROM nowhere', 'no such table: nowhere'],
    ['SELECT file, 1 FROM images', 'has 2 values for 1 columns'],
    ['DELETE FROM images', 'syntax error'],
    ["SELECT 'x'); DROP TABLE images; SELECT (1", 'the query failed'],
  ] as const) {
    configure(`references: ${JSON.stringify(query)}`);
    const { code, stderr } = await book.run('drill');
    assert.is(code, 7, `${query}\n${stderr}`);
    assert.match(stderr, says);
  }
});

test('the app starts from what was restored, sees none of the real data, and is ended', async () => {
  const seen = join(book.folder, 'seen');
  starting(
    `{ env; pwd; cat uploads/page; } >'${seen}'; ls plain 2>&1; echo spoilt >uploads/page; exec node server.mjs`,
  );
  writeFileSync(join(book.place().root, 'shared/plain/secret'), 'real');
  const drill = await book.run('drill', ['--json']);
  assert.is(drill.code, 0, drill.stderr);
  assert.match(checksOf(drill).get('the app starts from it') ?? '', /^\/readyz answered after \d+\.\d\d s$/);
  const told = readFileSync(seen, 'utf8');
  const variable = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(told)?.[1] ?? '';
  assert.match(variable('DATABASE_FILE'), /releases\/\.keeper\/backup\/scratch\.\w+\/database\.sqlite$/);
  assert.match(variable('PORT'), /^\d{5}$/);
  assert.is(variable('ODD'), `it's ${variable('PORT')}&$(id)`);
  assert.not.match(told, book.place().database);
  assert.not.match(told, 'USER=ana');
  assert.match(told, /scratch\.\w+\/app\n/);
  assert.match(told, /a page$/);
  assert.is(readFileSync(join(book.uploads, 'page'), 'utf8'), 'a page');
  assert.equal(processesIn(scratch()), []);
  assert.is(await book.serves(), book.good2);
  assert.match(
    (await book.run('drill', ['--here'])).stdout,
    /the app +was not started: its releases are on the server/,
  );
});

test('an app that ends, or never answers, makes a bad verdict with its last words, and nothing of it stays', async () => {
  for (const [start, seconds, says] of [
    ['echo warming up; echo no such index >&2; exit 3', 5, 'it exited by itself: no such index'],
    [
      'echo still reading; trap "" TERM; while :; do sleep 777; done',
      1,
      '/readyz did not answer for 1 s: still reading',
    ],
    ['exec node -e \'require("http").createServer((_, r) => { r.statusCode = 503; r.end() }).listen(process.env.PORT)\'', 2, '/readyz answered 503 for 2 s: it printed nothing'], // prettier-ignore
  ] as const) {
    starting(start, seconds);
    const { code, stderr } = await book.run('drill');
    assert.is(code, 7, stderr);
    assert.ok(stderr.includes(says), `${says}\n${stderr}`);
    assert.equal(processesIn(scratch()), []);
    assert.equal(
      readdirSync(scratch()).filter(name => name.startsWith('scratch.')),
      [],
    );
  }
});

test('when the drill is killed, the app ends too', async () => {
  const begun = join(book.folder, 'begun');
  starting(`touch '${begun}'; trap '' TERM; while :; do sleep 1; done`, 60);
  const drill = book.start('drill');
  await until('the app runs', () => existsSync(begun));
  drill.child.kill('SIGKILL');
  await drill.ended;
  await until(
    'it has ended, with its folder',
    () => processesIn(scratch()).length === 0 && !readdirSync(scratch()).some(name => name.startsWith('scratch.')),
    () => readdirSync(scratch()).join(),
  );
});
test.run();
