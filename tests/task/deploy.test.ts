// Deploys of the sample book on this machine, as whole programs: what goes live, what goes back, what is refused.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { casesIn, everyCase } from '../support/env/cases.ts';
import { fingerprint, listing, makeBook, type Book } from '../support/book/book.ts';

const canary = 'canary-5f1e-do-not-print';
let book: Book;
test.before(async () => {
  book = await makeBook({ rules: 'PORT: required\n          SECRET: { required: false, min_length: 32 }' });
});
test.after(() => book.clean());

test('the first deploy puts the commit live, with its database, and writes it down', async () => {
  const { code, stdout, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 0, stderr);
  assert.match(stdout, `book staging serves ${book.good1.slice(0, 7)}`);
  assert.is(await book.serves(), book.good1);
  assert.is(book.current(), book.good1);
  assert.is(book.log().length, 1);
  assert.match(book.log()[0] ?? '', new RegExp(`sha=${book.good1} .*action=deploy .*by=\\S+ outcome=live`));
});

test('the same commit again is nothing to do, and no attempt', async () => {
  const { code, stdout } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 0);
  assert.match(stdout, `serves ${book.good1.slice(0, 7)} already`);
  assert.is(book.log().length, 1);
});

test('a commit that is live by the record only is no success', async () => {
  const [supervisor] = readFileSync(join(book.place().root, 'run/book.pid'), 'utf8').split(' ');
  process.kill(Number(supervisor), 'SIGTERM');
  while (await book.serves()) await new Promise(next => setTimeout(next, 50));
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 1);
  assert.match(stderr, `${book.good1.slice(0, 7)} is live on book staging by its record, and is not ready: `);
  assert.match(stderr, 'npx tsx tasks/restart.ts --env staging --app book restarts it');
  assert.is((await book.run('restart')).code, 0);
  assert.is(await book.serves(), book.good1);
});

test('a plan writes nothing, and its list is what then runs', async () => {
  const { root } = book.place();
  const before = listing(root);
  const plan = await book.run('deploy', ['--plan', '--json']);
  assert.is(plan.code, 0, plan.stderr);
  assert.equal(listing(root), before);

  const done = await book.run('deploy', ['--json']);
  assert.is(done.code, 0, done.stderr);
  const titles = (text: string): string[] =>
    JSON.parse(text)
      .steps.filter((step: { skip?: string }) => step.skip === undefined)
      .map(({ title }: { title: string }) => title.replace(/^Record .*/, 'Record').replaceAll(/\d{8}_\d{6}/g, 'time'));
  assert.equal(titles(done.stdout), titles(plan.stdout));
  assert.is(await book.serves(), book.good2);
});

for (const [what, sha, why] of [
  ['that is never ready', () => book.broken, 'search.idx is missing'],
  ['whose migration fails half way', () => book.badMigration, 'migration failed'],
] as const)
  test(`a release ${what} gives way to the one before it, with the database as it was to the byte`, async () => {
    const { root, database } = book.place();
    const before = { database: fingerprint(database), folders: existsSync(join(root, 'current')) };
    const attempts = book.log().length;
    const { code, stdout, stderr } = await book.run('deploy', ['--sha', sha(), '--unpushed']);
    assert.is(code, 1);
    assert.is(stdout, '');
    assert.match(stderr, why);
    assert.match(stderr, `${book.good2.slice(0, 7)} is still live`);
    assert.is(await book.serves(), book.good2);
    assert.is(book.current(), book.good2);
    assert.is(fingerprint(database), before.database);
    assert.not.ok(existsSync(join(root, 'maintenance/MAINTENANCE_ON')));
    assert.is(book.log().length, attempts + 1);
    assert.match(book.log().at(-1) ?? '', new RegExp(`sha=${sha()} .*outcome=reverted reason="`));
    assert.ok(stderr.slice(stderr.indexOf('✖')).split('\n').length < 60);
  });

