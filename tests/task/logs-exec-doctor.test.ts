// Looking without changing: logs, exec, doctor, as whole programs on this machine.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { listing, makeBook, processesIn, until, type Book } from '../support/book/book.ts';

let book: Book;
test.before(async () => {
  book = await makeBook();
  chmodSync(book.place().envFile, 0o600);
  for (const sha of [book.good1, book.good2]) {
    const { code, stderr } = await book.run('deploy', ['--sha', sha]);
    assert.is(code, 0, stderr);
  }
});
test.after(() => book.clean());

const lines = (text: string) => text.split('\n').filter(Boolean);
const processesWith = (word: string) =>
  processesIn(book.folder).filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word);
    } catch {
      return false;
    }
  });

test('logs shows the last lines, those with a text, and those of one release', async () => {
  const [all, last, grep, one] = await Promise.all([
    book.run('logs'),
    book.run('logs', ['--lines', '1']),
    book.run('logs', ['--grep', 'reads on', '--json']),
    book.run('logs', ['--release', book.good1.slice(0, 7)]),
  ]);
  assert.is(all.code, 0, all.stderr);
  assert.is(lines(all.stdout).length, 4);
  assert.equal(lines(last.stdout), lines(all.stdout).slice(-1));
  assert.is(JSON.parse(grep.stdout).lines.length, 2);
  assert.match(one.stdout, book.good1);
  assert.not.match(one.stdout, book.good2);
});

test('a text that no line contains is no failure, whatever the text is', async () => {
  const [none, hostile] = await Promise.all([
    book.run('logs', ['--grep', 'nosuch']),
    book.run('logs', ['--json', "--grep=-e $(touch canary) ' ; *"]),
  ]);
  assert.equal([none.code, none.stdout], [0, '']);
  assert.equal([hostile.code, JSON.parse(hostile.stdout).lines], [0, []]);
});

test('lines of a log cannot play with the terminal', async () => {
  const log = join(book.place().root, 'log/book.log');
  const before = readFileSync(log);
  writeFileSync(log, '\x1b[2J\x1b]0;title\x07red\u202e\r\n', { flag: 'a' });
  const { stdout } = await book.run('logs', ['--lines', '1']);
  assert.is(stdout, 'red\\u202e\n');
  writeFileSync(log, before);
});

test('a --since that is no time, and one where lines have no times, are refused', async () => {
  const [wrong, never, process] = await Promise.all([
    book.run('logs', ['--since', 'yesterday']),
    book.run('logs', ['--since', '2026-13-45']),
    book.run('logs', ['--since', '10m']),
  ]);
  assert.equal([wrong.code, never.code, process.code], [2, 2, 2]);
  assert.match(wrong.stderr, 'write it as 10m');
  assert.match(process.stderr, '--since needs times');
});

test('a log that cannot be read is a failure that says why', async () => {
  const log = join(book.place().root, 'log/book.log');
  renameSync(log, `${log}.away`);
  const { code, stderr } = await book.run('logs');
  renameSync(`${log}.away`, log);
  assert.is(code, 1);
  assert.match(stderr, 'No such file');
});

test('--follow goes on with what comes until Ctrl-C, and leaves nothing running on the host', async () => {
  const log = join(book.place().root, 'log/book.log');
  const following = book.start('logs', ['--follow', '--lines', '1', '--grep', 'e']);
  await following.says('reads on');
  writeFileSync(log, 'one more line\n', { flag: 'a' });
  await following.says('one more line');
  assert.ok(processesWith('tail').length > 0);
  following.child.kill('SIGINT');
  assert.is((await following.ended).code, 130);
  await until('nothing is left', () => processesWith('tail').length === 0, undefined, 5);

  const killed = book.start('logs', ['--follow']);
  await killed.says('one more line');
  killed.child.kill('SIGKILL');
  await until('nothing is left', () => processesWith('tail').length === 0, undefined, 5);
});

