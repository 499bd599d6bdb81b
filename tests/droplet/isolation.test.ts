// Nothing that is done to staging or to its throw-away copies changes one bit of production beside it on the same server.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/droplet/program.ts';
import { arsventOnDroplet, arsventPlace, arsventRoot, ontoDisk } from '../support/sites/arsvent.ts';
import { tieLine, visit, withCopies } from '../support/sites/copies.ts';
import { ended, look } from '../support/sites/look.ts';
import type { Said } from '../support/sites/site.ts';

const { droplet, app, site } = await arsventOnDroplet('isolation', ['exitsAtOnce']);
const { good1, good2, exitsAtOnce } = app;
await withCopies(site, droplet);
for (const name of ['staging', 'production'])
  await droplet.root(
    `mkdir -p /opt/arsvent-2025/${name}/proxy; chown deploy: /opt/arsvent-2025/${name}/proxy; ln -sfn /opt/arsvent-2025/${name}/proxy/site.conf /etc/nginx/sites-enabled/arsvent-${name}.conf; echo >/opt/arsvent-2025/${name}/proxy/site.conf`,
  );
await droplet.root(
  `${tieLine.replaceAll('sudo ', '')}; install -d -o deploy ${['assets', 'prizes'].map(name => `${arsventRoot.staging}/data/backend/${name}`).join(' ')}`,
);
site.rewrite(ontoDisk);
const users = join(site.folder, 'users.json');
const writeUsers = (...labels: string[]) =>
  writeFileSync(users, JSON.stringify(labels.map((label, index) => ({ discordUserId: `1${index}`, label }))));
writeUsers('Ana', 'Ben');
const staging = (task: string, ...words: string[]) => site.task(task, ...words, '--env', 'staging');

/** Everything of production, in lines that a person can compare: what it is made of, and what is told about it elsewhere. */
async function production(): Promise<string[]> {
  const said = await droplet.root(`
    root=${arsventRoot.production} of=label=com.docker.compose.project=arsvent-production
    # its own SQLite makes and removes a lock folder in data/backend whenever it is asked, as it is below
    find $root ! -path $root/data/backend -printf 'path %p %y %m %u %g %s %T@ %C@ %l\\n' | sort; ls -lA --time-style=full-iso $root/data/backend
    find $root -type f -print0 | sort -z | xargs -0 sha256sum
    docker inspect -f 'container {{.Id}} {{.Name}} {{.Image}} {{.State.StartedAt}} {{.State.Status}} {{.RestartCount}} {{json .HostConfig.RestartPolicy}} {{json .HostConfig.Binds}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{json .NetworkSettings.Networks}}' $(docker ps -aq --filter $of) | sort
    docker network inspect -f 'network {{.Id}} {{json .Containers}}' $(docker network ls -q --filter $of)
    docker volume ls -q --filter $of
    docker images --digests --no-trunc --format 'image {{.Repository}}:{{.Tag}} {{.Digest}} {{.ID}}' | grep -e bookops-keep/arsvent-production: -e redis -e ${good1} | sort
    sqlite3 $root/data/backend/prod.db .dump
    docker exec arsvent-production-redis-1 redis-cli get kept
    systemctl list-unit-files --no-legend | sha256sum; find /etc/systemd /etc/cron* /etc/sudoers* -type f -print0 | sort -z | xargs -0 sha256sum
    ls -l --time-style=full-iso /etc/nginx/sites-enabled/arsvent-production.conf
    nginx -T 2>/dev/null | awk '/^# configuration file/ {on = /production|nginx.conf:/} on'
    crontab -u deploy -l | grep -F $root
    curl -s http://127.0.0.1:4000/version.json; curl -s http://127.0.0.1:4000/api/books`);
  return said.stdout.split('\n');
}
const hash = (lines: string[]) => createHash('sha256').update(lines.join('\n')).digest('hex');

ended(await staging('deploy', '--sha', good1), 0);
ended(await site.task('deploy', '--env', 'production', '--sha', good1), 0);
await droplet.root(
  `curl -s -X POST http://127.0.0.1:4000/api/books; docker exec arsvent-production-redis-1 redis-cli set kept yes; docker exec arsvent-production-redis-1 redis-cli bgrewriteaof`,
);
await until(
  'its Redis has written',
  10,
  async () =>
    (await droplet.root('docker exec arsvent-production-redis-1 redis-cli info persistence')).stdout.includes(
      'aof_rewrite_in_progress:0',
    ) || undefined,
);
const before = await production();

