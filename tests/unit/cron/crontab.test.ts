// The one editor of the crontab: what others wrote stays byte for byte, and nothing that fails ever empties it.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { addLine, cronLine, crontabFunctions, crontabQuestion, runOwn } from '../../../lib/cron/crontab.ts';
import { lines, script, sh, type Command } from '../../../lib/host/sh.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops-it's a crontab-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const [bin, home, table] = [join(folder, 'bin'), join(folder, 'home'), join(folder, 'table')];
mkdirSync(bin);
mkdirSync(home);
/** Like Debian's, with faults: the file `fault` has a line of bash that runs before it, with the words in $1. */
writeFileSync(
  join(bin, 'crontab'),
  `#!/bin/bash
cd ${sh`${folder}`.text}
[ ! -e fault ] || . ./fault
case $1 in
  -l) [ -e table ] || { echo "no crontab for ana" >&2; exit 1; }; cat table ;;
  -r) rm table ;;
  *) cat -- "$1" >new && { [ ! -s new ] || [ -z "$(tail -c 1 new)" ] || { echo 'missing newline before EOF' >&2; exit 1; }; } && mv new table ;;
esac
`,
);
chmodSync(join(bin, 'crontab'), 0o755);
const env = { PATH: `${bin}:${process.env['PATH']}`, HOME: home, LC_ALL: 'C.UTF-8' };

