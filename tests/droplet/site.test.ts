// The proxy in front, on a real server: what routes, headers, limits and caches do for visitors, and that a bad configuration never stays.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { answer } from '../support/droplet/program.ts';
import { startDroplet } from '../support/droplet/droplet.ts';
import { saidBack, startEcho } from '../support/sites/echo.ts';
import { ended } from '../support/sites/look.ts';
import { hostLines, makeSite } from '../support/sites/site.ts';

const droplet = await startDroplet('site');
const environment = (name: string, root: string, ports: number[], more: string) => `
      ${name}:
        root: ${root}
        systemd: { unit: bibliotheca-${name} }
        health: { ready: 'http://127.0.0.1:${ports[0]}/ping' }
        site:
          domains: [${name}.book.test]
          upstreams: { web: ${ports[0]}, api: ${ports[1]} }${more}
          routes:
            /: web
            /api/: { to: api, api: true, body_limit: 2m }
            /content-asset/: { to: api, cache: 1h }
            /robots.txt: api
            /static/: { folder: current/static }
`;
const ops = `
hosts:
  vps:
${hostLines(droplet)}
apps:
  book:
    host: vps
    repo: ./repo
    runtime: systemd
    systemd: { user: bib, start: /bin/true }
    environments:${environment('production', '/opt/book', [7001, 7002], '')}${environment(
      'staging',
      '/opt/book-staging',
      [7101, 7102],
      '\n          basic_auth: proxy/htpasswd\n          body_limit: 100k',
    )}`;
const site = makeSite(ops);
await startEcho(droplet, 7001, 7002, 7101, 7102);
await droplet.root(`
  install -d -o deploy /opt/book /opt/book-staging /opt/book/current/static
  echo 'served as it is' > /opt/book/current/static/page.txt
  rm -f /etc/nginx/sites-enabled/default; systemctl start nginx`);

type Seen = { status: number; headers: Record<string, string>; body: string };
/** What a visitor from another machine gets. */
async function visit(url: string, ...words: string[]): Promise<Seen> {
  const hosts = ['production.book.test', 'staging.book.test'].flatMap(name => [
    '--resolve',
    `${name}:80:${droplet.ip}`,
    '--resolve',
    `${name}:443:${droplet.ip}`,
  ]);
  const said = await answer('curl', ['-q', '-sSki', '--max-time', '10', ...hosts, ...words, url]);
  const [head = '', ...body] = said.stdout.replace(/^HTTP\/[\d.]+ 100[^]*?\r\n\r\n/, '').split('\r\n\r\n');
  const headers = head
    .split('\r\n')
    .slice(1)
    .map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
  return {
    status: Number(head.split(' ')[1] ?? said.stderr),
    headers: Object.fromEntries(headers.map(([name = '', value = '']) => [name.toLowerCase(), value])),
    body: body.join('\r\n\r\n'),
  };
}
type Reached = { port: string; path: string; count: number; size: number; headers: Record<string, string> };
const reached = (seen: Seen) => JSON.parse(seen.body) as Reached;
const book = 'https://production.book.test';
const staging = 'https://staging.book.test';
const link = (name: string, root: string) =>
  droplet.root(`ln -sfn ${root}/proxy/site.conf /etc/nginx/sites-enabled/book-${name}.conf`);
const pids = async () => (await droplet.root('pgrep -x nginx | head -n 1')).stdout.trim();

test('show prints what apply would write, without a server', async () => {
  const said = ended(await site.task('site', 'show', '--env', 'production'), 0);
  assert.match(said.stdout, /server_name production\.book\.test;/);
});

test('without the link the site is written, nginx is left alone, and the line to type is said', async () => {
  const said = await site.task('site', 'apply', '--env', 'production');
  assert.is(said.code, 1, said.stderr);
  const line = 'ln -sfn /opt/book/proxy/site.conf /etc/nginx/sites-enabled/book-production.conf';
  assert.ok(said.stderr.includes(line), said.stderr);
  const there = await droplet.root(
    'stat -c "%n %a %U" -L /opt/book/proxy/*; stat -L -c "%a %U" /opt/book/proxy/certificate/privkey.pem; ls /etc/nginx/sites-enabled',
  );
  assert.match(there.stdout, /site\.conf 644 deploy/);
  assert.match(there.stdout, /^600 deploy$/m);
  assert.not.match(there.stdout, /book-production/);
});

test('a site that was linked is applied, and applying it again does nothing', async () => {
  await link('production', '/opt/book');
  const was = await pids();
  const first = ended(await site.task('site', 'apply', '--env', 'production', '--json'), 0);
  assert.is(first.json.changed, true);
  const again = ended(await site.task('site', 'apply', '--env', 'production', '--json'), 0);
  assert.is(again.json.changed, false);
  assert.is(await pids(), was, 'nginx was reloaded and not restarted');
});

