// Which servers are trusted and how they are reached: nothing is sent to a stranger, whatever the task and the way.
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startDroplet, type Droplet } from '../support/droplet/droplet.ts';
import { startWire } from '../support/droplet/wire.ts';
import { bibliothecaOnDroplet } from '../support/sites/bibliotheca.ts';
import { ended } from '../support/sites/look.ts';
import { makeSite, type Site } from '../support/sites/site.ts';

const { droplet, app, site } = await bibliothecaOnDroplet('library');
const jump = await startDroplet('jump');
const pinned = readFileSync(join(site.folder, 'ops.yml'), 'utf8');

/** A person whose ops.yml reaches the server by these lines, with this in ~/.ssh. */
function person(host: string, files: { config?: string; known_hosts?: string } = {}, env = {}): Site {
  const ops = pinned.replace(
    /^ {4}ssh: .*\n {4}host_key: .*\n {4}identity: .*\n/m,
    host.replace(/^ *(?=\S)/gm, '    '),
  );
  const made = makeSite(ops, env);
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(made.home, '.ssh', name), `${text}\n`, { mode: 0o600 });
  return made;
}

const direct = `ssh: deploy@${droplet.ip}\nidentity: ${droplet.identityFile}\n`;
const fingerprint = (line: string) =>
  execFileSync('ssh-keygen', ['-lf', '-'], { input: line, encoding: 'utf8' }).split(' ')[1] ?? '';
const shown = fingerprint(droplet.hostKeyLine);

const tasks = (sha: string) => [
  ['deploy', '--env', 'staging', '--sha', sha],
  ['logs', '--env', 'staging'],
  ['exec', '--env', 'staging', '--', 'true'],
  ['status', '--env', 'staging'],
];

/** Every task is refused with exit 4 and these texts, and the servers saw nobody try to log in. */
async function refused(by: Site, texts: string[], servers: Droplet[]): Promise<void> {
  for (const one of servers) await one.mark();
  for (const [name = '', ...words] of tasks(app.good1)) {
    const said = ended(await by.task(name, ...words), 4);
    for (const text of texts)
      assert.ok((said.stderr + said.stdout).includes(text), `${name}: ${text} in\n${said.stderr}${said.stdout}`);
  }
  for (const one of servers) {
    const { logins, sessions } = await one.sshLog();
    const tries = await one.root(
      `journalctl --sync; journalctl -q -b -t sshd -o cat | grep -cE 'stranger|Failed publickey|Invalid user'`,
    );
    assert.equal([logins, sessions, tries.stdout.trim()], [0, 0, '0']);
  }
}

async function reaches(by: Site): Promise<void> {
  const status = ended(await by.task('status', '--env', 'staging', '--json'), 0);
  assert.match(status.stdout, app.good1);
  assert.is(ended(await by.task('exec', '--env', 'staging', '--', 'cat', 'REVISION'), 0).stdout, `${app.good1}\n`);
}

test('a key pinned in ops.yml is enough, without known_hosts', async () => {
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good1), 0);
  await reaches(site);
});

test('a server nobody knows is refused with its fingerprint, by every task', async () => {
  await refused(person(direct), [shown, 'trusted is  none', 'is not known'], [droplet]);
});

test('a server whose key has changed is refused with both fingerprints, by every task', async () => {
  const other = fingerprint(jump.hostKeyLine);
  await refused(person(direct, { known_hosts: `${droplet.ip} ${jump.hostKeyLine}` }), [shown, other], [droplet]);
  await refused(person(`${direct}host_key: ${jump.hostKeyLine}\n`), [shown, other], [droplet]);
});

test('a server in known_hosts is trusted, hashed or not', async () => {
  const known = person(direct, { known_hosts: `${droplet.ip} ${droplet.hostKeyLine}` });
  await reaches(known);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', join(known.home, '.ssh/known_hosts')], { stdio: 'ignore' });
  ended(await known.task('status', '--env', 'staging'), 0);
});

test('an alias of ~/.ssh/config with a port of its own works, and its port is part of the name that is trusted', async () => {
  const wire = await startWire({ host: droplet.ip, port: 22 });
  try {
    const config = `Host library\n HostName ${wire.host}\n Port ${wire.port}\n User deploy\n IdentityFile ${droplet.identityFile}\n IdentitiesOnly yes`;
    await reaches(
      person('ssh: library\n', { config, known_hosts: `[${wire.host}]:${wire.port} ${droplet.hostKeyLine}` }),
    );
    await refused(
      person('ssh: library\n', { config, known_hosts: `${wire.host} ${droplet.hostKeyLine}` }),
      [shown],
      [droplet],
    );
  } finally {
    await wire.close();
  }
});

test('a jump host works, and is trusted no more than any other', async () => {
  const config = `Host gate\n HostName ${jump.ip}\n User deploy\n IdentityFile ${jump.identityFile}\nHost library\n HostName ${droplet.ip}\n User deploy\n ProxyJump gate\n IdentityFile ${droplet.identityFile}`;
  const both = [`${jump.ip} ${jump.hostKeyLine}`, `${droplet.ip} ${droplet.hostKeyLine}`];
  await reaches(person('ssh: library\n', { config, known_hosts: both.join('\n') }));
  const from = await droplet.root(
    'journalctl --sync; journalctl -q -b -t sshd -o cat | grep "^Accepted publickey" | tail -n 1',
  );
  assert.match(from.stdout, `from ${jump.ip} `);

  await refused(
    person('ssh: library\n', { config, known_hosts: both[1] ?? '' }),
    [fingerprint(jump.hostKeyLine)],
    [jump, droplet],
  );
  await refused(person('ssh: library\n', { config, known_hosts: both[0] ?? '' }), [shown], [droplet]);
});

test('a key with a passphrase works through the agent, and is asked for when there is none', async () => {
  const key = join(site.folder, 'locked');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'open sesame', '-f', key]);
  await droplet.root(`echo '${readFileSync(`${key}.pub`, 'utf8').trim()}' >>/etc/ssh/authorized_keys/deploy`);
  const askpass = join(site.folder, 'askpass');
  writeFileSync(askpass, '#!/bin/sh\necho "open sesame"\n');
  chmodSync(askpass, 0o700);
  const printed = execFileSync('ssh-agent', ['-s'], { encoding: 'utf8' });
  const socket = /SSH_AUTH_SOCK=([^;]+)/.exec(printed)?.[1] ?? '';
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(printed)?.[1]);
  try {
    execFileSync('ssh-add', ['-q', key], {
      env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' },
      stdio: 'ignore',
    });
    const known_hosts = `${droplet.ip} ${droplet.hostKeyLine}`;
    const lines = `ssh: deploy@${droplet.ip}\nidentity: ${key}\n`;
    await reaches(person(lines, { known_hosts }, { SSH_AUTH_SOCK: socket }));
    const without = ended(
      await person(lines, { known_hosts }).task('deploy', '--env', 'staging', '--sha', app.good2),
      4,
    );
    assert.match(without.stderr, /passphrase/);
  } finally {
    process.kill(pid);
  }
});
test.run();
