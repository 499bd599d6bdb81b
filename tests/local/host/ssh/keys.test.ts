// Which keys are offered to a host: files, the agent, one named in ops.yml; and what is said when none is accepted.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../../../lib/host/connect.ts';
import { script } from '../../../../lib/host/sh.ts';
import { failure } from '../../../support/failing.ts';
import { knownLines, makeHome, makeKey, me, settingsFor, startSshd } from '../../../support/ssh/sshd.ts';

const home = makeHome();
makeKey(home.file('locked'), 'ed25519', 'open sesame');
makeKey(home.file('rsa'), 'rsa');
mkdirSync(`${home.folder}/with space`);
makeKey(`${home.folder}/with space/key`);
const server = await startSshd(home.file('authorized'));
const alias = (lines: string) =>
  writeFileSync(home.file('config'), `Host box\n  HostName 127.0.0.1\n  Port ${server.port}\n  User ${me}\n${lines}`);
writeFileSync(home.file('known_hosts'), knownLines(server));
const authorize = (...files: string[]) =>
  writeFileSync(home.file('authorized'), files.map(file => execFileSync('cat', [`${file}.pub`])).join(''));
alias('');

async function ask(address: string, more: Parameters<typeof settingsFor>[1] = {}, extra: NodeJS.ProcessEnv = {}) {
  const host = await connect(settingsFor(address, more), { environment: { ...home.environment, ...extra } });
  try {
    return (await host.ask(script('printf reached'))).stdout;
  } finally {
    await host.close();
  }
}

/** An agent that holds `files`, for as long as `use` runs. */
async function withAgent(files: string[], use: (socket: string) => Promise<void>): Promise<void> {
  const printed = execFileSync('ssh-agent', ['-s'], { encoding: 'utf8' });
  const [, socket = ''] = /SSH_AUTH_SOCK=([^;]+)/.exec(printed) ?? [];
  const [, pid = ''] = /SSH_AGENT_PID=(\d+)/.exec(printed) ?? [];
  const askpass = `${home.folder}/askpass`;
  writeFileSync(askpass, '#!/bin/sh\necho open sesame\n', { mode: 0o700 });
  const env = { ...home.environment, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
  try {
    for (const file of files) execFileSync('ssh-add', ['-q', file], { env, stdio: 'ignore' });
    await use(socket);
  } finally {
    process.kill(Number(pid));
  }
}

test('an alias with its port and user is followed, and a default key opens the door', async () => {
  authorize(home.file('id_ed25519'));
  assert.is(await ask('box'), 'reached');
});

test('an rsa key is accepted', async () => {
  authorize(home.file('rsa'));
  alias('  IdentityFile ~/.ssh/rsa\n');
  assert.is(await ask('box'), 'reached');
});

test('a key in a folder with a space, or below %d, is found', async () => {
  authorize(`${home.folder}/with space/key`);
  for (const line of ['"~/with space/key"', '"%d/with space/key"']) {
    alias(`  IdentityFile ${line}\n`);
    assert.is(await ask('box'), 'reached', line);
  }
});

test('a key with a passphrase is used through the agent', async () => {
  authorize(home.file('locked'));
  alias('');
  await withAgent([home.file('locked')], async SSH_AUTH_SOCK => {
    assert.is(await ask('box', {}, { SSH_AUTH_SOCK }), 'reached');
    alias(`  IdentityAgent ${SSH_AUTH_SOCK}\n`);
    assert.is(await ask('box'), 'reached');
    alias('  IdentityAgent none\n');
    assert.is((await failure(ask('box', {}, { SSH_AUTH_SOCK }))).exit, 4);
  });
});

test('a key with a passphrase and no agent is named, with the command that helps', async () => {
  authorize(home.file('locked'));
  alias('  IdentityFile ~/.ssh/locked\n');
  const error = await failure(ask('box'));
  assert.is(error.exit, 4);
  assert.match(error.message, `there is no key to offer to ${me}@127.0.0.1`);
  assert.match(error.detail ?? '', '~/.ssh/locked has a passphrase');
  assert.is(error.advice, `ssh-add ${home.file('locked')}, then try again`);
});

test('IdentitiesOnly keeps the other keys of the agent back', async () => {
  authorize(home.file('locked'));
  await withAgent([home.file('locked'), home.file('rsa')], async SSH_AUTH_SOCK => {
    alias('  IdentitiesOnly yes\n  IdentityFile ~/.ssh/rsa\n');
    const error = await failure(ask('box', {}, { SSH_AUTH_SOCK }));
    assert.match(error.message, 'accepted none of the keys offered');
    assert.match(error.detail ?? '', /^offered {2}ssh-rsa SHA256:\S+ test \(agent\)$/);
    alias('  IdentitiesOnly yes\n  IdentityFile ~/.ssh/locked\n');
    assert.is(await ask('box', {}, { SSH_AUTH_SOCK }), 'reached');
    alias('  IdentitiesOnly yes\n  IdentityFile ~/.ssh/locked.pub\n');
    assert.is(await ask('box', {}, { SSH_AUTH_SOCK }), 'reached');
  });
});

test('the keys of the agent do not use up the attempts before the key named in ops.yml', async () => {
  authorize(home.file('id_ed25519'));
  alias('');
  const crowd = Array.from({ length: 7 }, (_, at) => home.file(`crowd${at}`));
  for (const file of crowd) makeKey(file);
  await withAgent(crowd, async SSH_AUTH_SOCK => {
    const error = await failure(ask('box', {}, { SSH_AUTH_SOCK }));
    assert.match(error.message, 'after too many keys');
    assert.match(error.advice ?? '', 'identity:');
    assert.is(await ask('box', { identity: home.file('id_ed25519') }, { SSH_AUTH_SOCK }), 'reached');
  });
});

test('an agent that is gone is only a remark', async () => {
  authorize(home.file('id_ed25519'));
  assert.is(await ask('box', {}, { SSH_AUTH_SOCK: '/nonexistent/agent' }), 'reached');
  authorize(home.file('rsa'));
  const error = await failure(ask('box', {}, { SSH_AUTH_SOCK: '/nonexistent/agent' }));
  assert.match(error.detail ?? '', 'the ssh-agent at /nonexistent/agent does not answer');
});

test('refused keys are listed by file and fingerprint, with what lets them in', async () => {
  authorize(home.file('rsa'));
  const error = await failure(ask('box'));
  assert.is(error.exit, 4);
  assert.match(error.detail ?? '', /^offered {2}ssh-ed25519 SHA256:\S+ ~\/\.ssh\/id_ed25519$/);
  assert.match(error.advice ?? '', 'ssh-copy-id box');
});

test('a private key that others can read is not used, and a missing one of ops.yml is a mistake in it', async () => {
  authorize(home.file('id_ed25519'));
  chmodSync(home.file('id_ed25519'), 0o644);
  assert.match((await failure(ask('box'))).detail ?? '', 'chmod 600');
  chmodSync(home.file('id_ed25519'), 0o600);
  assert.is((await failure(ask('box', { identity: '/nonexistent/key' }))).exit, 3);
});
test.after(() => {
  server.stop();
  home.remove();
});
test.run();
