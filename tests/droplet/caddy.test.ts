// Caddy in front, on a real server: the same routes, its own certificate, maintenance, and that a bad configuration never stays.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startDroplet } from '../support/droplet/droplet.ts';
import { startPebble } from '../support/droplet/pebble.ts';
import { answer, until } from '../support/droplet/program.ts';
import { saidBack, startEcho } from '../support/sites/echo.ts';
import { ended } from '../support/sites/look.ts';
import { hostLines, makeSite } from '../support/sites/site.ts';

const droplet = await startDroplet('caddy');
const pebble = await startPebble(droplet);
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
    site:
      proxy: caddy
      routes:
        /: web
        /api/: { to: api, api: true, body_limit: 2m }
        /api/pages/: { to: web }
        /robots.txt: api
        /static/: { folder: current/static }
    environments:
      production:
        root: /opt/book
        systemd: { unit: bibliotheca-production }
        health: { ready: 'http://127.0.0.1:7001/ping' }
        site: { domains: [production.book.test], email: ana@book.test, upstreams: { web: 7001, api: 7002 }, acme: '${pebble.directory}' }
      staging:
        root: /opt/book-staging
        systemd: { unit: bibliotheca-staging }
        health: { ready: 'http://127.0.0.1:7101/ping' }
        site: { domains: [staging.book.test], upstreams: { web: 7101, api: 7102 }, tls: 'off', basic_auth: proxy/passwords, body_limit: 100k }
`);
await startEcho(droplet, 7001, 7002, 7101);
await droplet.root(`
  install -d -o deploy /opt/book /opt/book-staging /opt/book/current/static
  echo 'served as it is' > /opt/book/current/static/page.txt
  systemctl stop nginx; systemctl unmask caddy 2>&1; systemctl start caddy`);
await pebble.leads('production.book.test', droplet.ip);

type Seen = { status: number; headers: Record<string, string>; text: string; body: string };
const words = ['-q', '-sSki', '--path-as-is', '--max-time', '10'];
const seenIn = (said: { stdout: string; stderr: string }): Seen => {
  const [head = '', ...body] = said.stdout.replace(/^HTTP\/[\d.]+ 100[^]*?\r\n\r\n/, '').split('\r\n\r\n');
  const headers = [...head.matchAll(/^([\w-]+): (.*?)\r?$/gm)].map(([, name = '', value = '']) => [
    name.toLowerCase(),
    value,
  ]);
  return {
    status: Number(head.split(' ')[1] ?? said.stderr),
    headers: Object.fromEntries(headers),
    text: said.stdout,
    body: body.join('\r\n\r\n'),
  };
};
const names = (ip: string) =>
  ['production.book.test:443', 'production.book.test:80', 'staging.book.test:80'].flatMap(name => [
    '--resolve',
    `${name}:${ip}`,
  ]);
/** What a visitor from another machine gets. */
const visit = async (url: string, ...more: string[]) =>
  seenIn(await answer('curl', [...words, ...names(droplet.ip), ...more, url]));
const visitFrom = async (from: string, to: string) =>
  seenIn(await droplet.root(`curl ${words.join(' ')} ${names(to).join(' ')} --interface ${from} ${book}/`));
const reached = (seen: Seen) =>
  JSON.parse(seen.body) as { port: string; path: string; headers: Record<string, string> };
const book = 'https://production.book.test';
const staging = 'http://staging.book.test';
const tie = (root: string) => droplet.root(`echo 'import ${root}/proxy/site.caddy' >> /etc/caddy/Caddyfile`);
const apply = (environment: string, ...more: string[]) => site.task('site', 'apply', '--env', environment, ...more);
const maintenance = (...more: string[]) => site.task('maintenance', ...more, '--env', 'production');

test('before the import the site is written, Caddy is left alone, and the doctor says the line to type', async () => {
  const said = await apply('production');
  assert.is(said.code, 1, said.stderr);
  const line = "echo 'import /opt/book/proxy/site.caddy' | sudo tee -a /etc/caddy/Caddyfile";
  assert.ok(said.stderr.includes(line), said.stderr);
  const doctor = await site.task('doctor', '--env', 'production');
  assert.ok(doctor.stdout.includes(line), doctor.stdout);
});

test('a site that was imported is applied, gets its certificate by itself, and is not applied twice', async () => {
  await tie('/opt/book');
  const first = ended(await apply('production', '--json'), 0);
  assert.is(first.json.changed, true);
  assert.is(ended(await apply('production', '--json'), 0).json.changed, false);
  await until('Caddy has a certificate', 30, async () => ((await visit(`${book}/`)).status === 200 ? true : undefined));
  const issuer = await droplet.root(
    'openssl s_client -connect 127.0.0.1:443 -servername production.book.test </dev/null 2>/dev/null | openssl x509 -noout -issuer',
  );
  assert.match(issuer.stdout, /Pebble/);
});

test('routes lead where ops.yml says, the longest path first', async () => {
  const ports = [];
  for (const path of ['/', '/chapter/1?a=%2F', '/api/x', '/api/pages/1', '/robots.txt', '/robots.txt/x'])
    ports.push(reached(await visit(book + path)).port);
  assert.equal(ports, ['7001', '7001', '7002', '7001', '7002', '7001']);
  assert.is(reached(await visit(`${book}/a%2Fb//c?d=%20`)).path, '/a%2Fb//c?d=%20', 'the path arrives as it was typed');
  const page = await visit(`${book}/static/page.txt`);
  assert.equal([page.status, page.body.trim()], [200, 'served as it is']);
  for (const path of [
    '/static../proxy/site.caddy',
    '/static/../../proxy/site.caddy',
    '/static/..%2f..%2fproxy/site.caddy',
  ])
    assert.not.match((await visit(book + path)).body, 'reverse_proxy');
});

