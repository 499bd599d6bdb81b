// An app of ONCE, by a stand-in for its CLI that does on real containers what the real one does: deployed, gone back, backed up, restored in place.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/droplet/program.ts';
import { ended, inLine } from '../support/sites/look.ts';
import { onceHost, onceOnDroplet, onceRoot } from '../support/sites/once.ts';

const { droplet, registry, site, good1, good2, bad, wrong, calls, faults, powerCut } = await onceOnDroplet('once');
const torture = process.env['BOOKOPS_TORTURE'] === '1';
const task = async (code: number, name: string, ...words: string[]) =>
  ended(await site.task(name, ...words, '--env', 'production'), code);
const inHost = async (script: string) => (await droplet.root(script)).stdout.trim();
const serves = () => inHost(`curl -s -D - -o /dev/null http://${onceHost}/up | sed -n 's/^X-Rev: //Ip' | tr -d '\\r'`);
const pages = (how = '') => inHost(`curl -s ${how} http://${onceHost}/pages`);
const label = (field: string) =>
  inHost(
    `docker ps -a --filter label=once --format '{{.Names}} {{.Label "once"}}' | sed -n 's/^once-app-[^ ]* //p' | python3 -c 'import json,sys; print(json.load(sys.stdin)["${field}"])'`,
  );
const log = async () => (await inHost(`cat ${onceRoot}/releases/releases.log`)).split('\n');
const pagesIn = (volume: string) =>
  inHost(
    `sqlite3 -readonly "$(docker volume inspect -f '{{.Mountpoint}}' ${volume})/db/production.sqlite3" 'SELECT count(*) FROM pages'`,
  );
const volumes = () => inHost('docker volume ls -q | grep ^once-app- | sort');

test('a first deploy that turns out wrong is taken away again, and its volume stays', async () => {
  const said = await task(1, 'deploy', '--sha', wrong, '--unpushed');
  assert.match(said.stderr, '0000000');
  assert.equal(
    (await calls()).map(one => one.split(' ').slice(0, 3).join(' ')),
    [
      `deploy ${registry.server}/writebook:${wrong}@${await inHost("sed 's/.*@//' /var/log/once-calls | head -n 1 | cut -d ' ' -f 1")} --host`,
      `remove ${onceHost}`,
    ],
  );
  const volume = await volumes();
  assert.match(volume, /^once-app-writebook\.[0-9a-f]{6}$/);
  assert.match(said.stderr, `the volume ${volume} stays`);
  await droplet.root(`docker volume rm ${volume}`);
});

test('the first deploy lets ONCE deploy the image by digest, without automatic updates', async () => {
  await task(0, 'deploy', '--sha', good1, '--unpushed');
  const [deploy = '', ...more] = await calls();
  assert.equal(more, []);
  assert.match(deploy, new RegExp(`^deploy ${registry.server}/writebook:${good1}@sha256:[0-9a-f]{64} --host ${onceHost} --disable-tls=true --auto-update=false$`)); // prettier-ignore
  assert.is(await serves(), good1);
  assert.is(await label('autoUpdate'), 'False');
});

test('the second one is an update that no visitor notices; the settings of the app stay', async () => {
  await droplet.root(`su deploy -c "once update ${onceHost} --env A=1 --env 'B=\\"host\\":\\"x\\",\\"env\\":'"`);
  await pages('-X POST');
  await calls();
  await droplet.root(
    `(while [ ! -e /tmp/stop ]; do curl -s -o /dev/null -w '%{http_code}\\n' --max-time 5 http://${onceHost}/up; sleep 0.05; done) >/tmp/codes 2>&1 </dev/null &`,
  );
  await task(0, 'deploy', '--sha', good2, '--unpushed');
  const codes = await inHost('touch /tmp/stop; sleep 0.3; sort -u /tmp/codes; rm /tmp/stop');
  assert.is(codes, '200');
  const [update = '', ...more] = await calls();
  assert.match(update, new RegExp(`^update ${onceHost} --image ${registry.server}/writebook:${good2}@sha256:[0-9a-f]{64} --auto-update=false$`)); // prettier-ignore
  assert.equal(more, []);
  assert.is(await serves(), good2);
  assert.is(await pages(), '1');
  assert.is(await label('env'), `{'A': '1', 'B': '"host":"x","env":'}`);
});