test('routes lead where ops.yml says, the longest path first', async () => {
  const ports = [];
  for (const path of ['/', '/chapter/1?a=%2F', '/api/x', '/content-asset/a', '/robots.txt', '/robots.txt/x'])
    ports.push(reached(await visit(book + path)).port);
  assert.equal(ports, ['7001', '7001', '7002', '7002', '7002', '7001']);
  assert.is(reached(await visit(`${book}/a%2Fb//c?d=%20`)).path, '/a%2Fb//c?d=%20', 'the path arrives as it was typed');
  const page = await visit(`${book}/static/page.txt`);
  assert.equal([page.status, page.body.trim()], [200, 'served as it is']);
  assert.is((await visit(`${book}/static../proxy/site.conf`, '--path-as-is')).body.includes('server_name'), false);
  assert.is((await visit(`${book}/static/../../proxy/site.conf`, '--path-as-is')).status === 200 && false, false);
});

test('http leads to https, except for what a certificate authority asks', async () => {
  const seen = await visit('http://production.book.test/a?b=c');
  assert.equal([seen.status, seen.headers.location], [301, `${book}/a?b=c`]);
  await droplet.asDeploy(
    'mkdir -p /opt/book/proxy/acme/.well-known/acme-challenge; echo proof > /opt/book/proxy/acme/.well-known/acme-challenge/t',
  );
  assert.is((await visit('http://production.book.test/.well-known/acme-challenge/t')).body.trim(), 'proof');
});

test('the app learns who came and how, and cannot be told otherwise', async () => {
  const { headers } = reached(
    await visit(`${book}/`, '-H', 'X-Forwarded-For: 6.6.6.6', '-H', 'X-Forwarded-Host: evil'),
  );
  assert.is(headers.host, 'production.book.test');
  assert.is(headers['x-forwarded-host'], 'production.book.test');
  assert.is(headers['x-forwarded-proto'], 'https');
  assert.match(headers['x-real-ip'] ?? '', /^\d+\.\d+\.\d+\.\d+$/);
  assert.is(headers['x-forwarded-for'], headers['x-real-ip']);
  assert.is(headers.connection, 'close', 'a connection to the app is a request under way');
});

test('visitors get HSTS once, no version of nginx, and a compressed page', async () => {
  const seen = await visit(`${book}/`);
  assert.is(seen.headers['strict-transport-security'], 'max-age=31536000');
  assert.is(seen.headers.server, 'nginx');
  assert.is(seen.headers['x-robots-tag'], undefined);
  const big = await visit(`${book}/big`, '-H', 'Accept-Encoding: gzip', '--output', '/dev/null', '-D', '-');
  assert.is(big.headers['content-encoding'], 'gzip');
  assert.is((await visit(`${book}/big`)).headers['content-encoding'], undefined);
});

test('too large a request is refused by the limit of its route, else by that of the site', async () => {
  const post = async (url: string, size: number) =>
    (await visit(url, '-H', 'Expect:', '--data', 'x'.repeat(size))).status;
  assert.equal([await post(`${book}/`, 120_000), await post(`${book}/api/`, 120_000)], [200, 200]);
  const said = await droplet.root(
    `head -c 3000000 /dev/zero | curl -sk -o /dev/null -w '%{http_code} ' --resolve production.book.test:443:127.0.0.1 --data-binary @- ${book}/api/ ${book}/`,
  );
  assert.match(said.stdout, /^413/);
});

test('what the app answered comes from the cache until its time is over', async () => {
  const first = await visit(`${book}/content-asset/b`);
  const second = await visit(`${book}/content-asset/b`);
  assert.equal([first.headers['x-cache-status'], second.headers['x-cache-status']], ['MISS', 'HIT']);
  assert.is(reached(first).count, reached(second).count);
  assert.is.not(reached(await visit(`${book}/api/b`)).count, reached(await visit(`${book}/api/b`)).count);
  const removed = await droplet.asDeploy(
    'ls /opt/book/proxy/cache | wc -l; rm -f /opt/book/proxy/cache/* && ls /opt/book/proxy/cache | wc -l',
  );
  assert.match(removed.stdout, /^[1-9]\d*\n0\n$/, 'whoever deploys can empty it');
});

test('a websocket opens through the proxy and carries words both ways', async () => {
  assert.is(await saidBack(droplet, 'production.book.test'), 'hello');
});

test('staging stands beside production: its own upstreams, password and logs, and no search engine', async () => {
  const before = await droplet.root('cat /opt/book/proxy/site.conf /opt/book/proxy/applied');
  await site.task('site', 'apply', '--env', 'staging');
  await link('staging', '/opt/book-staging');
  await droplet.root(`echo "ana:$(openssl passwd -apr1 secret)" > /opt/book-staging/proxy/htpasswd`);
  ended(await site.task('site', 'apply', '--env', 'staging'), 0);
  const closed = await visit(`${staging}/`);
  assert.equal([closed.status, closed.headers['x-robots-tag']], [401, 'noindex, nofollow']);
  const open = await visit(`${staging}/`, '-u', 'ana:secret');
  assert.equal([open.status, open.headers['x-robots-tag'], reached(open).port], [200, 'noindex, nofollow', '7101']);
  assert.is((await visit(`${staging}/`, '-u', 'ana:secret', '--data', 'x'.repeat(110_000))).status, 413);
  assert.is(reached(await visit(`${book}/`)).port, '7001');
  const logs = await droplet.root(
    'cat /var/log/nginx/book-staging.access.log; echo; wc -l < /var/log/nginx/book-production.access.log',
  );
  assert.match(
    logs.stdout,
    /"GET \/ HTTP\/[\d.]+" 200 .* host=staging\.book\.test at=\d+\.\d+ seconds=[\d.]+ upstream="127\.0\.0\.1:7101" upstream_status="200"/,
  );
  assert.not.match(logs.stdout, /production\.book\.test/);
  assert.equal(await droplet.root('cat /opt/book/proxy/site.conf /opt/book/proxy/applied'), before);
});