test('the app learns who came and how, and visitors get https, HSTS and a compressed page', async () => {
  const asked = await visit(`${book}/`, '-H', 'X-Forwarded-For: 6.6.6.6', '-H', 'X-Forwarded-Host: evil');
  const { headers } = reached(asked);
  assert.is(headers.host, 'production.book.test');
  assert.is(headers['x-forwarded-host'], 'production.book.test');
  assert.is(headers['x-forwarded-proto'], 'https');
  assert.match(headers['x-real-ip'] ?? '', /^\d+\.\d+\.\d+\.\d+$/);
  assert.is(headers['x-forwarded-for'], headers['x-real-ip']);
  assert.is(headers.connection, 'close', 'a connection to the app is a request under way');
  assert.equal(
    asked.text.match(/^strict-transport-security: .*$/gim)?.map(line => line.trim().slice(27)),
    ['max-age=31536000'],
  );
  assert.is(asked.headers['x-robots-tag'], undefined);
  const big = await visit(`${book}/big`, '-H', 'Accept-Encoding: gzip', '--output', '/dev/null', '-D', '-');
  assert.is(big.headers['content-encoding'], 'gzip');
  const plain = await visit('http://production.book.test/a?b=c');
  assert.equal([plain.status, plain.headers.location], [308, `${book}/a?b=c`]);
});

test('too large a request is refused by the limit of its route, else by that of the site', async () => {
  // not by HTTP/2: curl 7.88 takes an answer that comes before the whole request was sent for an error
  const said = await droplet.root(
    `for size in 3000000 11000000; do for path in api/ ''; do head -c $size /dev/zero | curl -qsSk --http1.1 -o /dev/null -w '%{http_code} ' ${names('127.0.0.1').join(' ')} --data-binary @- ${book}/$path; done; done`,
  );
  assert.is(said.stdout, '413 200 413 413 ', said.stderr);
});

test('a websocket opens through the proxy and carries words both ways', async () => {
  assert.is(await saidBack(droplet, 'production.book.test'), 'hello');
});

