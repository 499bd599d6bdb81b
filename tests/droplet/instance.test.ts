// Throw-away copies on a real server: reached by their names, kept within limits, and gone without a trace.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { casesIn, everyCase } from '../support/env/cases.ts';
import { until } from '../support/droplet/program.ts';
import { arsventOnDroplet } from '../support/sites/arsvent.ts';
import { tieLine, visit, withCopies } from '../support/sites/copies.ts';
import { ended } from '../support/sites/look.ts';

const { droplet, app, site } = await arsventOnDroplet('instances', ['exitsAtOnce', 'slowStart']);
const { good1, good2, exitsAtOnce, slowStart } = app;
await withCopies(site, droplet);
const secret = 'it\'s "$HOME" \\ # of the copy, and long enough';
site.rewrite(text =>
  text
    .replace('command: node seed.mjs', "command: 'env -0 >data/environ && node seed.mjs'")
    .replace(
      /^( +)FRONTEND_ORIGIN: .*\{domain\}$/m,
      (line, indent) => `${line}\n${indent}SESSION_SECRET: ${JSON.stringify(secret)}`,
    ),
);
await droplet.root(`cat >>/opt/arsvent-2025/staging/env/backend.env <<'END OF ALL'\n${everyCase.text}END OF ALL`);
const folder = '/opt/arsvent-2025/staging/instances';
const instance = (what: string, ...words: string[]) => site.task('instance', what, '--env', 'staging', ...words);
const up = (name: string, sha: string, ...words: string[]) => instance('up', '--name', name, '--sha', sha, ...words);
const seen = (name: string, path?: string) => visit(droplet, `${name}.staging.arsvent.test`, path);
const said = async (script: string) => (await droplet.root(script)).stdout.trim();
const users = join(site.folder, 'users.json');
writeFileSync(users, JSON.stringify([{ discordUserId: '17', label: 'Ana' }, { discordUserId: '18' }]));

/** Everything on the server in which an instance could leave something. */
const traces = (name: string) =>
  said(`
    docker ps -a --format '{{.Names}}'; docker network ls --format '{{.Name}}'; docker volume ls -q
    docker images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>' | sort; docker images -q --filter dangling=true
    find / -xdev -name '*${name}*' -not -path '/proc/*' -not -path '/var/lib/docker/*' 2>/dev/null
    crontab -u deploy -l; ls -I "runc-process*" /var/log/nginx /dev/shm /tmp; ls -A /opt/arsvent-2025/staging /etc/nginx/sites-enabled
    nginx -T 2>/dev/null | grep -F ${name}`);

ended(await site.task('deploy', '--env', 'staging', '--sha', good1), 0);
await droplet.root('curl -s -X POST http://127.0.0.1:4100/api/books');
const before = await traces('pr-');

test('before the admin has tied the instances to nginx, nothing is made and the line is told', async () => {
  const { stderr } = ended(await up('pr-42', good1), 1);
  assert.match(stderr, tieLine);
  assert.is(await traces('pr-'), before);
  await droplet.root(tieLine.replaceAll('sudo ', ''));
});

test('an instance serves its commit under its name, with the data of staging and within its limits', async () => {
  const tied = await traces('pr-42');
  const plan = ended(await up('pr-42', good1, '--data', 'snapshot', '--plan'), 0);
  assert.match(
    plan.stdout,
    /Reserve ports and time for pr-42[^]*Copy the database of staging[^]*Apply the site to nginx[^]*Start /,
  );
  assert.is(await traces('pr-42'), tied);
  const { json, stderr, seconds } = ended(await up('pr-42', good1, '--data', 'snapshot', '--json'), 0);
  console.log(`up in ${seconds.toFixed(1)} s`);
  assert.is(json.url, 'http://pr-42.staging.arsvent.test', stderr);
  assert.is(await seen('pr-42'), good1);
  assert.match(await seen('pr-42', '/api/books'), '"count":3', 'what staging had');
  assert.is(await visit(droplet, 'arsvent-staging.test'), await visit(droplet, 'nobody.test'));
  const limits = await said(
    "docker inspect -f '{{.Name}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' $(docker ps -q --filter label=com.docker.compose.project=arsvent-staging-pr-42) | sort",
  );
  const each = (part: string) => `/arsvent-staging-pr-42-${part}-1 ${160 * 1024 * 1024} 500000000`;
  assert.equal(limits.split('\n'), ['backend', 'frontend', 'redis'].map(each));
  const env = await said(
    `stat -c %a ${folder}/pr-42/env/backend.env; grep -h DISCORD_CALLBACK ${folder}/pr-42/env/backend.env`,
  );
  assert.is(env, "600\nDISCORD_CALLBACK_URL='https://pr-42.staging.arsvent.test/auth/discord/callback'");
});

