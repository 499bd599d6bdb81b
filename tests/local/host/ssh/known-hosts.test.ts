// Which host keys are believed, in every way that leads to a host, and what is said of the others.
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../../../lib/host/connect.ts';
import { script } from '../../../../lib/host/sh.ts';
import { failure } from '../../../support/failing.ts';
import { knownLines, makeHome, makeKey, me, settingsFor, startSshd, type Sshd } from '../../../support/ssh/sshd.ts';

const home = makeHome();
const { environment } = home;
const authorized = home.file('id_ed25519.pub');
const server = await startSshd(authorized, { types: ['ed25519', 'rsa', 'ecdsa'] });
const impostor = makeKey(`${home.folder}/impostor`).split(' ').slice(0, 2).join(' ');

async function ask(address: string, known: string, more: Parameters<typeof settingsFor>[1] = {}): Promise<string> {
  writeFileSync(home.file('known_hosts'), known);
  const host = await connect(settingsFor(address, more), { environment });
  try {
    return (await host.ask(script('printf reached'))).stdout;
  } finally {
    await host.close();
  }
}

const name = `[127.0.0.1]:${server.port}`;
const logins = (of: Sshd = server) => of.log().split('Accepted publickey').length - 1;
const attempts = (of: Sshd = server) =>
  (of.log().match(/userauth|Postponed|Accepted|Failed|Invalid user/gi) ?? []).length;

test('an unknown host is refused with what it showed, before anybody is named to it', async () => {
  const before = attempts();
  const error = await failure(ask(server.address, ''));
  assert.is(error.exit, 4);
  assert.match(error.message, `the host key of ${server.address} is not known`);
  assert.match(error.detail ?? '', `it showed   ssh-ed25519 ${fingerprintOf(server.keys.ed25519)}`);
  assert.match(error.advice ?? '', 'ssh-keygen -lf');
  assert.match(error.advice ?? '', `ssh -p ${server.port} ${me}@127.0.0.1`);
  assert.match(error.advice ?? '', `host_key: ${server.keys.ed25519}`);
  assert.is(attempts(), before);
});

test('a changed key is refused with both fingerprints', async () => {
  const before = attempts();
  const error = await failure(ask(server.address, `${name} ${impostor}\n`));
  assert.is(error.exit, 4);
  assert.match(error.message, /the host key of .* has changed/);
  assert.match(error.detail ?? '', `it showed   ssh-ed25519 ${fingerprintOf(server.keys.ed25519)}`);
  assert.match(error.detail ?? '', `trusted is  ssh-ed25519 ${fingerprintOf(impostor)}`);
  assert.match(error.detail ?? '', 'known_hosts:1');
  assert.match(error.advice ?? '', `-R '${name}'`);
  assert.is(attempts(), before);
});

test('a server with several keys is reached when any of them is known', async () => {
  for (const type of ['ed25519', 'rsa', 'ecdsa'])
    assert.is(await ask(server.address, `${name} ${server.keys[type]}\n`), 'reached', type);
});

test('a server that lost the known type of key is refused with what it shows now', async () => {
  const only = await startSshd(authorized, { types: ['rsa'] });
  const error = await failure(ask(only.address, `[127.0.0.1]:${only.port} ${impostor}\n`));
  assert.match(error.detail ?? '', `it showed   ssh-rsa ${fingerprintOf(only.keys.rsa)}`);
  assert.match(error.detail ?? '', fingerprintOf(impostor));
  only.stop();
});

test('a hashed known_hosts is read', async () => {
  writeFileSync(home.file('hashed'), knownLines(server));
  execFileSync('ssh-keygen', ['-q', '-H', '-f', home.file('hashed')], { stdio: 'ignore' });
  const hashed = execFileSync('cat', [home.file('hashed')], { encoding: 'utf8' });
  assert.match(hashed, /^\|1\|/);
  assert.is(await ask(server.address, hashed), 'reached');
});

test('a key known for another port or host is not believed', async () => {
  const error = await failure(ask(server.address, `127.0.0.1 ${impostor}\n[127.0.0.1]:1 ${server.keys.ed25519}\n`));
  assert.match(error.message, 'is not known');
});

test('a revoked key is refused even where it is also trusted', async () => {
  const error = await failure(
    ask(server.address, `@revoked * ${server.keys.ed25519}\n${name} ${server.keys.ed25519}\n`),
  );
  assert.is(error.exit, 4);
  assert.match(error.message, 'is revoked');
  assert.match(error.detail ?? '', fingerprintOf(server.keys.ed25519));
});

test('a line for a certificate authority is skipped, and the refusal says so', async () => {
  const error = await failure(ask(server.address, `@cert-authority * ${impostor}\n`));
  assert.match(error.message, 'is not known');
  assert.match(error.detail ?? '', '@cert-authority lines were skipped');
});

test('a pinned key is enough without known_hosts, and known_hosts is not enough beside it', async () => {
  assert.is(await ask(server.address, '', { hostKeys: [`${server.keys.rsa} root@server`] }), 'reached');
  const error = await failure(ask(server.address, knownLines(server), { hostKeys: [impostor] }));
  assert.is(error.exit, 4);
  assert.match(error.detail ?? '', `${fingerprintOf(impostor)} (ops.yml)`);
  const wrong = await failure(ask(server.address, '', { hostKeys: ['ssh-ed25519 nonsense'] }));
  assert.is(wrong.exit, 3);
});