test('--plan shows the difference to what is on the server and changes nothing', async () => {
  site.rewrite(text => text.replace('cache: 1h', 'cache: 2h'));
  const was = await droplet.root('find /opt/book/proxy -printf "%p %T@\\n" | sort');
  const said = ended(await site.task('site', 'apply', '--env', 'production', '--plan'), 0);
  assert.match(said.stdout, /^-\s+proxy_cache_valid 200 301 302 3600s;$/m);
  assert.match(said.stdout, /^\+\s+proxy_cache_valid 200 301 302 7200s;$/m);
  assert.not.match(said.stdout, /^[+-] .*server_name/m);
  assert.equal(await droplet.root('find /opt/book/proxy -printf "%p %T@\\n" | sort'), was);
});

test('what nginx refuses does not stay: its words are told, and the old configuration serves', async () => {
  const was = (await droplet.root('cat /opt/book/proxy/site.conf')).stdout;
  await droplet.root('echo "servr {}" > /etc/nginx/sites-enabled/zz-somebody-else.conf');
  const said = await site.task('site', 'apply', '--env', 'production');
  assert.is(said.code, 1, said.stderr);
  assert.match(said.stderr, /unknown directive "servr" in \/etc\/nginx\/sites-enabled\/zz-somebody-else\.conf:1/);
  assert.match(said.stderr, /not in the site of book production/);
  assert.is((await droplet.root('cat /opt/book/proxy/site.conf')).stdout, was);
  assert.is((await visit(`${book}/`)).status, 200);

  await droplet.root('rm /etc/nginx/sites-enabled/zz-somebody-else.conf; mv /opt/book-staging/proxy/htpasswd /root/');
  ended(await site.task('site', 'apply', '--env', 'production'), 0);
  assert.match((await droplet.root('cat /opt/book/proxy/site.conf')).stdout, /7200s/);
});

test('our own fault is ours: a name that is too long for nginx is refused, and what was there is back', async () => {
  const was = (await droplet.root('cat /opt/book/proxy/site.conf')).stdout;
  const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`;
  site.rewrite(text => text.replace('[production.book.test]', `[production.book.test, ${long}]`));
  const said = await site.task('site', 'apply', '--env', 'production');
  assert.is(said.code, 1);
  assert.match(said.stderr, /server_names_hash_bucket_size/);
  assert.is((await droplet.root('cat /opt/book/proxy/site.conf')).stdout, was);
  ended({ ...said, code: (await droplet.root('nginx -t')).code }, 0);
  site.rewrite(text => text.replace(`, ${long}`, ''));
});

test('a missing right is named, with the line of sudoers that gives it', async () => {
  site.rewrite(text => text.replace('cache: 2h', 'cache: 3h'));
  await droplet.root('cp /etc/sudoers.d/deploy /root/; sed -i /nginx/d /etc/sudoers.d/deploy');
  const said = await site.task('site', 'apply', '--env', 'production');
  const doctor = await site.task('doctor', '--env', 'production');
  await droplet.root('cp /root/deploy /etc/sudoers.d/deploy');
  assert.is(said.code, 1);
  const line = 'deploy ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/bin/systemctl reload nginx';
  assert.ok(said.stderr.includes(line), said.stderr);
  assert.ok(doctor.stdout.includes(line), doctor.stdout);
  ended(await site.task('site', 'apply', '--env', 'production'), 0);
});

test('the doctor says what the proxy lacks, each with its fix', async () => {
  const check = async () => {
    const said = await site.task('doctor', '--env', 'production', '--json');
    return (said.json.findings as { check: string; state: string; fix?: string }[]).filter(({ check }) =>
      /nginx|site/.test(check),
    );
  };
  assert.equal(
    (await check()).map(({ state }) => state),
    ['good', 'good'],
  );
  await droplet.root('rm /etc/nginx/sites-enabled/book-production.conf; chmod o-x /opt/book');
  const found = await check();
  await droplet.root('chmod o+x /opt/book');
  await link('production', '/opt/book');
  assert.ok(
    found.some(({ fix }) => fix?.includes('ln -sfn /opt/book/proxy/site.conf')),
    JSON.stringify(found),
  );
  assert.ok(
    found.some(({ fix }) => fix?.includes('chmod o+x /opt/book')),
    JSON.stringify(found),
  );
});
test.run();
