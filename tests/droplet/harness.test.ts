// Proves that the servers of the droplet tests are real servers, and that they can be lost in the ways the tests need.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startDroplet, type Droplet } from '../support/droplet/droplet.ts';
import { answer } from '../support/droplet/program.ts';
import { startRegistry } from '../support/droplet/registry.ts';
import { startWire } from '../support/droplet/wire.ts';

const droplet = await startDroplet('proof');
const registry = await startRegistry();

type Way = { to?: Droplet; host?: string; port?: number; user?: string; flags?: string[] };
const ssh = (
  command: string,
  { to = droplet, host = to.ip, port = to.sshPort, user = to.user, flags = [] }: Way = {},
) => answer('ssh', [...trust(to), ...flags, '-p', String(port), `${user}@${host}`, command], { seconds: 20 });
const trust = (to: Droplet) =>
  `-F none -i ${to.identityFile} -o UserKnownHostsFile=${to.knownHostsFile} -o StrictHostKeyChecking=yes -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=3`.split(
    ' ',
  );

test('a droplet is a whole server: systemd, sshd, nginx, cron and a Docker of its own', async () => {
  const said = await droplet.root(
    'cat /proc/1/comm; systemctl is-active ssh nginx cron docker; docker info -f "{{.Name}}"; for p in gunicorn flask alembic sqlite3 lsof zstd flock; do command -v $p >/dev/null || echo no $p; done',
  );
  assert.is(said.stdout, 'systemd\nactive\nactive\nactive\nactive\nproof\n');
});

test('deploy logs in with its key, and the log counts it', async () => {
  await droplet.mark();
  const said = await ssh('id -un');
  assert.is(said.stdout, 'deploy\n', said.stderr);
  assert.equal(await droplet.sshLog(), { connections: 1, logins: 1, sessions: 1 });
});

test('root, a password, another key and another host key do not get in', async () => {
  assert.match((await ssh('true', { user: 'root' })).stderr, 'Permission denied (publickey)');
  assert.match(
    (await ssh('true', { flags: ['-o', 'PubkeyAuthentication=no'] })).stderr,
    'Permission denied (publickey)',
  );
  const other = await startDroplet('other');
  const stranger = { ...droplet, identityFile: other.identityFile };
  assert.match((await ssh('true', { to: stranger })).stderr, 'Permission denied (publickey)');
  const impostor = { ...other, identityFile: other.identityFile, knownHostsFile: droplet.knownHostsFile };
  assert.match((await ssh('true', { to: impostor })).stderr, 'Host key verification failed');
  await other.remove();
});

test('sudo lets deploy act on bibliotheca and nothing else', async () => {
  await droplet.write('/etc/systemd/system/bibliotheca.service', '[Service]\nExecStart=/bin/sleep infinity\n');
  await droplet.root('systemctl daemon-reload');
  const may = async (command: string) => (await droplet.asDeploy(`sudo -n ${command}`)).code === 0;
  assert.ok(await may('/usr/bin/systemctl restart bibliotheca'));
  assert.ok(await may('systemctl is-active bibliotheca.service'));
  assert.ok(await may('systemctl reload nginx'));
  assert.ok(await may('-u bib id'));
  assert.not.ok(await may('systemctl restart ssh'));
  assert.not.ok(await may('systemctl restart bibliotheca ssh'));
  assert.not.ok(await may('systemctl reload nginx ssh'));
  assert.not.ok(await may('cat /etc/shadow'));
  assert.not.ok(await may('id'));
});

