// Certificates on a real server from a real authority (Pebble): the first one, the next one, and everything that keeps one from being given.
import { get as httpGet, type IncomingMessage } from 'node:http';
import { Agent, get } from 'node:https';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startDroplet } from '../support/droplet/droplet.ts';
import { startPebble } from '../support/droplet/pebble.ts';
import { ended, explanationOf } from '../support/sites/look.ts';
import { hostLines, makeSite, type Said } from '../support/sites/site.ts';

const droplet = await startDroplet('certificates');
const pebble = await startPebble(droplet);
const root = '/opt/book';
const proxy = `${root}/proxy`;
await droplet.root(`install -d -o deploy -g deploy -m 755 ${root} /srv/app; echo 'a book' > /srv/app/index.html
  systemd-run -q --unit=app busybox httpd -f -p 127.0.0.1:9000 -h /srv/app`);
const site = makeSite(`hosts:
  vps:
${hostLines(droplet)}apps:
  book:
    host: vps
    repo: ./repo
    runtime: process
    process: { start: ./start }
    health: { ready: 'http://127.0.0.1:9000/' }
    site:
      email: ana@book.test
      acme: ${pebble.directory}
      domains: [book.test]
      upstreams: { app: 9000 }
      routes: { /: app }
    environments:
      production: { root: ${root} }
`);
const certificates = (...words: string[]) =>
  site.task('certificates', ...words, '--env', 'production', '--resolver', pebble.resolver);
const status = async () => {
  const said = await site.task('certificates', 'status', '--env', 'production', '--json');
  return { code: said.code, ...(said.json as Status) };
};
type Shown = { issuer: string; kind: string; daysLeft: number; fingerprint: string };
type Status = {
  certificate: Shown;
  due: boolean;
  domains: { domain: string; fault?: string; served?: Shown }[];
};

/** What a visitor is shown, asked without bookops. */
async function shown(domain = 'book.test'): Promise<string> {
  const said = await droplet.root(
    `openssl s_client -connect ${droplet.ip}:443 -servername ${domain} </dev/null 2>/dev/null | openssl x509 -noout -issuer -fingerprint -sha256`,
  );
  return said.stdout.trim();
}
const master = async () => (await droplet.root('cat /run/nginx.pid')).stdout.trim();
const leftovers = async () =>
  (
    await droplet.root(`ls -d ${proxy}/pairs/before ${root}/releases/.keeper/journal 2>/dev/null
      find ${proxy}/acme -type f; find ${root} -name '*.new'; [ "$(ls ${proxy}/pairs | wc -l)" = 1 ] || ls ${proxy}/pairs`)
  ).stdout.trim();
const why = (said: Said) => explanationOf(said).join('\n');

/** Visitors that a failing test left behind would keep this program from ending. */
const visiting = new Set<() => Promise<unknown>>();
test.after(async () => {
  for (const stop of visiting) await stop();
});

/** Visits over new connections and over one that stays, until `stop()`: how many, and what went wrong. */
function visit() {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const failures: string[] = [];
  let visits = 0;
  let going = true;
  const one = (kept: boolean) =>
    new Promise<void>(resolve => {
      const asked = get(
        {
          host: droplet.ip,
          servername: 'book.test',
          headers: { host: 'book.test' },
          rejectUnauthorized: false,
          agent: kept && agent,
          timeout: 5000,
        },
        (answer: IncomingMessage) => {
          if (answer.statusCode !== 200) failures.push(String(answer.statusCode));
          answer.resume().on('close', resolve);
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('silent')));
      asked.on('error', error => {
        // a connection that stayed may end just as it is used again: every browser then asks over a new one
        if (asked.reusedSocket) return resolve(one(false));
        failures.push(String(error));
        resolve();
      });
    });
  const loop = async (kept: boolean) => {
    while (going) {
      await one(kept);
      visits++;
      await new Promise(resolve => setTimeout(resolve, 15));
    }
  };
  const loops = [loop(false), loop(false), loop(true)];
  const stop = async () => {
    going = false;
    await Promise.all(loops);
    agent.destroy();
    visiting.delete(stop);
    return { visits, failures };
  };
  visiting.add(stop);
  return { stop };
}

