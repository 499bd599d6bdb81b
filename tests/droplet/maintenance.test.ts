// Maintenance as visitors see it, through real nginx; and a real cron that ends it, also when the server was off at that minute.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startDroplet } from '../support/droplet/droplet.ts';
import { answer, until } from '../support/droplet/program.ts';
import { startEcho } from '../support/sites/echo.ts';
import { ended } from '../support/sites/look.ts';
import { hostLines, makeSite } from '../support/sites/site.ts';

const droplet = await startDroplet('closed');
const environment = (name: string, root: string, port: number) => `
      ${name}:
        root: ${root}
        systemd: { unit: bibliotheca-${name} }
        health: { ready: 'http://127.0.0.1:${port}/ping' }
        site:
          domains: [${name}.book.test]
          tls: 'off'
          upstreams: { web: ${port} }
          routes: { /: web, /api/: { to: web, api: true } }
`;
const site = makeSite(`
hosts:
  vps:
${hostLines(droplet)}
apps:
  book:
    host: vps
    repo: ./repo
    runtime: systemd
    systemd: { user: bib, start: /bin/true }
    environments:${environment('production', '/opt/book', 7001)}${environment('staging', '/opt/book-staging', 7101)}`);
const folder = '/opt/book/maintenance';
const flag = `${folder}/MAINTENANCE_ON`;
const stagingFlag = '/opt/book-staging/maintenance/MAINTENANCE_ON';
const ofOthers = `MAILTO=""\n# m h dom\n\n0 3 * * * echo "100 \\% of it's \\$HOME"\n@reboot true\n`;
const crontab = async () => (await droplet.asDeploy('crontab -l')).stdout;
const isThere = async (path: string) => (await droplet.root(`[ -e ${path} ] && echo yes`)).stdout === 'yes\n';
const maintenance = (...words: string[]) => site.task('maintenance', ...words);

await startEcho(droplet, 7001, 7101);
await droplet.write('/home/deploy/crontab', ofOthers);
await droplet.asDeploy('crontab crontab');
await droplet.root(`
  install -d -o deploy /opt/book /opt/book-staging
  rm -f /etc/nginx/sites-enabled/default; systemctl start nginx`);
for (const [name, root] of [
  ['staging', '/opt/book-staging'],
  ['production', '/opt/book'],
]) {
  await droplet.root(`ln -sfn ${root}/proxy/site.conf /etc/nginx/sites-enabled/book-${name}.conf`);
  ended(await site.task('site', 'apply', '--env', String(name)), 0);
}

const words = ['-q', '-sSi', '--path-as-is', '--max-time', '10'];
const seenIn = (text: string) => ({ status: Number(text.split(' ')[1]), text });
/** What a visitor from this machine gets. */
const visit = async (path: string, ...more: string[]) =>
  seenIn(
    (await answer('curl', [...words, '-H', 'Host: production.book.test', ...more, `http://${droplet.ip}${path}`]))
      .stdout,
  );
/** What one gets who comes from that address. */
const visitFrom = async (from: string, to: string) =>
  seenIn(
    (await droplet.root(`curl ${words.join(' ')} -H 'Host: production.book.test' --interface ${from} http://${to}/`))
      .stdout,
  );

/** The time at which the server is to end the maintenance of staging, which happens while the others go on. */
let end = 0;

test('on the server’s own time it is switched on with an end, and the crontab of others stays', async () => {
  const said = ended(
    await maintenance('on', '--env', 'staging', '--until', '1s', '--message', 'until=2030-01-01', '--json'),
    0,
  );
  end = Date.parse(String(said.json.until));
  assert.ok(end > Date.now() && end - Date.now() <= 61_000, String(said.json.until));
  assert.ok(await isThere(stagingFlag));
  const lines = await crontab();
  assert.ok(lines.startsWith(ofOthers), lines);
  assert.is(lines.slice(ofOthers.length).trim().split('\n').length, 2, lines);
});