function run(text: Command, fault = ''): { status: number | null; stderr: string } {
  rmSync(join(folder, 'fault'), { force: true });
  if (fault) writeFileSync(join(folder, 'fault'), fault);
  const { status, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', text.text], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, stderr };
}
const read = () => (existsSync(table) ? readFileSync(table, 'latin1') : undefined);
const put = (text: string | undefined) =>
  text === undefined ? rmSync(table, { force: true }) : writeFileSync(table, text, 'latin1');

const own = cronLine('@reboot', sh`bash ${'/srv/50% of $x/keeper.sh'}`, 'goes on');
const remove = (line: string) => lines(crontabFunctions, sh`change_crontab 20 without_and_with ${line} ''`);
const others =
  '# a note\n\nSHELL=/usr/bin/fish\nMAILTO=""\r\n  0 3 * * * echo 100 \\% \xe9\xff \t\n0 3 * * * echo 100 \\% \xe9\xff \t\n*/5 * * * * -n\n\n\n';

test('a % is escaped, and only there', () => {
  assert.is(own, "@reboot bash '/srv/50\\% of $x/keeper.sh' # goes on");
});

for (const [what, before] of [
  ['of others', others],
  ['without a line break at its end', others.trimEnd()],
  ['that is empty', ''],
  ['that is not there', undefined],
  ['of 5,000 lines', '# x\n'.repeat(10) + '1 1 1 1 1 echo a line of somebody else\n'.repeat(5_000)],
] as const)
  test(`a line comes into a crontab ${what}, once, and goes again`, () => {
    put(before);
    assert.equal(run(addLine(own)), { status: 0, stderr: '' });
    const lead = before && !before.endsWith('\n') ? `${before}\n` : (before ?? '');
    assert.is(read(), `${lead}${own}\n`);
    const { ino } = statSync(table);
    assert.is(run(addLine(own)).status, 0);
    assert.is(statSync(table).ino, ino, 'written though nothing was to be changed');
    assert.equal(run(remove(own)), { status: 0, stderr: '' });
    assert.is(read(), lead || undefined);
  });

for (const [what, fault, says] of [
  [
    'cannot be read',
    '[ "$1" != -l ] || { echo "crontabs/ana: Permission denied" >&2; exit 1; }',
    'stays as it is: crontabs/ana: Permission denied',
  ],
  [
    'is not allowed',
    '[ "$1" != -l ] || { echo "You (ana) are not allowed to use this program (crontab)" >&2; exit 1; }',
    'not allowed',
  ],
  ['cannot be read for once', '[ "$1" != -l ] || [ -e once ] || { touch once; exit 1; }', 'the first reading failed'],
  [
    'is said to be none by a line of something else',
    '[ "$1" != -l ] || { echo "error: there is no crontab for now" >&2; exit 1; }',
    'cannot be read',
  ],
  ['cannot be written', '[ "$1" = -l ] || { echo "No space left on device" >&2; exit 1; }', 'as before'],
  [
    'is written in part, with exit 0',
    '[ "$1" = -l ] || { head -c 20 >table; echo >>table; if [ -e twice ]; then cat before >table; fi; touch twice; exit 0; }',
    'as before',
  ],
  [
    'is emptied by what writes it',
    '[ "$1" = -l ] || { if [ -e cut ]; then cat before >table; else touch cut; : >table; fi; exit 0; }',
    'as before',
  ],
] as const)
  test(`a crontab that ${what} stays as it is, and that is said`, () => {
    put(others);
    writeFileSync(join(folder, 'before'), others, 'latin1');
    const { status, stderr } = run(addLine(own), fault);
    assert.is(status, 1);
    assert.match(stderr, says);
    assert.is(read(), others);
  });

test('no other user can hold the lock, and who holds it is named after the time is up', async () => {
  put(others);
  chmodSync(home, 0o755);
  const lock = join(home, '.local/state/bookops/crontab.lock');
  assert.equal([statSync(join(lock, '..')).mode & 0o777, statSync(lock).mode & 0o777], [0o700, 0o600]);
  // as anybody can who may read the home
  const eve = spawn('flock', [home, 'sleep', '10'], { stdio: 'ignore' });
  assert.is(run(addLine(own)).status, 0);
  eve.kill();
  const holding = lines(crontabFunctions, script('crontab_lock 1; echo held; exec sleep 60'));
  const holder = spawn('bash', ['-c', holding.text], { env });
  await new Promise(resolve => holder.stdout.once('data', resolve));
  const { status, stderr } = run(lines(crontabFunctions, sh`change_crontab 1 cat`));
  assert.is(status, 1);
  assert.match(stderr, new RegExp(`^the crontab has been locked for 1 s by process ${holder.pid} of \\w+ since 20`));
  holder.kill('SIGKILL');
  rmSync(join(home, '.local'), { recursive: true });
  mkdirSync(join(home, '.local/state/bookops'), { recursive: true, mode: 0o777 });
  chmodSync(join(home, '.local/state/bookops'), 0o777);
  assert.match(run(addLine(own)).stderr, 'must be a folder of');
  rmSync(join(home, '.local'), { recursive: true });
});

test('a line takes the place of its former ones', () => {
  const former = cronLine('@reboot', sh`bash /srv/keeper.sh`, 'goes on');
  put(`# a\n${former}\n# b\n`);
  assert.is(run(addLine(own, former)).status, 0);
  assert.is(read(), `# a\n# b\n${own}\n`);
  assert.is(run(addLine(own, former)).status, 0);
  assert.is(read(), `# a\n# b\n${own}\n`);
});

test('a script is run from cron only while it is the own one of the user', () => {
  const file = join(folder, "it's a 50% script.sh");
  const canary = join(folder, 'canary');
  const runs = () => {
    rmSync(canary, { force: true });
    const line = cronLine('@reboot', runOwn(file, sh`settle ${folder}`), 'x').replaceAll('\\%', '%');
    const { stdout } = spawnSync('sh', ['-c', line.replace('@reboot ', '')], { env, encoding: 'utf8' });
    return [existsSync(canary), stdout.includes('is not run')];
  };
  writeFileSync(file, `${sh`[ "$*" = ${`settle ${folder}`} ] && touch ${canary}`.text}\n`, { mode: 0o755 });
  assert.equal(runs(), [true, false]);
  for (const mode of [0o775, 0o757]) {
    chmodSync(file, mode);
    assert.equal(runs(), [false, true], mode.toString(8));
  }
  chmodSync(file, 0o700);
  if (process.getuid?.() === 0) {
    chownSync(file, 65534, 0);
    assert.equal(runs(), [false, true], 'of another user');
    chownSync(file, 0, 0);
  }
  renameSync(file, `${file}.real`);
  symlinkSync(`${file}.real`, file);
  assert.equal(runs(), [false, true], 'a link');
});

test('what the host says of its crontab: there, none, refused', () => {
  const asked = (fault = '') => {
    rmSync(join(folder, 'fault'), { force: true });
    if (fault) writeFileSync(join(folder, 'fault'), fault);
    const text = lines(script('fact() { printf "%s=" "$1"; cat; }'), crontabQuestion('/srv/a/.keeper'));
    return spawnSync('bash', ['-c', text.text], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).stdout;
  };
  put('@reboot bash /srv/a/.keeper/keeper.sh\n');
  assert.is(asked(), 'cron=yes\nboot=yes\n');
  put(others);
  assert.is(asked(), 'cron=yes\n');
  put(undefined);
  assert.is(asked(), 'cron=yes\n');
  assert.is(
    asked('echo "You (ana) are not allowed to use this program (crontab)" >&2; exit 1'),
    'cron-refused=You (ana) are not allowed to use this program (crontab)\n',
  );
});
test.run();
