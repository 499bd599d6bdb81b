// Questions, channels and terminals over one real ssh connection, and what is said when it is lost.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../../../support/free-port.ts';
import { connect } from '../../../../lib/host/connect.ts';
import type { Host } from '../../../../lib/host/host.ts';
import { script, sh } from '../../../../lib/host/sh.ts';
import { failure } from '../../../support/failing.ts';
import { knownLines, makeHome, me, settingsFor, startProxy, startSshd } from '../../../support/ssh/sshd.ts';

const home = makeHome();
const server = await startSshd(home.file('id_ed25519.pub'));
writeFileSync(home.file('known_hosts'), knownLines(server));
const { environment } = home;
const hosts: Host[] = [];
async function reach(address: string, more: Parameters<typeof settingsFor>[1] = {}, around = {}): Promise<Host> {
  const host = await connect(settingsFor(address, more), { environment, ...around });
  hosts.push(host);
  return host;
}
const host = await reach(server.address);

test('a question comes back with its output, errors and exit code, untouched', async () => {
  const answer = await host.ask(script('printf "  two\\n\\nlines \\n"; echo bad >&2; exit 7'));
  assert.equal(answer, { code: 7, stdout: '  two\n\nlines \n', stderr: 'bad\n' });
  assert.is(host.where, server.address);
});

test('a program in a question cannot eat the rest of it', async () => {
  const answer = await host.ask(script('cat\necho after'));
  assert.is(answer.stdout, 'after\n');
});

test('nothing of a question is in an argument list', async () => {
  const { stdout } = await host.ask(script(": secret-word-$((1))\nps -eo args | grep -c '[s]ecret-word' || true"));
  assert.is(stdout.trim(), '0');
});

test('twelve questions at once share one connection and eight sessions', async () => {
  const before = server.log().split('Accepted publickey').length;
  const answers = await Promise.all(Array.from({ length: 12 }, (_, at) => host.ask(sh`sleep 0.1; echo ${at}`)));
  assert.equal(
    answers.map(answer => answer.stdout),
    Array.from({ length: 12 }, (_, at) => `${at}\n`),
  );
  assert.is(server.log().split('Accepted publickey').length, before);
});

test('a server that allows three sessions at once is asked twelve questions; one that allows none is named', async () => {
  for (const [most, works] of [
    [3, true],
    [0, false],
  ] as const) {
    const narrow = await startSshd(home.file('id_ed25519.pub'), { lines: [`MaxSessions ${most}`] });
    writeFileSync(home.file('known_hosts'), knownLines(server) + knownLines(narrow));
    const there = await reach(narrow.address);
    const ask = () => Promise.all(Array.from({ length: 12 }, (_, at) => there.ask(sh`sleep 0.1; echo ${at}`)));
    if (works) assert.is((await ask()).map(answer => answer.stdout).join(''), '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n');
    else {
      const error = await failure(ask());
      assert.is(error.exit, 4);
      assert.match(error.message, 'opened no session: (SSH) Channel open failure: open failed');
      assert.match(error.advice ?? '', 'MaxSessions in its sshd_config');
    }
    narrow.stop();
  }
});

test('a character split over two packets arrives whole', async () => {
  const { stdout } = await host.ask(
    script("printf 'a\\303'; sleep 0.1; printf '\\274b\\342'; sleep 0.1; printf '\\202\\254'"),
  );
  assert.is(stdout, 'aüb€');
});

test('an answer over 16 MB is refused, one of 10 MB is not', async () => {
  const { stdout } = await host.ask(script('head -c 10000000 /dev/zero | tr "\\0" x'));
  assert.is(stdout.length, 10_000_000);
  const error = await failure(host.ask(script('yes')));
  assert.is(error.exit, 1);
  assert.match(error.message, 'more than 16 MB');
});

test('a question without an answer fails after its seconds, and leaves nothing behind', async () => {
  const error = await failure(host.ask(script('exec -a bookops-slow sleep 100'), { seconds: 0.3 }));
  assert.is(error.exit, 1);
  assert.match(error.message, 'gave no answer within 0.3 s');
  assert.is((await host.ask(script('echo still here'))).stdout, 'still here\n');
});