test('visitors get 503 with the page, routes of an API get JSON, and the server itself gets the app', async () => {
  assert.is((await visit('/')).status, 200);
  ended(await maintenance('on', '--env', 'production', '--message', 'New "shelves" & <b>more</b>'), 0);
  const [page, api] = await Promise.all([visit('/some/page'), visit('/api/books')]);
  assert.equal([page.status, api.status], [503, 503]);
  for (const { text } of [page, api]) {
    assert.match(text, /^retry-after: 30\r$/im);
    assert.match(text, /^cache-control: no-store\r$/im);
  }
  assert.match(page.text, /^content-type: text\/html; charset=utf-8\r$/im);
  assert.match(page.text, '<p dir="auto">New &quot;shelves&quot; &amp; &lt;b&gt;more&lt;/b&gt;</p>');
  assert.not.match(page.text, 'Expected back');
  assert.match(api.text, /^content-type: application\/json\r$/im);
  assert.is(JSON.parse(api.text.split('\r\n\r\n')[1] ?? '').message, 'New "shelves" & <b>more</b>');
  assert.is((await visitFrom('127.0.0.1', '127.0.0.1')).status, 200);
});

test('an allowed address passes and no other does, by IPv4 and by IPv6', async () => {
  const six = '2001:db8:0:1::1:0';
  await droplet.root(`sysctl -qw net.ipv6.conf.lo.disable_ipv6=0; ip addr add 203.0.113.4/32 dev lo; ip addr add 203.0.113.40/32 dev lo
    ip -6 addr add ${six}/128 dev lo nodad; ip -6 addr add 2001:db8::2/128 dev lo nodad`);
  const both = async () => [
    (await visitFrom('203.0.113.4', '203.0.113.4')).status,
    (await visitFrom(six, `[${six}]`)).status,
  ];
  assert.equal(await both(), [503, 503]);
  ended(
    await maintenance('on', '--env', 'production', '--allow', '203.0.113.4', '--allow', '2001:0DB8:0:1:0:0:1:0'),
    0,
  );
  assert.equal(await both(), [200, 200]);
  assert.equal(
    [
      (await visit('/')).status,
      (await visitFrom('203.0.113.40', '203.0.113.40')).status,
      (await visitFrom('2001:db8::2', '[2001:db8::2]')).status,
    ],
    [503, 503, 503],
  );
  assert.match((await visit('/')).text, 'New &quot;shelves&quot;', 'what was not named stays');
});

test('the link leads in, and no forged cookie does', async () => {
  const said = ended(await maintenance('on', '--env', 'production', '--link', '--verbose'), 0);
  const [, token = ''] = /http:\/\/production\.book\.test\/\.bookops\/pass\/([0-9a-f]{64})$/m.exec(said.stdout) ?? [];
  assert.is(token.length, 64, said.stdout);
  assert.not.match(said.stderr, token);
  const traces = await droplet.root(`grep -rl ${token} /opt/book /dev/shm /var/log /home/deploy; true`);
  assert.is(traces.stdout, '', 'it is nowhere but in a name');
  assert.is((await droplet.root(`stat -c %a ${folder}/pass`)).stdout, '711\n');

  const opened = await visit(`/.bookops/pass/${token}`);
  assert.is(opened.status, 302);
  const [, cookie = ''] =
    /^set-cookie: (bookops_pass=\w+); path=\/; max-age=43200; httponly; samesite=lax\r$/im.exec(opened.text) ?? [];
  assert.is(cookie, `bookops_pass=${token}`);
  const withCookie = async (text: string) => (await visit('/', '-H', `Cookie: ${text}`)).status;
  assert.is(await withCookie(cookie), 200);
  assert.is(await withCookie(`a=b; ${cookie}`), 200);
  const forged = [
    '',
    'a'.repeat(64),
    token.slice(1),
    `${token}0`,
    token.toUpperCase().replaceAll(/\d/g, 'A'),
    `${token}/`,
    `./${token}`,
    '../MAINTENANCE_ON',
    '../../../../etc/passwd',
    '..%2f..%2fetc%2fpasswd',
    '.',
    '',
    'none',
  ];
  for (const value of forged) assert.is(await withCookie(`bookops_pass=${value}`), 503, value);
  // in a path, ./ is nothing, and the link with it is the link
  for (const value of forged.filter(one => !one.startsWith('./')))
    assert.is.not((await visit(`/.bookops/pass/${value}`)).status, 302, value);

  ended(await maintenance('on', '--env', 'production', '--link'), 0);
  assert.is(await withCookie(cookie), 503, 'a new link ends the one before');
});