test('maintenance is told by page and by JSON, whatever is asked, and not to the server itself', async () => {
  ended(await maintenance('on', '--message', 'New "shelves" & <b>more</b>'), 0);
  const asked = [
    await visit(`${book}/some/page`),
    await visit(`${book}/some/page`, '-d', 'x=y'),
    await visit(`${book}/api/pages/1`, '-H', 'Range: bytes=0-5', '-H', 'If-None-Match: *'),
    await visit(`${book}/static/page.txt`),
    await visit(`${book}/api/books`, '-X', 'DELETE'),
  ];
  for (const { status, headers, text } of asked) {
    assert.equal([status, headers['retry-after'], headers['cache-control']], [503, '30', 'no-store'], text);
  }
  for (const { headers, body } of asked.slice(0, 4)) {
    assert.is(headers['content-type'], 'text/html; charset=utf-8');
    assert.match(body, '<p dir="auto">New &quot;shelves&quot; &amp; &lt;b&gt;more&lt;/b&gt;</p>');
  }
  assert.is(asked[4]?.headers['content-type'], 'application/json');
  assert.is(JSON.parse(asked[4]?.body ?? '').message, 'New "shelves" & <b>more</b>');
  assert.is((await visitFrom('127.0.0.1', '127.0.0.1')).status, 200);
});

test('an allowed address passes and no other does, by IPv4 and by IPv6', async () => {
  const six = '2001:db8:0:1::1:0';
  await droplet.root(`sysctl -qw net.ipv6.conf.lo.disable_ipv6=0; ip addr add 203.0.113.4/32 dev lo; ip addr add 203.0.113.40/32 dev lo
    ip -6 addr add ${six}/128 dev lo nodad`);
  const all = async () => [
    (await visitFrom('203.0.113.4', '203.0.113.4')).status,
    (await visitFrom(six, `[${six}]`)).status,
    (await visitFrom('203.0.113.40', '203.0.113.40')).status,
  ];
  assert.equal(await all(), [503, 503, 503]);
  ended(await maintenance('on', '--allow', '203.0.113.4', '--allow', '2001:0DB8:0:1:0:0:1:0'), 0);
  assert.equal(await all(), [200, 200, 503]);
});

test('the link leads in, no forged cookie does, and no log has the secret', async () => {
  const said = ended(await maintenance('on', '--link'), 0);
  const [url = '', token = ''] =
    /https:\/\/production\.book\.test\/\.bookops\/pass\/([0-9a-f]{64})$/m.exec(said.stdout) ?? [];
  const opened = await visit(url);
  assert.equal([opened.status, opened.headers.location, opened.headers['cache-control']], [302, '/', 'no-store']);
  assert.is(
    opened.headers['set-cookie'],
    `bookops_pass=${token}; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure`,
  );
  const withCookie = async (text: string) => (await visit(`${book}/`, '-H', `Cookie: ${text}`)).status;
  assert.equal(
    [await withCookie(`bookops_pass=${token}`), await withCookie(`a=b; bookops_pass=${token}; c=d`)],
    [200, 200],
  );
  const forged = [
    '',
    'a'.repeat(64),
    token.slice(1),
    `${token}0`,
    `${token}/`,
    `./${token}`,
    '../MAINTENANCE_ON',
    '*',
    '{file}',
    'none',
  ];
  for (const value of forged) {
    assert.is(await withCookie(`bookops_pass=${value}`), 503, value);
    if (!value.startsWith('./'))
      assert.is((await visit(`${book}/.bookops/pass/${value}`, '--globoff')).status, 404, value);
  }
  assert.is(await withCookie(`x_bookops_pass=${token}`), 503);
  const traces = await droplet.root(
    `journalctl --sync; grep -rl ${token} /var/log /opt/book; journalctl -u caddy | grep -c ${token}`,
  );
  assert.is(traces.stdout, '0\n', 'it is nowhere but in a name');
  ended(await maintenance('off'), 0);
  assert.is((await visit(`${book}/`)).status, 200);
});