test('a question can be interrupted', async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 100);
  const error = await failure(host.ask(script('sleep 20'), { signal: abort.signal }));
  assert.is(error.exit, 130);
});

test('a command killed by a signal has the code a shell would give it', async () => {
  for (let at = 0; at < 20; at += 1) {
    const channel = await host.open(script('kill -9 $$'));
    assert.equal(await channel.ended, { code: 137 });
  }
});

test('a channel streams both ways and ends with the exit code of its command', async () => {
  const channel = await host.open(script('exec bash -s'));
  let seen = '';
  channel.output.setEncoding('utf8').on('data', (text: string) => (seen += text));
  channel.input.write('echo one\n');
  await new Promise(resolve => channel.output.once('data', resolve));
  assert.is(seen, 'one\n');
  channel.input.end('echo two\nexit 5\n');
  await new Promise(resolve => channel.output.once('end', resolve));
  assert.equal(await channel.ended, { code: 5 });
  assert.is(seen, 'one\ntwo\n');
});

test('bytes pass through a channel as they are', async () => {
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 7919) % 256));
  const channel = await host.open(script('exec cat'));
  channel.input.end(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of channel.output) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(bytes));
});

test('a dropped channel ends the input of its command, as a crash would', async () => {
  const mark = `${home.folder}/dropped`;
  const channel = await host.open(sh`echo started; cat >/dev/null; touch ${mark}`);
  await new Promise(resolve => channel.output.once('data', resolve));
  channel.drop();
  assert.is((await failure(channel.ended)).exit, 4);
  const { code } = await host.ask(
    sh`for i in 1 2 3 4 5 6 7 8 9 10; do test -e ${mark} && exit 0; sleep 0.1; done; exit 1`,
  );
  assert.is(code, 0);
});

test('what a login shell prints of itself disturbs neither questions nor channels', async () => {
  const noise = 'echo "welcome ✨"; echo careful >&2;';
  for (const shell of ['bash', 'dash', 'zsh', 'fish'].filter(installed)) {
    const noisy = await startSshd(home.file('id_ed25519.pub'), {
      lines: [`ForceCommand ${noise} exec ${shell} -c "$SSH_ORIGINAL_COMMAND"`],
    });
    const there = await reach(noisy.address, { hostKeys: Object.values(noisy.keys) });
    assert.equal(await there.ask(script('echo "$BASH" | grep -c bash; echo e >&2')), { code: 0, stdout: '1\n', stderr: 'e\n' }, shell); // prettier-ignore
    const channel = await there.open(script('exec bash -s'));
    channel.input.end('echo clean');
    let seen = '';
    for await (const chunk of channel.output) seen += chunk;
    assert.is(seen, 'clean\n', shell);
    await there.close();
    noisy.stop();
  }
});

test('a user who has no shell is named, with what the login shell said', async () => {
  const shut = await startSshd(home.file('id_ed25519.pub'), { lines: ['ForceCommand echo no logins here; exit 1'] });
  const there = await reach(shut.address, { hostKeys: Object.values(shut.keys) });
  const error = await failure(there.ask(script('true')));
  assert.is(error.exit, 4);
  assert.match(error.message, 'did not start bash (exit 1)');
  assert.match(error.detail ?? '', 'no logins here');
  shut.stop();
});

test('a terminal is lent raw, follows the window, and is given back whatever happens', async () => {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => modes.push(on) });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 91, rows: 33 });
  let seen = '';
  output.setEncoding('utf8').on('data', (text: string) => (seen += text));
  const there = await reach(server.address, {}, { terminal: { input, output } });
  const code = there.terminal(script('stty size; read line; stty size; echo "got $line"; exit 3'));
  await waitFor(() => seen.includes('33 91'));
  Object.assign(output, { columns: 60, rows: 20 });
  output.emit('resize');
  input.write('hello\r');
  assert.is(await code, 3);
  assert.match(seen, '20 60');
  assert.match(seen, 'got hello');
  assert.equal(modes, [true, false]);
  assert.is((await failure(host.terminal(script('true')))).exit, 2);
});