test('a version that is not healthy changes nothing, and its last words are told', async () => {
  const said = await task(1, 'deploy', '--sha', bad, '--unpushed');
  assert.match(said.stderr, 'application did not start');
  assert.match(said.stderr, 'the search index is missing');
  assert.not.match(said.stderr, '\x1b');
  assert.is(await serves(), good2);
  assert.equal((await calls()).length, 1, 'what still serves is not started again');
  assert.is(inLine((await log()).at(-1), 'outcome'), 'reverted');
});

test('a version that ONCE takes for good and the probes do not gives way to the one before', async () => {
  await calls();
  await task(1, 'deploy', '--sha', wrong, '--unpushed');
  const images = (await calls()).map(one => /^update \S+ --image [^@]*:([0-9a-f]{40})@/.exec(one)?.[1]);
  assert.equal(images, [wrong, good2]);
  assert.is(await serves(), good2);
});

test('status and doctor name the ONCE; logs, exec and restart reach the container', async () => {
  const status = await task(0, 'status');
  assert.match(status.stdout, 'ONCE v0.3.1, running, automatic updates off');
  assert.match((await task(0, 'doctor')).stdout, 'ONCE v0.3.1');
  assert.match((await task(0, 'logs')).stdout, `starting ${good2}`);
  assert.match((await task(1, 'logs', '--release', good1)).stderr, 'Docker keeps no logs without it');
  const said = ended(
    await site.task('exec', '--env', 'production', '--', 'sh', '-c', 'echo "$0 $A"; exit 3', "it's"),
    3,
  );
  assert.is(said.stdout, "it's 1\n");
  await calls();
  await task(0, 'restart');
  assert.equal(await calls(), [`stop ${onceHost}`, `start ${onceHost}`]);
  assert.is(await serves(), good2);
});

test('a rollback is an update to the image of before', async () => {
  await calls();
  await task(0, 'rollback');
  assert.match((await calls()).join(), `update ${onceHost} --image ${registry.server}/writebook:${good1}@sha256:`);
  assert.is(await serves(), good1);
  await task(0, 'rollback', '--to', good2);
  assert.is(await serves(), good2);
});

test('a deploy whose program is killed is settled by the server: one version, one container, no lock', async () => {
  const moments = torture ? [0, 300, 800, 1500, 2500, 4000] : [600];
  for (const ms of moments) {
    const running = site.start('deploy', '--env', 'production', '--sha', good1, '--unpushed');
    await running.until(/✔ Pull/);
    await new Promise(resolve => setTimeout(resolve, ms));
    if (torture && ms % 500 === 0) {
      await powerCut();
    } else running.child.kill('SIGKILL');
    await running.ended;
    await until(
      'the lock is free',
      60,
      async () =>
        (await inHost(
          `flock -n ${onceRoot}/releases/.keeper/lock true && [ ! -e ${onceRoot}/releases/.keeper/journal ] && echo free`,
        )) === 'free' || undefined,
    );
    const current = await inHost(`cat ${onceRoot}/releases/current_release`);
    assert.is(await serves(), current);
    assert.is(await inHost('docker ps -a --format "{{.Names}}" | grep -c ^once-app-'), '1');
    assert.is(inLine((await log()).at(-1), 'outcome') === 'live', current === good1);
    if (current === good1) await task(0, 'deploy', '--sha', good2, '--unpushed');
  }
  assert.is(await serves(), good2);
});

test('a backup is the archive of ONCE, encrypted; a cut one is none', async () => {
  await task(0, 'backup');
  assert.match((await task(0, 'drill')).stdout, /the archive of ONCE .*1 databases opened/);
  await faults('cut');
  const said = await task(1, 'backup');
  assert.match(said.stderr, 'it is damaged');
  await faults('killed');
  await task(1, 'backup');
  assert.is(await serves(), good2, 'what ONCE had paused goes on');
  await faults('');
  assert.is(await inHost(`find ${onceRoot} -name '*.tar.gz'`), '', 'nothing in clear stays');
});

