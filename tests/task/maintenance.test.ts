// Maintenance by hand as whole programs on this machine, with a crontab of the test's own in place of the machine's.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeBook, until } from '../support/book/book.ts';

const book = await makeBook();
test.after(() => book.clean());
const { root } = book.place();
const folder = join(root, 'maintenance');
const flag = join(folder, 'MAINTENANCE_ON');
const table = join(book.folder, 'crontab');
const others = '# of others\n\n0 3 * * * echo 100 \\%\n';

/** Like Debian's: -l, -r, and a file; it changes nothing while `refuses` is there and hangs while `hangs` is and the flag says third. */
const bin = join(book.folder, 'bin');
mkdirSync(bin);
writeFileSync(
  join(bin, 'crontab'),
  `#!/bin/bash
cd ${book.folder}
while [ -e hangs ] && grep -qs third ${flag}; do sleep 0.1; done
case $1 in
  -l) cat crontab 2>/dev/null || { echo "no crontab for ana" >&2; exit 1; } ;;
  *)
    [ -e refuses ] && { echo "you are not allowed to use this program" >&2; exit 1; }
    if [ "$1" = -r ]; then rm crontab; else cat -- "$1" >crontab.new && mv crontab.new crontab; fi ;;
esac
`,
);
writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\nexit 0\n');
for (const name of ['crontab', 'systemctl']) chmodSync(join(bin, name), 0o755);
const env = { PATH: `${bin}:${process.env['PATH']}` };

const run = (...words: string[]) => book.run('maintenance', words, { env });
const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const there = () => (existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted() : []);

test('a preview is a file here, and nothing changes there', async () => {
  const [plain, timed] = await Promise.all([
    run('preview', '--message', 'New <shelves>', '--json'),
    run('preview', '--until', '2h'),
  ]);
  assert.equal([plain.code, timed.code], [0, 0], plain.stderr + timed.stderr);
  assert.match(read(String(JSON.parse(plain.stdout).file)), 'New &lt;shelves&gt;');
  const [, file = ''] = /is in (\S+)\nopen it: \S+ \1, or file:\/\//.exec(timed.stdout) ?? [];
  assert.match(read(file), /Expected back: <span>([A-Z]\w+ \d+ \w+ \d{4}, )?\d\d:\d\d UTC<\/span>/);
  assert.equal(there(), []);
});

test('what cannot be is refused before anything changes', async () => {
  const cases: [string[], number, string][] = [
    [['on', '--allow', '203.0.113.0/24'], 2, 'is a range, and only single addresses can pass'],
    [['on', '--allow', '203.0.113.4', '--allow', '300.1.1.1'], 2, 'is not an IPv4 or IPv6 address'],
    [['on', '--until', '1830'], 2, 'write it as 18:30, 2026-11-21T18:30 or 2h'],
    [['on', '--until', '2020-01-01T10:00'], 2, 'Wednesday 1 January 2020, 10:00 UTC is over'],
    [['on', '--until', '2027-02-30T10:00'], 2, 'is not a time on the clock of here'],
    [['on', '--message', 'x'.repeat(10_000)], 2, 'has 10000 characters, and the page has room for 300'],
    [['on', '--link'], 3, 'book staging has no site'],
    [['off', '--message', 'x'], 2, '--message goes with on'],
    [['status', '--until', '2h'], 2, '--until goes with on'],
    [['preview', '--allow', '::1'], 2, '--allow goes with on'],
  ];
  const ends = await Promise.all(cases.map(([words]) => run(...words)));
  for (const [index, [words, code, says]] of cases.entries()) {
    assert.is(ends[index]?.code, code, words.join(' ').slice(0, 60));
    assert.match(ends[index]?.stderr ?? '', says);
  }
  assert.equal(there(), []);
});

test('a time counts as one of the host’s zone, whatever the person who types it has', async () => {
  const zone = spawnSync('date', ['-d', '2020-07-01 10:00', '+%Z'], { env: { PATH: process.env['PATH'] } });
  const { code, stderr } = await book.run('maintenance', ['on', '--until', '2020-07-01T10:00'], {
    env: { ...env, TZ: 'America/Sao_Paulo' },
  });
  assert.is(code, 2);
  assert.match(stderr, `Wednesday 1 July 2020, 10:00 ${String(zone.stdout).trim()} is over`);
});

test('where no cron runs, nothing is promised', async () => {
  const { code, stderr } = await book.run('maintenance', ['on', '--until', '2h'], {
    env: { PATH: process.env['PATH']?.replace(bin, '') },
  });
  assert.is(code, 1);
  assert.match(stderr, 'no cron runs on here, so nothing there would end the maintenance of book staging');
  assert.equal(there(), []);
});

test('a crontab that refuses undoes all of it', async () => {
  writeFileSync(table, others);
  writeFileSync(join(book.folder, 'refuses'), '');
  const { code, stderr } = await run('on', '--until', '2h', '--allow', '::1');
  rmSync(join(book.folder, 'refuses'));
  assert.is(code, 1, stderr);
  assert.match(stderr, 'not allowed to use this program');
  assert.equal([there(), read(table)], [[], others]);
});