/** Runs it, and compares every line of production with what it was at the very beginning. */
async function leavesProductionAlone(title: string, code: number, run: () => Promise<Said>): Promise<void> {
  const said = await run();
  ended(said, code);
  const now = await production();
  const changed = [...before.filter(line => !now.includes(line)), ...now.filter(line => !before.includes(line))];
  assert.equal(changed, [], `${title} changed production`);
  assert.is(hash(now), hash(before), title);
}

test('the hash sees what it should', async () => {
  const text = before.join('\n');
  for (const part of [
    /^path \S+prod\.db /m,
    /^container /m,
    /^network /m,
    /^image bookops-keep\/arsvent-production:/m,
    /INSERT INTO books/,
    /^yes$/m,
    /server_name arsvent\.test;/,
    /releases\/\.keeper/,
    new RegExp(`"commitSha":"${good1}"`),
  ])
    assert.match(text, part);
  await droplet.root(`touch -d '1 hour ago' ${arsventRoot.production}/env`);
  assert.is.not(hash(await production()), hash(before));
  before.splice(0, before.length, ...(await production()));
});

const domains = 'domains: [staging.arsvent.test]';
const applied = () => {
  site.rewrite(text => text.replace(domains, domains.replace(']', ', other.arsvent.test]')));
  return staging('site', 'apply');
};
const instance = (what: string, ...words: string[]) => staging('instance', what, '--name', 'pr-1', ...words);
const deeds: [string, number, () => Promise<Said>][] = [
  ['deploy', 0, () => staging('deploy', '--sha', good2)],
  ['a deploy that fails', 1, () => staging('deploy', '--sha', exitsAtOnce)],
  ['rollback', 0, () => staging('rollback', '--with-database')],
  ['restart', 0, () => staging('restart')],
  ['backup', 0, () => staging('backup')],
  ['drill', 0, () => staging('drill')],
  ['restore', 0, () => staging('restore')],
  ['site apply', 0, applied],
  ['maintenance on', 0, () => staging('maintenance', 'on', '--until', '2h')],
  ['maintenance off', 0, () => staging('maintenance', 'off')],
  ['seed', 0, () => staging('seed', '--users', users)],
  ['exec', 0, () => site.task('exec', '--env', 'staging', '--', 'true')],
  ['instance up', 0, () => instance('up', '--sha', good1, '--data', 'snapshot')],
  ['instance extend', 0, () => instance('extend', '--ttl', '1h')],
  ['instance down', 0, () => instance('down')],
];
for (const [title, code, run] of deeds)
  test(`${title} of staging leaves production as it was`, () => leavesProductionAlone(title, code, run));

test('seed made the data of staging anew, kept what was there, and never runs where it must not', async () => {
  const db = `${arsventRoot.staging}/data/backend/staging.db`;
  assert.is((await droplet.root(`sqlite3 ${db} 'select label from users'`)).stdout, 'Ana\nBen\n');
  const { log } = await look(droplet, arsventPlace('staging'));
  const seeded = log.find(line => line.includes('action=seed'));
  assert.match(seeded ?? '', /snapshot=\S+staging-\d{8}-\d{6}(-\d+)?\.db/);

  writeUsers('Cleo', 'stumble');
  const was = (await droplet.root(`sha256sum ${db}`)).stdout;
  await leavesProductionAlone('a seed that fails', 1, () => staging('seed', '--users', users));
  assert.is((await droplet.root(`sha256sum ${db}`)).stdout, was, 'put back to the byte');
  assert.is(await visit(droplet, 'staging.arsvent.test'), good1);

  const refused = ended(await site.task('seed', '--env', 'production', '--users', users), 3);
  assert.match(refused.stderr, 'arsvent production has no seed in ops.yml');
  await droplet.root(`sed -i s/APP_ENV=staging/APP_ENV=production/ ${arsventRoot.staging}/env/backend.env`);
  await leavesProductionAlone('a seed that its guard refuses', 3, async () => {
    const said = await staging('seed', '--users', users);
    assert.match(said.stderr, 'backend.env: APP_ENV must be staging');
    assert.not.match(said.stderr, /Cleo|=production/);
    return said;
  });
});
test.run();