test('an environment file that is not safe is refused before anything is changed, and no value is shown', async () => {
  const { envFile, root } = book.place();
  const text = readFileSync(envFile, 'utf8');
  writeFileSync(envFile, `${text}SECRET=${canary}\n`);
  const before = listing(root);
  const { code, stdout, stderr } = await book.run('deploy', ['--sha', book.good1, '--json']);
  assert.is(code, 3);
  assert.match(stderr, 'SECRET');
  assert.not.match(stdout + stderr, canary);
  assert.is(JSON.parse(stdout).error.exit, 3);
  assert.equal(listing(root), before);
  writeFileSync(envFile, text);
});

test('what no two readers take alike is refused with its line and the form, and what is judged is what app, migration and exec get', async () => {
  const { envFile, root } = book.place();
  const text = readFileSync(envFile, 'utf8');
  const secret = `${canary}$x-and-more-of-it`;
  writeFileSync(envFile, `${text}SECRET=${secret}\n`);
  const refused = await book.run('deploy', ['--sha', book.good1]);
  assert.is(refused.code, 3);
  assert.match(refused.stderr, `${envFile}:3: SECRET: Compose and a shell read a $ as a variable`);
  assert.match(refused.stderr, "write SECRET='…'");
  assert.not.match(refused.stdout + refused.stderr, canary);

  writeFileSync(envFile, `${text}SECRET='${secret}'\nchild=mine\ncode=7\n${everyCase.text}`);
  const dump = join(book.folder, 'migration.environ');
  const dumping = `import { readFileSync as read, writeFileSync } from 'node:fs';\nwriteFileSync(${JSON.stringify(dump)}, read('/proc/self/environ'));\n`;
  const own = book.commit('environ', {
    'migrate.mjs': dumping + readFileSync(join(book.repo, 'migrate.mjs'), 'utf8'),
  });
  const done = await book.run('deploy', ['--sha', own, '--unpushed']);
  assert.is(done.code, 0, done.stderr);
  const [supervisor] = readFileSync(join(root, 'run/book.pid'), 'utf8').split(' ');
  const app = execFileSync('pgrep', ['-P', supervisor ?? ''], { encoding: 'utf8' }).trim();
  const ran = await book.run('exec', ['--', 'env', '-0']);
  for (const environ of [readFileSync(`/proc/${app}/environ`, 'utf8'), readFileSync(dump, 'utf8'), ran.stdout]) {
    assert.equal(casesIn(environ), everyCase.values);
    for (const one of [`SECRET=${secret}`, 'child=mine', 'code=7']) assert.ok(environ.split('\0').includes(one), one);
  }
  const back = await book.run('rollback');
  assert.is(back.code, 0, back.stderr);
  writeFileSync(envFile, text);
});

test('changes that are in no commit, and commits that nobody else has, are refused unless said so', async () => {
  const git = (...words: string[]) => execFileSync('git', ['-C', book.repo, ...words], { stdio: 'ignore' });
  const remote = join(book.folder, 'remote.git');
  execFileSync('git', ['clone', '--quiet', '--bare', book.repo, remote], { stdio: 'ignore' });
  git('remote', 'add', 'origin', remote);
  git('fetch', '--quiet', 'origin');
  const own = book.commit('own', { 'README.md': 'mine' });
  const [unpushed, said] = await Promise.all([
    book.run('deploy', ['--sha', own]),
    book.run('deploy', ['--sha', own, '--unpushed', '--plan']),
  ]);
  assert.is(unpushed.code, 1);
  assert.match(unpushed.stderr, 'is on no branch of the remote');
  assert.is(said.code, 0, said.stderr);

  appendFileSync(join(book.repo, 'README.md'), 'not committed\n');
  const [dirty, still] = await Promise.all([
    book.run('deploy', ['--ref', 'main']),
    book.run('deploy', ['--ref', 'main', '--dirty', '--plan']),
  ]);
  assert.is(dirty.code, 1);
  assert.match(dirty.stderr, 'README.md');
  assert.is(still.code, 0, still.stderr);
  git('checkout', '--quiet', '.');
});

test('a commit that git does not know is refused, with the nearest name', async () => {
  const { code, stderr } = await book.run('deploy', ['--ref', 'mian']);
  assert.is(code, 2);
  assert.match(stderr, 'did you mean main?');
});
test.run();