test('on says until when and who passes; on again changes what is named and keeps the rest', async () => {
  writeFileSync(table, others);
  const on = await run(
    'on',
    '--message',
    `it's "new"`,
    '--until',
    '3h',
    '--allow',
    '::FFFF:203.0.113.4',
    '--allow',
    '2001:DB8::4',
  );
  assert.is(on.code, 0, on.stderr);
  assert.match(
    on.stdout,
    /^maintenance of book staging is on until .*\d\d:\d\d UTC, when the server itself ends it\n.*: 203\.0\.113\.4, 2001:db8::4\n$/,
  );
  const names = ['203.0.113.4', '2001:db8::4'].map(name => `allow/${name}`);
  const files = ['MAINTENANCE_ON', 'allow', ...names, 'end.sh', 'maintenance.html', 'maintenance.json'];
  assert.equal(there(), files.toSorted());
  assert.match(
    read(flag),
    /^by \S+: switched on by hand until=\d{4}-\d\d-\d\dT\d\d:\d\d\+00:00 message="it's \\"new\\""\n$/,
  );
  const lines = read(table);
  assert.ok(lines.startsWith(others), lines);
  assert.is(lines.split(`bash ${folder}/end.sh `).length, 3, lines);

  utimesSync(flag, Date.now() / 1000 - 5400, Date.now() / 1000 - 5400);
  const again = await run('on', '--allow', '198.51.100.7');
  assert.is(again.code, 0, again.stderr);
  assert.is(read(table), lines);
  assert.equal(readdirSync(join(folder, 'allow')), ['198.51.100.7']);
  const [told, status, nothing] = await Promise.all([run('status', '--json'), book.run('status'), run('on')]);
  const { minutes, message, allow, link, isOver } = JSON.parse(told.stdout);
  assert.equal([minutes, message, allow, link, isOver], [90, `it's "new"`, ['198.51.100.7'], false, false]);
  assert.match(status.stdout, /on for 90 min: by \S+, until \d{4}-\d\d-\d\d \d\d:\d\d \+00:00: it's "new"/);
  assert.match(nothing.stdout, 'is on already: on for 90 min: by ');
  const doctor = await book.run('doctor', ['--json'], { env });
  const finding = JSON.parse(doctor.stdout).findings.find((one: { check: string }) => one.check === 'maintenance');
  assert.is(finding.state, 'good', 'it has an end');
});

test('a change whose client is killed half-way leaves the maintenance that was', async () => {
  const files = () => there().map(name => [name, statSync(join(folder, name)).isFile() && read(join(folder, name))]);
  const before = [files(), read(table)];
  writeFileSync(join(book.folder, 'hangs'), '');
  const killed = book.start('maintenance', ['on', '--message', 'third', '--allow', '::1'], { env });
  await until('it is half done', () => read(flag).includes('third'));
  killed.child.kill('SIGKILL');
  await until('its step is ended', () => !read(flag).includes('third'));
  rmSync(join(book.folder, 'hangs'));
  await until('it is undone', () => !existsSync(join(root, 'releases/.keeper/journal')));
  assert.equal([files(), read(table)], before);
});

test('off takes everything along but the lines of others', async () => {
  const off = await run('off');
  assert.is(off.code, 0, off.stderr);
  assert.equal([there(), read(table)], [[], others]);
  assert.match((await run('off')).stdout, 'is off already');
});

test('what ends it waits for a run that is under way, and the doctor names one that is past its end', async () => {
  assert.is((await run('on', '--until', '2h', '--message', 'x')).code, 0);
  const script = join(folder, 'end.sh');
  const tick = () => spawnSync('bash', [script], { env: { ...process.env, ...env }, encoding: 'utf8' });
  assert.is(tick().status, 0);
  assert.ok(existsSync(flag), 'not before its time');
  writeFileSync(flag, read(flag).replace(/until=\S+/, 'until=2026-01-01T00:00+00:00'));
  const doctor = await book.run('doctor', [], { env });
  assert.match(doctor.stdout, 'on for 0 min: its end has passed');
  assert.match(doctor.stdout, '→ npx tsx tasks/maintenance.ts off --env staging --app book');
  mkdirSync(join(root, 'releases/.keeper/journal'));
  assert.is(tick().stderr, '');
  assert.ok(existsSync(flag) && read(table) !== others, 'not while something runs');
  rmdirSync(join(root, 'releases/.keeper/journal'));
  assert.is(tick().stderr, '');
  assert.equal([there(), read(table)], [[], others]);
});

test('a flag that somebody removes with rm leaves no lines behind', async () => {
  rmSync(table);
  assert.is((await run('on', '--until', '2h')).code, 0);
  rmSync(flag);
  spawnSync('bash', [join(folder, 'end.sh')], { env: { ...process.env, ...env } });
  assert.not.ok(existsSync(table) || existsSync(join(folder, 'end.sh')));
});
test.run();