test('a killed server is a lost connection, not an empty answer', async () => {
  const there = await reach(server.address);
  const channel = await there.open(script('exec sleep 50'));
  const error = await failure(there.ask(script('kill -9 $(ps -o ppid= -p $PPID)')));
  assert.is(error.exit, 4);
  assert.match(error.message, 'connection lost');
  assert.match((await failure(channel.ended)).message, 'connection lost');
});

test('a cut wire is noticed at once, and the next question connects again', async () => {
  const wire = await startProxy(server.port);
  const there = await reach(`${me}@127.0.0.1:${wire.port}`, { hostKeys: Object.values(server.keys) });
  await there.ask(script('true'));
  const waiting = failure(there.ask(script('sleep 20')));
  setTimeout(wire.cut, 100);
  assert.match((await waiting).message, 'connection lost');
  assert.is((await there.ask(script('echo back'))).stdout, 'back\n');
  assert.is(wire.connections(), 2);
  wire.stop();
});

test('a stalled wire is noticed within 15 s', async () => {
  const wire = await startProxy(server.port);
  const there = await reach(`${me}@127.0.0.1:${wire.port}`, { hostKeys: Object.values(server.keys) });
  await there.ask(script('true'));
  const began = Date.now();
  setTimeout(wire.stall, 100);
  const error = await failure(there.ask(script('sleep 40')));
  assert.is(error.exit, 4);
  assert.match(error.message, 'connection lost');
  assert.ok(Date.now() - began < 15_000, `${Date.now() - began} ms`);
  wire.stop();
});

test('a port where nothing listens, an unknown name and a server of another kind each have a sentence', async () => {
  const closed = await freePort();
  const refused = await failure((await reach(`ana@127.0.0.1:${closed}`)).ask(script('true')));
  assert.is(refused.exit, 4);
  assert.is(refused.message, `nothing listens at 127.0.0.1:${closed} (connection refused)`);
  assert.match(refused.advice ?? '', `ssh -p ${closed} ana@127.0.0.1`);

  const unknown = await failure((await reach('ana@nowhere.invalid')).ask(script('true')));
  assert.is(unknown.exit, 4);
  assert.match(unknown.message, 'nowhere.invalid');

  const wire = await startProxy(closed);
  const other = await failure((await reach(`ana@127.0.0.1:${wire.port}`)).ask(script('true')));
  assert.is(other.exit, 4);
  assert.match(other.message, 'before it showed a host key');
  wire.stop();
});

test('questions that wait for the same attempt share its failure, and a later one tries again', async () => {
  const port = await freePort();
  const there = await reach(`${me}@127.0.0.1:${port}`, { hostKeys: Object.values(server.keys) });
  const failures = await Promise.all(Array.from({ length: 5 }, () => failure(there.ask(script('true')))));
  assert.is(new Set(failures).size, 1);
  const late = await startSshd(home.file('id_ed25519.pub'), { port });
  assert.match((await failure(there.ask(script('true')))).message, /the host key of .* has changed/);
  late.stop();
});

test('an attempt to connect can be interrupted', async () => {
  const wire = await startProxy(server.port);
  wire.stall();
  const abort = new AbortController();
  const there = await reach(`ana@127.0.0.1:${wire.port}`, {}, { signal: abort.signal });
  setTimeout(() => abort.abort(), 100);
  assert.is((await failure(there.ask(script('true')))).exit, 130);
  wire.stop();
});

test('a question costs little once the connection stands', async () => {
  const times: number[] = [];
  for (let at = 0; at < 20; at += 1) {
    const began = performance.now();
    await host.ask(script('true'));
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  console.log(`      note: ask on loopback, median ${times[10]?.toFixed(1)} ms`);
});

test('a closed host answers no more, and closing twice is nothing', async () => {
  const there = await reach(server.address);
  await there.ask(script('true'));
  await there.close();
  await there.close();
  assert.is((await failure(there.ask(script('true')))).exit, 4);
});
test.after(async () => {
  for (const one of hosts) await one.close();
  server.stop();
  home.remove();
});
test.run();

function installed(shell: string): boolean {
  try {
    execFileSync('which', [shell]);
    return true;
  } catch {
    return false;
  }
}

async function waitFor(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setTimeout(resolve, 20));
}