test('exec runs in the release with its environment, and every word arrives as it is', async () => {
  const words = [
    'two words',
    "it's",
    '',
    '$(touch canary)',
    '`id`',
    'a;b',
    '*',
    '-n',
    '--',
    'line\nbreak',
    '“ü”',
    '\\',
    'X=1',
    '~',
    '#',
  ];
  const script = 'console.log(JSON.stringify([process.cwd(), process.env.PORT, process.argv.slice(1)]))';
  const { code, stdout, stderr } = await book.run('exec', ['--', 'node', '-e', script, '--', ...words]);
  assert.is(code, 0, stderr);
  const [folder, port, arrived] = JSON.parse(stdout);
  assert.match(folder, /\/staging\/releases\/\d{8}_\d{6}_[0-9a-f]{7}$/);
  assert.is(port, String(book.place().port));
  assert.equal(arrived, words);
});

test('the exit code is the program’s, and its two outputs stay apart', async () => {
  const [code, json, unknown, none] = await Promise.all([
    book.run('exec', ['--', 'sh', '-c', 'echo out; echo err >&2; exit 77']),
    book.run('exec', ['--json', '--', 'sh', '-c', 'echo out; echo err >&2; exit 77']),
    book.run('exec', ['--', 'no-such-program']),
    book.run('exec'),
  ]);
  assert.equal([code.code, code.stdout, code.stderr], [77, 'out\n', 'err\n']);
  assert.equal([json.code, JSON.parse(json.stdout)], [77, { exit: 77, stdout: 'out\n', stderr: 'err\n' }]);
  assert.is(unknown.code, 127);
  assert.is(none.code, 2);
});

test('standard input reaches the program whole, and one that does not read it does not hang', async () => {
  const bytes = 'ü0\n'.repeat(1_000_000);
  const [query, count, deaf, open] = await Promise.all([
    book.run('exec', ['--', 'sqlite3', book.place().database], { stdin: 'select count(*) from chapters;' }),
    book.run('exec', ['--', 'wc', '-c'], { stdin: bytes }),
    book.run('exec', ['--', 'true'], { stdin: bytes }),
    book.run('exec', ['--', 'echo', 'done'], { stdin: false }),
  ]);
  assert.equal([query.code, query.stdout], [0, '4\n'], query.stderr);
  assert.is(count.stdout.trim(), String(Buffer.byteLength(bytes)));
  assert.is(deaf.code, 0, deaf.stderr);
  assert.equal([open.code, open.stdout], [0, 'done\n']);
});

test('an interrupted exec ends its program on the host too', async () => {
  const running = book.start('exec', ['--', 'sh', '-c', 'echo begun; exec sleep 98765'], { stdin: false });
  await running.says('begun');
  assert.ok(processesWith('98765').length > 0);
  running.child.kill('SIGTERM');
  assert.is((await running.ended).code, 143);
  await until('nothing is left', () => processesWith('98765').length === 0, undefined, 5);
});

test('-i lends the terminal, and is refused where there is none', async () => {
  const home = join(import.meta.dirname, '../..');
  const task = `node --import ${import.meta.resolve('tsx')} ${home}/tasks/exec.ts --env staging -i -- sh -c 'test -t 0 && test -t 1 && echo a terminal; exit 9'`;
  const { status, stdout } = spawnSync('script', ['-qec', task, '/dev/null'], { cwd: book.folder, encoding: 'utf8' });
  assert.equal([status, stdout.trim()], [9, 'a terminal']);
  const none = await book.run('exec', ['-i', '--', 'sh']);
  assert.is(none.code, 2);
  assert.match(none.stderr, 'this needs a terminal');
});

test('nothing is deployed: logs and exec say so', async () => {
  const [logs, exec] = await Promise.all([
    book.run('logs', ['--env', 'production']),
    book.run('exec', ['--env', 'production', '--', 'true']),
  ]);
  assert.equal([logs.code, exec.code], [1, 1]);
  assert.match(logs.stderr, 'nothing is deployed to book production yet');
});

