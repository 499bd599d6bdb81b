// The machine itself as a host behaves as one that is reached by ssh.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../../lib/host/connect.ts';
import { script, sh } from '../../../lib/host/sh.ts';
import { failure } from '../../support/failing.ts';
import { until } from '../../support/ssh/sshd.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-local-'));
const environment = { ...process.env, GREETING: 'a value of the person', LANGUAGE: 'de', BASH_ENV: '/dev/stdin' };
const host = await connect({ name: 'here', kind: 'local' }, { environment });

test('a question comes back with its output, errors and exit code, and nothing that the person set reaches it', async () => {
  const answer = await host.ask(script('echo "$GREETING$LANGUAGE$BASH_ENV $LC_ALL $HOME"; cat; echo bad >&2; exit 7'));
  assert.equal(answer, { code: 7, stdout: ` C.UTF-8 ${process.env['HOME'] ?? ''}\n`, stderr: 'bad\n' });
  assert.equal([host.name, host.where], ['here', 'this machine']);
});

test('an answer over 16 MB, one too late and one interrupted are failures', async () => {
  assert.is((await failure(host.ask(script('yes')))).exit, 1);
  const late = await failure(host.ask(sh`sleep 2; touch ${join(folder, 'late')}`, { seconds: 0.2 }));
  assert.match(late.message, 'no answer within 0.2 s');
  assert.is((await failure(host.ask(script('sleep 9'), { signal: AbortSignal.abort() }))).exit, 130);
});

test('what a question left hanging is ended', async () => {
  const pid = join(folder, 'hanging');
  await failure(host.ask(sh`sleep 100 & echo $! > ${pid}; wait`, { seconds: 0.5 }));
  // A zombie counts as ended: in a container nobody may collect it.
  const running = () =>
    /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', readFileSync(pid, 'utf8').trim()]).stdout.toString());
  await until(() => !running(), () => 'it still runs'); // prettier-ignore
});

test('a channel streams both ways, in a session of its own', async () => {
  const channel = await host.open(script('ps -o sid= -p $$; echo $$; exec cat'));
  channel.input.end('through');
  let seen = '';
  for await (const chunk of channel.output) seen += chunk;
  const [sid = '', pid, rest] = seen.split('\n');
  assert.is(sid.trim(), pid);
  assert.is(rest, 'through');
  assert.equal(await channel.ended, { code: 0 });
});

test('a command killed by a signal has the code a shell would give it', async () => {
  assert.equal(await (await host.open(script('kill -9 $$'))).ended, { code: 137 });
});

test('a dropped channel leaves the work to itself', async () => {
  const mark = join(folder, 'settled');
  const channel = await host.open(sh`cat >/dev/null; sleep 0.2; touch ${mark}`);
  channel.drop();
  assert.is((await failure(channel.ended)).exit, 4);
  await until(() => existsSync(mark), () => 'the work ended with the channel'); // prettier-ignore
});

test('a terminal is asked for in vain where there is none', async () => {
  assert.is((await failure(host.terminal(script('true')))).exit, 2);
  await host.close();
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