test('the registry asks for its password, and a compose app from it runs beside redis', async () => {
  const folder = mkdtempSync('/tmp/bookops-test-app-');
  writeFileSync(join(folder, 'Dockerfile'), 'FROM bookops-node-base\nCOPY app.js /app/\nCMD ["node", "/app/app.js"]\n');
  writeFileSync(join(folder, 'app.js'), `require('http').createServer((_, to) => to.end('served')).listen(3000)\n`);
  const digest = await registry.pushImage('hello', 'one', folder);
  rmSync(folder, { recursive: true });
  assert.match(digest, /^sha256:/);
  const image = `${registry.server}/hello:one`;
  assert.match((await droplet.asDeploy(`docker pull ${image}`)).stderr, 'no basic auth credentials');
  await droplet.write(
    '/srv/hello/compose.yml',
    `services:
  app: { image: '${image}', ports: ['127.0.0.1:3000:3000'], healthcheck: { test: wget -qO- http://127.0.0.1:3000, interval: 1s } }
  redis: { image: 'redis:7-alpine', healthcheck: { test: redis-cli ping, interval: 1s } }
`,
  );
  const said = await droplet.asDeploy(`set -e
    docker login -u ${registry.username} --password-stdin ${registry.server} 2>&1 <<< ${registry.password}
    cd /srv/hello
    docker compose up --detach --wait 2>&1
    curl -s http://127.0.0.1:3000`);
  assert.match(said.stdout, /served$/);
});

test('a registry that is down refuses, and comes back', async () => {
  await registry.stop();
  const image = `${registry.server}/hello:one`;
  assert.match((await droplet.asDeploy(`docker pull ${image}`)).stderr, 'connection refused');
  await registry.start();
  assert.is((await droplet.asDeploy(`docker pull -q ${image}`)).code, 0);
});

test('after a power cut it boots with its disk and its address', async () => {
  await droplet.root('touch /run/gone /root/kept; sync');
  await droplet.killHard();
  assert.is.not((await ssh('true')).code, 0);
  await droplet.startAgain();
  assert.is((await ssh('ls /run/gone /root/kept 2>/dev/null; true')).code, 0);
  assert.is((await droplet.root('ls -d /run/gone /root/kept 2>/dev/null')).stdout, '/root/kept\n');
});

test('a pulled cable and a firewall silence it, and it answers again', async () => {
  await droplet.disconnect();
  assert.is((await ssh('true')).code, 255);
  await droplet.connect();
  assert.is((await ssh('true')).code, 0);
  await droplet.dropPackets();
  assert.match((await ssh('true')).stderr, 'timed out');
  await droplet.restorePackets();
  assert.is((await ssh('true')).code, 0);
});

test('a wire carries ssh, slowly where asked', async () => {
  const wire = await startWire({ host: droplet.ip, port: 22 });
  droplet.knownAs(wire.host, wire.port);
  try {
    // a login needs some eleven ways there and back: with 200 ms each way it is never done in a second, on the fastest machine
    wire.delayMs = 200;
    const began = performance.now();
    assert.is((await ssh('echo through', wire)).stdout, 'through\n');
    const took = performance.now() - began;
    assert.ok(took > 2000, `${took} ms`);
    wire.delayMs = 0;
    assert.is((await ssh('echo through', wire)).stdout, 'through\n');
    assert.is(wire.connections, 2);
  } finally {
    await wire.close();
  }
});

test('a wire stalls without a word, resumes without a loss, and resets when cut', async () => {
  const far: Socket[] = [];
  const echo = createServer(socket => {
    far.push(socket);
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const wire = await startWire({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port });
  const near = connect(wire.port, wire.host);
  let heard = '';
  near.on('data', chunk => (heard += String(chunk)));
  const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));

  near.write('one ');
  await pause(100);
  wire.stall();
  near.write('two ');
  await pause(100);
  assert.is(heard, 'one ');
  wire.resume();
  wire.delayMs = 30;
  near.write('three');
  await pause(150);
  assert.is(heard, 'one two three');

  const lost = once(near, 'error');
  wire.cut();
  const [error] = await lost;
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNRESET');
  await pause(50);
  assert.ok(far[0]?.destroyed);
  await wire.close();
  echo.close();
});

test('nothing of a droplet is left when it is removed', async () => {
  await registry.close();
  await droplet.remove();
  assert.is.not((await ssh('true')).code, 0);
});
test.run();