test('a site begins with a certificate of its own, so that nginx starts, and status says what that is worth', async () => {
  const written = ended(await site.task('site', 'apply', '--env', 'production'), 1);
  const tie = /sudo (ln -sfn \S+ \S+)/.exec(written.stderr)?.[1];
  const tied = await droplet.root(`${tie} && nginx -t && systemctl reload nginx`);
  assert.is(tied.code, 0, tied.stderr);
  ended(await site.task('site', 'apply', '--env', 'production'), 0);
  const now = await status();
  assert.is(now.code, 1);
  assert.equal([now.certificate.kind, now.due], ['self-signed', false]);
  assert.match(now.domains[0]?.fault ?? '', /^self-signed, \d+ days left$/);
  assert.is(now.domains[0]?.served?.fingerprint, now.certificate.fingerprint);
  assert.match(await shown(), 'CN = book.test');
  assert.match(why(ended(await certificates('renew'), 2)), 'certificates.ts issue --env production');
});

test('a name that leads nowhere, or to another server, is found before the authority is asked', async () => {
  const none = ended(await certificates('issue'), 1);
  assert.match(why(none), 'cannot resolve book.test');
  assert.match(why(none), `create the record: book.test. A ${droplet.ip}`);
  await pebble.leads('book.test', `${droplet.ip}`, '10.255.255.1');
  const half = ended(await certificates('issue'), 1);
  assert.match(why(half), `book.test resolves to 10.255.255.1, and this server is ${droplet.ip}`);
  assert.match(why(half), `change the record: book.test. A ${droplet.ip}`);
  const silent = await site.task('certificates', 'issue', '--env', 'production', '--resolver', '127.0.0.1:9');
  assert.match(why(ended(silent, 1)), '--resolver');
  assert.is(await pebble.requests(), 0);
  assert.is(await leftovers(), '');
});

test('a way to the challenge that is blocked is found and explained too', async () => {
  await pebble.leads('book.test', droplet.ip);
  await droplet.root('iptables -I INPUT -p tcp --dport 80 -j DROP');
  const firewall = ended(await certificates('issue'), 1);
  await droplet.root('iptables -D INPUT -p tcp --dport 80 -j DROP');
  assert.match(why(firewall), /book\.test at \S+ does not answer on port 80 \(ETIMEDOUT\): a firewall/);
  assert.match(why(firewall), 'ufw allow 80/tcp');

  await droplet.write('/etc/nginx/conf.d/other.conf', 'server { listen 80; server_name book.test; return 404; }\n');
  await droplet.root('nginx -t && systemctl reload nginx');
  const other = ended(await certificates('issue'), 1);
  await droplet.root('rm /etc/nginx/conf.d/other.conf; systemctl reload nginx');
  assert.match(why(other), 'answers 404 where the file for the authority should be');
  assert.match(why(other), 'server_name');
  assert.is(await pebble.requests(), 0);
  assert.is(await leftovers(), '');
});

test('the first real certificate comes while visitors go on, and nginx never stops', async () => {
  const was = await master();
  const visitors = visit();
  const said = ended(await certificates('issue'), 0);
  await new Promise(resolve => setTimeout(resolve, 300));
  const { visits, failures } = await visitors.stop();
  assert.equal(failures, []);
  assert.ok(visits > 50, `only ${visits} visits`);
  console.log(`    ${visits} visits in ${said.seconds.toFixed(1)} s, 0 failed`);
  assert.is(await master(), was);
  assert.match(said.stdout, /certificate of Pebble.*89 days left, for book\.test/);
  assert.match(await shown(), 'Pebble Intermediate');
  const now = await status();
  assert.equal([now.code, now.certificate.kind, now.domains[0]?.fault], [0, 'real', undefined]);
  const owners = await droplet.root(
    `stat -L -c '%a %U' ${proxy}/certificate/privkey.pem; find ${root} ! -user deploy; find ${root} -name 'privkey*.pem' ! -type l -perm /077`,
  );
  assert.is(owners.stdout.trim(), '600 deploy');
  assert.is(await leftovers(), '');
});

test('with more than 30 days left, issue and renew say so and do nothing', async () => {
  const [before, asked] = [await shown(), await pebble.requests()];
  assert.match(ended(await certificates('issue'), 0).stdout, '89 days left: there already');
  assert.match(ended(await certificates('renew'), 0).stdout, '89 days left: not needed');
  assert.equal([await shown(), await pebble.requests()], [before, asked]);
});

