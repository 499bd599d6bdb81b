// A Docker or a systemd that is away is waited for by steps and undos, up to a limit, and never taken for one that has nothing.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stepFunctions } from '../../../lib/host/environment.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-away-'));
const bin = join(folder, 'bin');
mkdirSync(bin);
const socket = join(folder, 'socket');

/** A program that answers only after it was asked so many times, and writes down what it was asked. */
function program(name: string, complaint: string): void {
  writeFileSync(
    join(bin, name),
    `#!/bin/bash
printf '%s\\n' "\${*:-nothing}" >>${folder}/${name}
read -r left <${folder}/left
if ((left > 0)); then echo $((left - 1)) >${folder}/left; echo '${complaint}' >&2; exit 1; fi
echo "answer to $1"
`,
  );
  chmodSync(join(bin, name), 0o755);
}
program('docker', 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?');
program('systemctl', 'Failed to connect to bus: Connection refused');
writeFileSync(join(bin, 'sudo'), `#!/bin/bash\n[[ $1 == -n ]] && shift\nexec "$@"\n`);
chmodSync(join(bin, 'sudo'), 0o755);

/** `away` is how many questions stay without an answer. This machine may have a Docker of its own, which is not asked. */
function run(text: string, away: number, limit = 90, more: NodeJS.ProcessEnv = { KEEPER_RUN: folder }) {
  rmSync(join(folder, 'docker'), { force: true });
  rmSync(join(folder, 'systemctl'), { force: true });
  writeFileSync(join(folder, 'left'), `${away}\n`);
  const words = stepFunctions().text.replace('/run/docker.sock', socket);
  const from = Date.now();
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', `${words}\naway_seconds=${limit}\n${text}`], {
    encoding: 'utf8',
    env: { PATH: `${bin}:/usr/bin:/bin`, ...more },
  });
  return { status, stdout, stderr, seconds: (Date.now() - from) / 1000 };
}
const asked = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);

test('a Docker that comes back is asked then, and only then', () => {
  const { status, stdout, stderr } = run('docker ps -aq', 2);
  assert.equal([status, stdout], [0, 'answer to ps\n'], stderr);
  assert.match(stderr, 'waiting for Docker, which does not answer, for 90 s at most');
  assert.equal(asked('docker'), ['version', 'version', 'version', 'ps -aq']);
});

test('a Docker that stays away is a failure in words, and not one without containers', () => {
  const { status, stderr, seconds } = run('id=$(docker ps -aq)\n[ -z "$id" ] && echo none', 1000, 2);
  assert.is(status, 1);
  assert.match(stderr, 'Docker did not answer for 2 s: systemctl status docker; it says: Cannot connect to the Docker');
  assert.ok(seconds < 20, `${seconds} s`);
});

test('while its daemon answers nothing more is asked, and what only looks does not wait', async () => {
  const daemon = spawn(process.execPath, [
    '-e',
    `require('node:http').createServer((asked, answer) => answer.writeHead(asked.url === '/_ping' ? 200 : 404).end()).listen(${JSON.stringify(socket)}, () => console.log('listens'))`,
  ]);
  await once(daemon.stdout, 'data');
  assert.is(run('docker ps', 0).status, 0);
  assert.equal(asked('docker'), ['ps']);
  daemon.kill();
  await once(daemon, 'exit');
  assert.is(run('docker ps', 1, 90, {}).status, 1);
  assert.equal(asked('docker'), ['ps']);
});

test('an undo is given again, so each of its waits is short', () => {
  const limit = (more: NodeJS.ProcessEnv) =>
    spawnSync('bash', ['--norc', '-c', `${stepFunctions().text}\necho "$away_seconds"`], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', ...more },
    }).stdout;
  assert.equal([limit({ KEEPER_RUN: folder }), limit({ KEEPER_RUN: folder, KEEPER_UNDO: 'yes' })], ['90\n', '15\n']);
});

for (const call of ['as_root systemctl stop book.service', 'systemctl show -p Result book.service'])
  test(`a systemd that cannot be reached is asked again: ${call}`, () => {
    const { status, stdout, stderr } = run(call, 2);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^answer to (stop|show)\n$/);
    assert.match(stderr, 'waiting for systemd, which cannot be reached, for 90 s at most');
    assert.is(asked('systemctl').length, 3);
    const late = run(call, 1000, 1);
    assert.is(late.status, 1);
    assert.match(late.stderr, 'Connection refused');
  });

test('what systemd refuses is told at once', () => {
  program('systemctl', 'Job for book.service failed because the control process exited with error code.');
  const { status, stderr } = run('as_root systemctl start book.service', 5);
  assert.is(status, 1);
  assert.match(stderr, /^Job for book.service failed/);
  assert.is(asked('systemctl').length, 1);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