test('off lets everybody in, and nothing of it is left', async () => {
  ended(await maintenance('off', '--env', 'production'), 0);
  assert.is((await visit('/')).status, 200);
  assert.is((await droplet.root(`ls -A ${folder}`)).stdout, '');
});

test('a client killed half-way leaves it off or on, and not half of it', async () => {
  // staging's lines may go by themselves at any minute
  const rest = async () => (await crontab()).split('\n').filter(line => !line.includes('/opt/book-staging/'));
  const before = await rest();
  // the crontab that does not end is the one step that can be caught in the act
  await droplet.write(
    '/usr/local/bin/crontab',
    '#!/bin/sh\n[ "$1" = -l ] || [ -e /tmp/go ] || { touch /tmp/asleep; sleep 60; }\nexec /usr/bin/crontab "$@"\n',
    '755',
  );
  const running = site.start('maintenance', 'on', '--env', 'production', '--until', '2h', '--allow', '203.0.113.4');
  await until('the flag is there', 20, async () => (await isThere(flag)) || undefined);
  // before that, all could still be done: it would be on
  await until('the crontab is being written', 20, async () => (await isThere('/tmp/asleep')) || undefined);
  running.child.kill('SIGKILL');
  await droplet.root('touch /tmp/go');
  await until('it is undone', 20, async () =>
    (await isThere('/opt/book/releases/.keeper/journal')) ? undefined : true,
  );
  await droplet.root('rm /usr/local/bin/crontab');
  assert.is((await droplet.root(`ls -A ${folder}`)).stdout, '');
  assert.equal(await rest(), before);
});

test('it ends at its minute without us, and takes its lines along', async () => {
  await until('it has ended', 70, async () => ((await isThere(stagingFlag)) ? undefined : true));
  const late = (Date.now() - end) / 1000;
  // how much later it is seen depends on the tests before
  assert.ok(late > -0.5, `${late} s after its end`);
  await until('its lines are gone', 5, async () => ((await crontab()) === ofOthers ? true : undefined));
  assert.is((await droplet.root('ls -A /opt/book-staging/maintenance')).stdout, '');
  console.log(`ended ${late.toFixed(1)} s after its time`);
});

test('it ends at boot when the server was off at that minute', async () => {
  ended(await maintenance('on', '--env', 'production', '--until', '2h', '--allow', '203.0.113.4'), 0);
  // not in the last seconds of a minute, in which cron would look before the power is cut
  await droplet.root('while [ $(date +%-S) -gt 54 ]; do sleep 1; done');
  await droplet.root(`sed -i "s/until=[^ ]*/until=$(date +%Y-%m-%dT%H:%M%:z)/" ${flag}; sync`);
  await droplet.killHard();
  await droplet.startAgain();
  const booted = Date.now();
  await until('it has ended', 61, async () => ((await isThere(flag)) ? undefined : true));
  console.log(`ended ${((Date.now() - booted) / 1000).toFixed(1)} s after the boot`);
  await until('its lines are gone', 5, async () => ((await crontab()) === ofOthers ? true : undefined));
  assert.is((await droplet.root(`ls -A ${folder}`)).stdout, '');
});
test.run();