test('StrictHostKeyChecking no in ~/.ssh/config opens nothing here', async () => {
  writeFileSync(
    home.file('config'),
    `Host lax\n  HostName 127.0.0.1\n  Port ${server.port}\n  StrictHostKeyChecking no\n`,
  );
  assert.match((await failure(ask('lax', ''))).message, 'is not known');
});

const jumpServer = await startSshd(authorized);
const jump = jumpServer.address;
const jumpKey = jumpServer.keys.ed25519 ?? '';

test('a jump host leads to the host, each checked by its own key', async () => {
  const before = logins(jumpServer);
  assert.is(await ask(server.address, knownLines(server) + knownLines(jumpServer), { jump }), 'reached');
  assert.is(await ask(server.address, knownLines(server), { jump, jumpHostKeys: [jumpKey] }), 'reached');
  assert.is(logins(jumpServer), before + 2);
});

test('ProxyJump of ~/.ssh/config is followed, with its own aliases', async () => {
  const config = `Host box\n  HostName 127.0.0.1\n  Port ${server.port}\n  ProxyJump gate\nHost gate\n  HostName 127.0.0.1\n  Port ${jumpServer.port}\n`;
  writeFileSync(home.file('config'), config);
  const before = logins(jumpServer);
  assert.is(await ask('box', knownLines(server) + knownLines(jumpServer)), 'reached');
  assert.is(logins(jumpServer), before + 1);
});

test('two jump hosts in a row lead to the host', async () => {
  const second = await startSshd(authorized);
  // ssh reads the configuration of the password file for the first of several: this one must be found there.
  writeFileSync(home.file('config'), `Host first\n  HostName 127.0.0.1\n  Port ${second.port}\n  UserKnownHostsFile ${home.file('known_hosts')}\n  IdentityFile ${home.file('id_ed25519')}\n`); // prettier-ignore
  const known = knownLines(server) + knownLines(jumpServer) + knownLines(second);
  assert.is(await ask(server.address, known, { jump: `first,${jump}` }), 'reached');
  assert.is(logins(second), 1);
  second.stop();
});

test('an unknown or changed jump host is refused with both fingerprints', async () => {
  const before = attempts(jumpServer);
  const unknown = await failure(ask(server.address, knownLines(server), { jump }));
  assert.is(unknown.exit, 4);
  assert.match(unknown.message, `the host key of the jump host ${jump} is not known`);
  assert.match(unknown.detail ?? '', fingerprintOf(jumpKey));

  const wrong = `[127.0.0.1]:${jumpServer.port} ${impostor}\n`;
  const changed = await failure(ask(server.address, knownLines(server) + wrong, { jump }));
  assert.is(changed.exit, 4);
  assert.match(changed.message, /the host key of .* has changed/);
  assert.match(changed.detail ?? '', fingerprintOf(jumpKey));
  assert.match(changed.detail ?? '', fingerprintOf(impostor));

  const pinned = await failure(ask(server.address, knownLines(server) + knownLines(jumpServer), { jump, jumpHostKeys: [impostor] })); // prettier-ignore
  assert.match(pinned.detail ?? '', fingerprintOf(jumpKey));
  assert.match(pinned.detail ?? '', `${fingerprintOf(impostor)} (ops.yml)`);
  assert.match(pinned.advice ?? '', 'jump_host_key: ');
  assert.is(attempts(jumpServer), before);
});

test('the host behind a jump host is checked as well', async () => {
  const error = await failure(ask(server.address, knownLines(jumpServer), { jump }));
  assert.match(error.message, `the host key of ${server.address} is not known`);
  assert.match(error.advice ?? '', `ssh -J ${jump} -p ${server.port}`);
});

test('a jump host that lets nobody in, or leads nowhere, is blamed by name', async () => {
  const shut = await startSshd('/nonexistent');
  const known = knownLines(server) + knownLines(shut) + knownLines(jumpServer);
  const refused = await failure(ask(server.address, known, { jump: shut.address }));
  assert.is(refused.exit, 4);
  assert.match(refused.message, `jump host ${shut.address}`);
  assert.match(refused.detail ?? '', 'Permission denied');
  assert.not.match(refused.detail ?? '', 'debug1');
  shut.stop();
  const nowhere = await failure(ask(`${me}@127.0.0.1:1`, known, { jump }));
  assert.match(nowhere.message, `jump host ${jump}`);
  assert.match(nowhere.detail ?? '', 'refused');
});

test('a ProxyCommand is used', async () => {
  const relay = `${home.folder}/relay.mjs`;
  writeFileSync(relay, `import { connect } from 'node:net';\nconst far = connect(+process.argv[3], process.argv[2]);\nprocess.stdin.pipe(far).pipe(process.stdout);\n`); // prettier-ignore
  writeFileSync(home.file('config'), `Host relayed\n  HostName 127.0.0.1\n  Port ${server.port}\n  ProxyCommand ${process.execPath} ${relay} %h %p\n`); // prettier-ignore
  assert.is(await ask('relayed', knownLines(server)), 'reached');
  writeFileSync(home.file('config'), 'Host relayed\n  ProxyCommand nc %C\n');
  assert.is((await failure(ask('relayed', ''))).exit, 3);
});

test('nothing is left over in the temporary folder', () => {
  assert.equal(readdirSync(tmpdir()).filter(entry => entry.startsWith('bookops-jump-')), []); // prettier-ignore
});
test.after(() => {
  server.stop();
  jumpServer.stop();
  home.remove();
});
test.run();

function fingerprintOf(key: string | undefined): string {
  const printed = execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: `${key}\n`, encoding: 'utf8' });
  return printed.split(' ')[1] ?? '';
}