test('staging stands beside production: password, limit, logs, no search engine, and what stands before it is believed', async () => {
  await apply('staging');
  await tie('/opt/book-staging');
  await droplet.root(`echo "ana $(caddy hash-password --plaintext secret)" > /opt/book-staging/proxy/passwords`);
  ended(await apply('staging'), 0);
  const closed = await visit(`${staging}/`);
  assert.equal([closed.status, closed.headers['x-robots-tag']], [401, 'noindex, nofollow']);
  const known = ['-u', 'ana:secret', '-H', 'X-Forwarded-For: 198.51.100.7', '-H', 'X-Forwarded-Proto: https'];
  const { headers } = reached(await visit(`${staging}/`, ...known));
  assert.match(headers['x-forwarded-for'] ?? '', /^198\.51\.100\.7, \d/);
  assert.is(headers['x-forwarded-proto'], 'https');
  assert.is((await visit(`${staging}/`, ...known, '--data', 'x'.repeat(110_000))).status, 413);
  assert.is((await visit(`${book}/`)).status, 200);
  const logs = await droplet.root('cat /var/log/caddy/book-staging.access.log');
  assert.match(logs.stdout, '"host":"staging.book.test"');
  assert.not.match(logs.stdout, /production\.book\.test|secret/);
});

test('what Caddy refuses does not stay: its words are told, and the old configuration serves', async () => {
  const was = (await droplet.root('cat /opt/book/proxy/site.caddy')).stdout;
  site.rewrite(text => text.replace('body_limit: 2m', 'body_limit: 3m'));
  const faults = [
    { main: 'http://other.test {\n frobnicate\n}', words: /unrecognized directive: frobnicate/ },
    // What only the running Caddy can know: it may not write there.
    {
      main: 'http://other.test {\n respond other\n log {\n  output file /etc/other.log {\n   roll_disabled\n  }\n }\n}',
      words: /open \/etc\/other\.log: /,
    },
  ];
  for (const { main, words } of faults) {
    await droplet.root('cp /etc/caddy/Caddyfile /root/Caddyfile');
    await droplet.root(`cat >> /etc/caddy/Caddyfile <<'END'\n${main}\nEND`);
    const said = await apply('production');
    await droplet.root('cat /root/Caddyfile > /etc/caddy/Caddyfile');
    assert.is(said.code, 1, said.stderr);
    assert.match(said.stderr, words, said.stderr);
    assert.is((await droplet.root('cat /opt/book/proxy/site.caddy')).stdout, was);
    assert.is((await visit(`${book}/`)).status, 200);
  }
  ended(await apply('production'), 0);
  assert.is((await droplet.root('systemctl is-active caddy')).stdout, 'active\n', 'systemd knows that it goes on');
  assert.match((await droplet.root('cat /opt/book/proxy/site.caddy')).stdout, `${3 * 1024 * 1024}`);

  await droplet.root('rm /opt/book-staging/proxy/passwords');
  site.rewrite(text => text.replace('body_limit: 100k', 'body_limit: 200k'));
  const own = await apply('staging');
  assert.is(own.code, 1);
  assert.is((await visit(`${staging}/`, '-u', 'ana:secret')).status, 200, 'the old one serves with the old password');
});

test('Caddy that starts again serves all of it', async () => {
  await droplet.root(
    `echo "ana $(caddy hash-password --plaintext secret)" > /opt/book-staging/proxy/passwords; systemctl restart caddy`,
  );
  assert.equal([(await visit(`${book}/`)).status, (await visit(`${staging}/`)).status], [200, 401]);
  const doctor = await site.task('doctor', '--env', 'production', '--json');
  const findings = (doctor.json.findings as { check: string; state: string }[]).filter(({ check }) =>
    /caddy|site/.test(check),
  );
  assert.equal(
    findings.map(({ state }) => state),
    ['good', 'good'],
    doctor.stdout,
  );
});
test.run();
