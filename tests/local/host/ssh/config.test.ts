// What an address in ops.yml may be, and what OpenSSH's own configuration makes of it.
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect } from '../../../../lib/host/connect.ts';
import { script } from '../../../../lib/host/sh.ts';
import { parseAddress, resolveAddress, addressOf } from '../../../../lib/host/ssh/config.ts';
import { failure } from '../../../support/failing.ts';
import { makeHome, me, settingsFor, startSshd } from '../../../support/ssh/sshd.ts';

const home = makeHome();

test('an address is read in every form that ops.yml allows', () => {
  const table: [string, unknown][] = [
    ['web', { user: undefined, host: 'web', port: undefined }],
    ['deploy@203.0.113.10', { user: 'deploy', host: '203.0.113.10', port: undefined }],
    ['deploy@web.example.org:2222', { user: 'deploy', host: 'web.example.org', port: 2222 }],
    ['a@b@host', { user: 'a@b', host: 'host', port: undefined }],
    ['ana@[2001:db8::1]:2222', { user: 'ana', host: '2001:db8::1', port: 2222 }],
    ['ana@[::1]', { user: 'ana', host: '::1', port: undefined }],
    ['ana@2001:db8::1', { user: 'ana', host: '2001:db8::1', port: undefined }],
  ];
  for (const [address, parts] of table) assert.equal(parseAddress(address), parts, address);
});

test('an address that ssh could take for an option or a command is refused', () => {
  const hostile = [
    '-oProxyCommand=id',
    'ana@-oProxyCommand=id',
    '-l@host',
    'host -v',
    'host\nother',
    'host\u0000',
    '',
    '@host',
    'ana@',
    'a;b@host',
    '$(id)@host',
    '`id`',
    'host;id',
    'host:0',
    'host:65536',
    'host:22:33',
    '[::1',
    '[host]:22',
    'host:',
    '../etc',
    'a b@host',
    'host|id',
    "ho'st",
    '[::1]x:22',
    '\u2028host',
    'host/etc',
    'ssh://host', // prettier-ignore
  ];
  for (const address of hostile) {
    try {
      parseAddress(address);
    } catch (error) {
      assert.is(error instanceof Error && 'exit' in error && error.exit, 3, address);
      continue;
    }
    assert.unreachable(JSON.stringify(address));
  }
});

test('an alias is what ~/.ssh/config says, below HOME', async () => {
  writeFileSync(
    home.file('config'),
    `Host Box
  HostName EXAMPLE.org
  Port 2222
  User ana
  IdentityFile ~/.ssh/one
  IdentityFile %d/keys/%h
  IdentitiesOnly yes
  IdentityAgent ~/agent.sock
  ProxyJump gate:22,second
  UserKnownHostsFile ~/.ssh/a ~/.ssh/b
  GlobalKnownHostsFile none
`,
  );
  const route = await resolveAddress('Box', home.environment);
  assert.equal(route, {
    address: 'Box',
    hostname: 'example.org',
    port: 2222,
    user: 'ana',
    keyName: '[example.org]:2222',
    knownHosts: [home.file('a'), home.file('b')],
    revokedKeys: undefined,
    identityFiles: [home.file('one'), `${home.folder}/keys/example.org`],
    identitiesOnly: true,
    agent: `${home.folder}/agent.sock`,
    proxyJump: 'gate:22,second',
    proxyCommand: undefined,
  });
  const own = await resolveAddress('bob@Box:22', home.environment);
  assert.equal([own.user, own.port, own.keyName], ['bob', 22, 'example.org']);
});

test('a mistake in ~/.ssh/config is told in the words of ssh', async () => {
  writeFileSync(home.file('config'), 'Host box\n  Prot 22\n');
  const error = await failure(resolveAddress('box', home.environment));
  assert.is(error.exit, 3);
  assert.match(error.detail ?? '', /line 2.*prot/i);
  writeFileSync(home.file('config'), '');
});

test('an agent and a HostKeyAlias are found where the configuration points', async () => {
  writeFileSync(home.file('config'), 'Host box\n  IdentityAgent $MY_AGENT\n  HostKeyAlias other\n  Port 99\n');
  const route = await resolveAddress('box', { ...home.environment, MY_AGENT: '/run/agent' });
  assert.equal([route.agent, route.keyName], ['/run/agent', 'other']);
});

test('an IPv6 address in brackets is reached', async () => {
  const server = await startSshd(home.file('id_ed25519.pub'));
  const settings = settingsFor(`${me}@[::1]:${server.port}`, { hostKeys: Object.values(server.keys) });
  const host = await connect(settings, { environment: home.environment });
  assert.is(host.where, `${me}@[::1]:${server.port}`);
  assert.is((await host.ask(script('printf six'))).stdout, 'six');
  await host.close();
  server.stop();
});

test('a place is written with brackets where the address needs them', () => {
  assert.is(addressOf({ user: 'a', hostname: 'h', port: 22 }), 'a@h:22');
});

test.after(() => home.remove());

test.run();