test('near its end it is renewed; until then status and doctor tell', async () => {
  await pebble.putOld(`${proxy}/certificate`, ['book.test'], 69, 90);
  const old = await shown();
  assert.match(old, 'Our own authority');
  const tell = await site.task('status', '--env', 'production');
  assert.match(tell.stdout, /certificate +Our own authority root, 20 days left/);
  const doctor = await site.task('doctor', '--env', 'production', '--json');
  const found = (doctor.json as { findings: { check: string; state: string; fix?: string }[] }).findings;
  assert.equal(
    found.filter(one => one.check === 'certificate').map(({ state, fix }) => [state, fix]),
    [['warning', 'npx tsx tasks/certificates.ts renew --env production --app book']],
  );
  assert.match(ended(await certificates('renew'), 0).stdout, /Pebble.*89 days left/);
  assert.is.not(await shown(), old);
  assert.not.match((await site.task('status', '--env', 'production')).stdout, 'certificate');
});

test('an authority that is away, a client that is killed: the old certificate stays', async () => {
  const before = await shown();
  await pebble.reachable(false);
  const away = ended(await certificates('renew', '--force'), 1);
  await pebble.reachable(true);
  assert.match(why(away), 'acme.test:14000 cannot be reached from the server');
  assert.equal([await shown(), await leftovers()], [before, '']);

  const cut = site.start('certificates', 'renew', '--force', '--env', 'production', '--resolver', pebble.resolver);
  await cut.until(/Request a certificate from acme/);
  ended(await certificates('renew', '--force'), 5);
  cut.child.kill('SIGKILL');
  await cut.ended;
  assert.is((await droplet.root(`flock -w 20 ${root}/releases/.keeper/lock true`)).code, 0);
  assert.equal([await shown(), await leftovers()], [before, '']);
  ended(await certificates('renew', '--force'), 0);
  assert.is.not(await shown(), before);
});

test('a second domain: the site first, then one certificate for both', async () => {
  const before = await shown();
  await pebble.leads('www.book.test', droplet.ip);
  site.rewrite(text => text.replace('[book.test]', '[book.test, www.book.test]'));
  const early = ended(await certificates('issue'), 1);
  assert.match(why(early), /www\.book\.test at .* answers 404/);
  assert.match(ended(await certificates('renew'), 0).stderr, 'it is not for www.book.test');
  assert.is(await shown(), before);
  ended(await site.task('site', 'apply', '--env', 'production'), 0);
  assert.match((await status()).domains[1]?.fault ?? '', 'is not for this domain');
  ended(await certificates('issue'), 0);
  const now = await status();
  assert.equal([now.code, ...now.domains.map(({ fault }) => fault)], [0, undefined, undefined]);
  assert.is(await shown('www.book.test'), await shown());
});

test('a trial with Let’s Encrypt’s staging directory touches nothing; a refusal for the sake of limits is explained', async () => {
  site.rewrite(text => text.replace(/ +acme: .*\n/, ''));
  const before = [await shown(), (await droplet.root(`readlink ${proxy}/certificate`)).stdout];
  await pebble.asStaging();
  assert.match(ended(await certificates('issue', '--staging'), 0).stdout, 'would issue a certificate for book.test');
  const trial = await droplet.root(`ls ${root}/certificates/trials/live`);
  assert.match(trial.stdout, 'book.test');
  await pebble.asStaging('too many certificates (5) already issued for this exact set of domains in the last 168h0m0s');
  const limited = ended(await certificates('issue', '--staging'), 1);
  assert.match(why(limited), 'rate limit reached: too many certificates (5) already issued');
  assert.equal([await shown(), (await droplet.root(`readlink ${proxy}/certificate`)).stdout], before);
  assert.is(await leftovers(), '');
});

test('http leads to https, and the folder of challenges lists nothing', async () => {
  const code = (path: string) =>
    new Promise<number | undefined>((resolve, reject) =>
      httpGet({ host: droplet.ip, path, headers: { host: 'book.test' } }, answer => {
        answer.resume();
        resolve(answer.statusCode);
      }).on('error', reject),
    );
  assert.is(await code('/'), 301);
  assert.ok([403, 404].includes((await code('/.well-known/acme-challenge/')) ?? 0));
});
test.run();