test('a restore in place has a proven backup before it removes anything, and what it removes keeps its volume', async () => {
  await pages('-X POST');
  assert.is(await pages(), '2');
  const before = await volumes();
  await calls();
  const said = await task(0, 'restore', '--confirm', 'book-production');
  const words = (await calls()).map(one => one.replace(/\S*\/once-archives\/\S*-(before|to-restore)\.tar\.gz/, '$1').replace(/sha256:\S+/, 'digest')); // prettier-ignore
  assert.equal(words, [
    `backup ${onceHost} before`,
    `remove ${onceHost}`,
    'restore to-restore',
    `update ${onceHost} --image ${registry.server}/writebook:${good2}@digest --auto-update=false`,
  ]);
  assert.is(await pages(), '1');
  assert.is(await serves(), good2);
  assert.equal((await volumes()).split('\n').filter(one => one !== before).length, 1, 'a volume of its own');
  assert.match(await volumes(), before);
  assert.match(said.stdout, `in Docker's volume ${before}: remove both`);
  assert.is(await pagesIn(before), '2');
  assert.match(await inHost(`stat -c '%a %n' ${onceRoot}/once-archives ${onceRoot}/once-archives/*`), /^700 .*\n600 .*-before\.tar\.gz$/); // prettier-ignore
  assert.is(inLine((await log()).at(-1), 'action'), 'restore');
  await droplet.root(`docker volume rm ${before}`);
});

test('when it fails, what was there is there again; without a good backup of it nothing is removed', async () => {
  await pages('-X POST');
  await pages('-X POST');
  assert.is(await pages(), '3');
  const failing = torture ? ['restore', 'ended-early', 'ended-late'] : ['restore', 'ended-late'];
  for (const fault of failing) {
    await faults(fault);
    const before = await volumes();
    await calls();
    const said = await task(1, 'restore', '--confirm', 'book-production');
    assert.equal(
      (await calls()).map(one => one.split(' ')[0]),
      fault === 'ended-late' ? ['backup', 'remove', 'restore', 'remove', 'restore'] : ['backup', 'remove', 'restore', 'restore'], // prettier-ignore
    );
    assert.is(await pages(), '3');
    assert.is(await serves(), good2);
    assert.match(said.stderr, `only the volume ${before} has what was written after`);
    assert.is(await pagesIn(before), '3');
    assert.is(await inHost('docker ps -a --format "{{.Names}}" | grep -c ^once-'), '2', 'the app, the proxy');
    await droplet.root(`docker volume rm ${before}`);
    assert.is((await volumes()).split('\n').length, 1, 'nothing of the failed one stays');
  }

  const more = torture ? ([['remove', ['backup', 'remove', 'update']]] as const) : [];
  for (const [fault, asked] of [['cut', ['backup']], ...more] as const) {
    await faults(fault);
    const before = await volumes();
    await calls();
    await task(1, 'restore', '--confirm', 'book-production');
    assert.equal(
      (await calls()).map(one => one.split(' ')[0]),
      asked,
    );
    assert.is(await volumes(), before);
    assert.is(await pages(), '3');
  }
  await faults('');
});

if (torture)
  test('a power cut in the middle of a restore: what was there is there again when the server is up', async () => {
    const before = await volumes();
    const running = site.start('restore', '--env', 'production', '--confirm', 'book-production');
    await running.until(/✔ Remove/);
    await powerCut();
    await running.ended;
    await until('it is settled', 90, async () => inLine((await log()).at(-1), 'outcome') === 'lost' || undefined);
    assert.is(await pages(), '3');
    assert.is(await serves(), good2);
    assert.is(await inHost('docker ps -a --format "{{.Names}}" | grep -c ^once-'), '2');
    await droplet.root(`docker volume rm ${before}`);
    assert.is((await volumes()).split('\n').length, 1);
  });

test('without the registry a restore changes nothing', async () => {
  await registry.stop();
  await calls();
  const said = await task(1, 'restore', '--confirm', 'book-production');
  assert.match(said.stderr, 'the registry does not give');
  assert.equal(await calls(), []);
  await registry.start();
});

test('the ONCE of the older installer is named, backed up, and asked for nothing that it cannot do', async () => {
  const legacy = readFileSync(new URL('../support/once/legacy.sh', import.meta.url), 'utf8');
  await droplet.write('/usr/local/bin/once', legacy, '755');
  await droplet.root('mkdir -p /var/once-legacy/db && echo 1 >/var/once-legacy/db/production.sqlite3');
  await calls();
  const said = await task(3, 'deploy', '--sha', good1, '--unpushed');
  assert.match(said.stderr, 'older installer');
  assert.match((await task(3, 'restore', '--confirm', 'book-production')).stderr, 'older installer');
  assert.match((await task(0, 'status')).stdout, 'ONCE of the older installer');
  await task(0, 'backup');
  const asked = (await calls()).filter(one => one !== '--help').map(one => one.split(' ').slice(0, 2).join(' '));
  assert.equal(asked, ['data backup']);
  assert.match((await task(0, 'drill')).stdout, 'of the older ONCE');
});

test.run();