test('the doctor finds a well target well, and changes nothing', async () => {
  const before = listing(book.place().root);
  const [people, programs] = await Promise.all([book.run('doctor'), book.run('doctor', ['--json'])]);
  assert.is(people.code, 0, people.stdout);
  assert.match(people.stdout, /✔ {2}connection {2,}\S+ on this machine; a round trip takes \d+ ms/);
  const { findings, failures } = JSON.parse(programs.stdout);
  assert.is(failures, 0);
  for (const check of [
    'config',
    'repo',
    'connection',
    'bash',
    'tools',
    'clock',
    'root',
    'releases',
    'sqlite3',
    'env',
    'lock',
  ])
    assert.is(findings.find((one: { check: string }) => one.check === check)?.state, 'good', check);
  assert.equal(listing(book.place().root), before);
});

test('the doctor names what is wrong with what to type next, and never a value', async () => {
  const { root, envFile } = book.place();
  const text = readFileSync(envFile, 'utf8');
  writeFileSync(envFile, 'DATABASE_FILE=canary-5f1e\n');
  chmodSync(envFile, 0o644);
  mkdirSync(join(root, 'maintenance'), { recursive: true });
  const flag = join(root, 'maintenance/MAINTENANCE_ON');
  writeFileSync(flag, 'by ana: moving\n');
  utimesSync(flag, Date.now() / 1000 - 7200, Date.now() / 1000 - 7200);
  renameSync(join(root, 'shared/node_modules'), join(root, 'shared/away'));
  chmodSync(join(root, 'releases'), 0o777);
  const tools = join(book.folder, 'tools');
  mkdirSync(tools);
  for (const folder of ['/usr/local/bin', '/usr/bin', '/bin'])
    for (const name of readdirSync(folder)) {
      if (name === 'curl' || name === 'sqlite3') continue;
      try {
        symlinkSync(join(folder, name), join(tools, name));
      } catch {
        // It was in the folder before, as it would be found first.
      }
    }
  symlinkSync(process.execPath, join(tools, 'node-of-the-tests'));
  const { code, stdout, stderr } = await book.run('doctor', [], { env: { PATH: tools } });
  renameSync(join(root, 'shared/away'), join(root, 'shared/node_modules'));
  chmodSync(join(root, 'releases'), 0o755);
  rmSync(flag);
  writeFileSync(envFile, text);
  assert.is(code, 1, stderr);
  assert.match(stdout, 'missing: curl, sqlite3');
  assert.match(stdout, '→ sudo apt-get install curl sqlite3');
  assert.match(stdout, 'PORT');
  assert.match(stdout, `→ chmod o= ${envFile}`);
  assert.match(stdout, 'on for 120 min: forgotten?');
  assert.match(stdout, '→ npx tsx tasks/maintenance.ts off --env staging --app book');
  assert.match(stdout, 'shared/node_modules does not exist');
  assert.match(stdout, `${join(root, 'releases')} can be written by every user`);
  assert.match(stdout, `→ sudo chmod go-w ${join(root, 'releases')}`);
  assert.match(stdout, /4 failures, 2 warnings/);
  assert.not.match(stdout + stderr, 'canary-5f1e');
});

test('a host that cannot be reached and a repo that is none are findings too', async () => {
  const file = join(book.folder, 'far.yml');
  const text = readFileSync(join(book.folder, 'ops.yml'), 'utf8');
  writeFileSync(file, text.replace('here: local', 'here: { ssh: ana@127.0.0.1:1 }').replace('./repo', './no-repo'));
  const { code, stdout } = await book.run('doctor', ['--config', file, '--json']);
  assert.is(code, 1);
  const bad = JSON.parse(stdout).findings.filter((one: { state: string }) => one.state === 'failure');
  assert.equal(
    bad.map((one: { check: string }) => one.check),
    ['repo', 'connection'],
  );
  for (const { fix } of bad) assert.ok(fix);
});
test.run();