test('two more are made at the same time, one with users and one with nothing', async () => {
  const [seeded, short] = await Promise.all([
    up('pr-7', good1, '--data', 'seed', '--users', users, '--ttl', '2h', '--verbose'),
    up('pr-50', good1),
  ]);
  ended(seeded, 0);
  ended(short, 0);
  assert.equal([await seen('pr-7'), await seen('pr-50')], [good1, good1]);
  assert.match(await seen('pr-50', '/api/books'), '"count":2');
  const table = await said(`sqlite3 ${folder}/pr-7/data/backend/staging.db 'select * from users'`);
  assert.is(table, '17|Ana\n18|');
  // what is judged is what the copy and its seed get, byte for byte, also the copy's own values
  for (const environ of [
    `${folder}/pr-7/data/backend/environ`,
    '/proc/$(docker inspect -f "{{.State.Pid}}" arsvent-staging-pr-50-backend-1)/environ',
  ]) {
    const { stdout } = await droplet.root(`cat "${environ}"`);
    assert.equal(casesIn(stdout), everyCase.values);
    assert.ok(stdout.split('\0').includes(`SESSION_SECRET=${secret}`), stdout);
  }
  assert.not.match(seeded.stdout + seeded.stderr, 'Ana');
});

test('another commit takes its place and keeps its data and a time of its own', async () => {
  ended(await up('pr-42', good2, '--ttl', '4h'), 0);
  assert.is(await seen('pr-42'), good2);
  assert.match(await seen('pr-42', '/api/books'), '"count":3');
  ended(await instance('extend', '--name', 'pr-42', '--ttl', '5h'), 0);
  const { json } = ended(await instance('list', '--json'), 0);
  const list = json.instances as { name: string; sha: string; left: number; healthy: boolean; url: string }[];
  const pr42 = list.find(one => one.name === 'pr-42');
  assert.equal([pr42?.sha, pr42?.healthy, pr42?.url], [good2, true, 'http://pr-42.staging.arsvent.test']);
  assert.ok(Number(pr42?.left) > 5 * 3600 - 60 && Number(pr42?.left) <= 5 * 3600, String(pr42?.left));
  const { findings } = (await site.task('doctor', '--env', 'staging', '--json')).json;
  const found = (findings as { check: string; state: string; says: string }[]).filter(
    ({ check, state }) => check === 'instances' || (check === 'database' && state === 'failure'),
  );
  assert.equal(found, [{ check: 'instances', state: 'good', says: 'pr-42, pr-50, pr-7' }]);
  const { stdout } = ended(await instance('list'), 0);
  assert.match(stdout, /pr-42\s+\S+\s+\S+ min old\s+5 h left\s+http:\/\/pr-42\.staging\.arsvent\.test\s+ready/);
});

const isGone = async (name: string) => ((await said(`ls -d ${folder}/${name}`)) === '' ? true : undefined);

test('a release that ends at once, and a client that is killed, leave nothing of a new instance', async () => {
  const one = await traces('pr-9');
  const { stderr } = ended(await up('pr-9', exitsAtOnce), 1);
  assert.match(stderr, 'nothing was left behind');
  await until('it is taken away', 20, () => isGone('pr-9'));
  const running = site.start('instance', 'up', '--env', 'staging', '--name', 'pr-9', '--sha', slowStart);
  await running.until(/Start accessories/);
  running.child.kill('SIGKILL');
  await until('it is taken away too', 40, () => isGone('pr-9'));
  assert.is(await traces('pr-9'), one);
});

test('down leaves nothing behind, and the last one takes along what ended them', async () => {
  for (const name of ['pr-7', 'pr-50']) ended(await instance('down', '--name', name), 0);
  assert.is(await seen('pr-42'), good2);
  ended(await instance('down', '--name', 'pr-42'), 0);
  await until('the folder is gone', 10, async () => ((await said(`ls -d ${folder}`)) === '' ? true : undefined));
  await droplet.root('rm /etc/nginx/sites-enabled/arsvent-staging-instances.conf');
  assert.is(await traces('pr-'), before);
  assert.match(await said('curl -s http://127.0.0.1:4100/version.json'), good1);
});
test.run();
