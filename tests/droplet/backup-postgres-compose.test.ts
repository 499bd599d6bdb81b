// Postgres in a container beside its app, on a real server: over ssh and by the server's own crond, encrypted, into an S3 server that checks signatures.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startSwift } from '../support/store/swift.ts';
import { ensureEngine } from '../support/droplet/engine.ts';
import { takeNode } from '../support/droplet/image.ts';
import { bash, until } from '../support/droplet/program.ts';
import { ended } from '../support/sites/look.ts';
import type { Manifest } from '../../lib/backup/manifest.ts';
import { postgresOnDroplet } from '../support/sites/postgres.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'; // tasks do so themselves
const home = join(import.meta.dirname, '../..');
const { network } = await ensureEngine();
const swift = await startSwift(network.gateway);
test.after(() => swift.stop());
const { bucket, endpoint } = await swift.bucket('nights');
const { droplet, app, site, root, sql, migration } = await postgresOnDroplet('postgres');
const keys = { key: swift.environment.S3_KEY, secret: swift.environment.S3_SECRET, 'age.key': await bash('age-keygen 2>/dev/null') }; // prettier-ignore
for (const [name, text] of Object.entries(keys)) writeFileSync(join(site.folder, name), text, { mode: 0o600 });
site.rewrite(text =>
  text
    .replace(
      /^stores: .*$/m,
      `stores: { far: { kind: s3, bucket: ${bucket}, endpoint: '${endpoint}', region: us-east-1, path_style: true, key: { file: ./key }, secret: { file: ./secret } } }`,
    )
    .replace(
      'stores: [disk]',
      `stores: [far], encrypt: { recipients: [${/age1\w+/.exec(keys['age.key'])?.[0]}], identity: { file: ./age.key } }, files: { include: [shared/uploads] }`,
    ),
);
const cover = `${root}/shared/uploads/cover.png`;
await droplet.asDeploy(`mkdir -p ${root}/shared/uploads && head -c 3000000 /dev/urandom >${cover}`);
const task = (name: string, ...words: string[]) => site.task(name, '--env', 'production', ...words);
const guests = () => sql("SELECT string_agg(name, ',' ORDER BY id) FROM \"the guest's $list\"");
const databases = async () => (await sql('SELECT datname FROM pg_database ORDER BY 1')).split('\n');
type Listed = { backups: { id: string; verdict: { good: boolean } | null }[] };
const list = async () => ended(await task('backups', 'list', '--json'), 0).json as Listed;
const containers = async () =>
  (await droplet.root('docker ps -aq --filter label=bookops.drill; docker volume ls -q')).stdout.trim();
const left = async () =>
  (await droplet.root(`ls -d ${root}/releases/.keeper/backup/scratch.* ${root}/backups/snapshots/*.new 2>/dev/null`))
    .stdout;

test('the first deploys make the database, and keep a dump of it each', async () => {
  await migration(
    app.good1,
    `CREATE TABLE "the guest's $list" (id serial PRIMARY KEY, name text NOT NULL);
     CREATE TABLE constructor (guest int REFERENCES "the guest's $list");
     INSERT INTO "the guest's $list" (name) SELECT 'guest ' || n FROM generate_series(1, 3) n;`,
  );
  ended(await task('deploy', '--sha', app.good1), 0);
  await migration(app.good2, `INSERT INTO constructor VALUES (1);`);
  ended(await task('deploy', '--sha', app.good2), 0);
  assert.is(await guests(), 'guest 1,guest 2,guest 3');
  const log = (await droplet.root(`cat ${root}/releases/releases.log`)).stdout;
  const [, snapshot = ''] = /snapshot=(\S+) .*$/.exec(log.trim().split('\n').at(-1) ?? '') ?? [];
  assert.match((await droplet.root(`zstd -dqc ${snapshot} | head -c 5; stat -c %a ${snapshot}`)).stdout, 'PGDMP600');
  assert.equal((await databases()).length, 4);
});

test('a backup is proven in a container of the same image, which goes again, and on this machine', async () => {
  const made = ended(await task('backup', '--json'), 0);
  const manifest = made.json.manifest as Manifest;
  assert.ok(manifest.database?.kind === 'postgres');
  assert.equal(
    manifest.parts.map(one => one.name),
    ['database.dump.zst.age', 'files.tar.zst.age'],
  );
  assert.equal(await swift.unfinished(bucket), []);
  assert.equal(manifest.database.tables, { '"the guest\'s $list"': 3, constructor: 1 });
  assert.equal(manifest.database.highWater, { '"the guest\'s $list"': 3 });
  const before = await containers();
  for (const words of [[], ['--here']]) {
    const drill = ended(await task('drill', ...words), 0);
    assert.match(drill.stdout, /pg_restore +ended well/);
    assert.match(drill.stdout, /constraints +2, all valid/);
    assert.match(drill.stdout, /rows +4 in 2 tables, as in the manifest/);
  }
  assert.is(await containers(), before);
  assert.is(await left(), '');
});

test('a drill that is killed leaves no container behind for longer than until the next', async () => {
  const before = await containers();
  const running = site.start('drill', '--env', 'production');
  await running.until(/… Restore the dump/);
  await until('its container is there', 20, async () => ((await containers()) === before ? undefined : true));
  running.child.kill('SIGKILL');
  await running.ended;
  ended(await task('drill'), 0);
  await until('no container is left', 20, async () => ((await containers()) === before ? true : undefined));
  assert.is(await left(), '');
});

test('a restore exchanges the databases while the app is stopped, and names the one that was there before', async () => {
  await sql(`DELETE FROM constructor; DELETE FROM "the guest's $list" WHERE id > 1`);
  assert.is(await guests(), 'guest 1');
  const was = (await droplet.root(`sha256sum ${cover}; rm ${cover}`)).stdout;
  const restored = ended(await task('restore', '--confirm', 'visitors-production', '--json'), 0);
  assert.is(await guests(), 'guest 1,guest 2,guest 3');
  assert.is((await droplet.root(`sha256sum ${cover}`)).stdout, was);
  const [aside = ''] = (restored.json.aside as string[]).map(one => one.replace('the database ', ''));
  assert.is(await sql(`SELECT count(*) FROM "the guest's $list"`, aside), '1');
  assert.is((await databases()).filter(one => /_restored_|_kept_|_failed_|_fresh_/.test(one)).length, 0);
});

test('a migration that fails half-way leaves the database as it was, and a rollback can bring an older one', async () => {
  const before = await databases();
  await migration(
    app.good3,
    `DELETE FROM constructor; DROP TABLE constructor; UPDATE "the guest's $list" SET name = 'nobody'; SELECT 1 / 0;`,
  );
  const failed = ended(await task('deploy', '--sha', app.good3), 1);
  assert.match(failed.stderr, 'division by zero');
  assert.is(await guests(), 'guest 1,guest 2,guest 3');
  assert.equal(await databases(), before);
  await migration(app.good3, `UPDATE "the guest's $list" SET name = 'somebody';`);
  ended(await task('deploy', '--sha', app.good3), 0);
  assert.match(await guests(), 'somebody');
  ended(await task('rollback', '--with-database'), 0);
  assert.is(await guests(), 'guest 1,guest 2,guest 3');
  assert.equal(await databases(), before);
});

test('by cron: it backs up, proves and prunes without a word, and mails what is wrong', async () => {
  // what a person does once: the tools with their modules, ops.yml for this machine, the crontab
  for (const part of ['tasks', 'lib', 'node_modules', 'nginx'])
    await droplet.bring(join(home, part), `/srv/ops/${part}`);
  await droplet.bring(site.folder, '/srv/ops');
  const ops = readFileSync(join(site.folder, 'ops.yml'), 'utf8');
  await droplet.write('/srv/ops/ops.yml', ops.replace(/^ {2}vps:\n( {4}.*\n)+/m, '  vps: local\n'));
  await droplet.write('/srv/ops/package.json', readFileSync(join(home, 'package.json'), 'utf8'));
  const crontab = readFileSync(join(home, 'cron/backup.cron'), 'utf8').replace(/^\d+ [\d*]+ \* \* \*/gm, '* * * * *');
  await droplet.write('/srv/crontab', crontab);
  // the stub of this test: a server without mail, whose cron finds a program that keeps what it would send
  await droplet.write('/usr/sbin/sendmail', '#!/bin/sh\ncat >>/var/mail/sent\n', '755');
  await droplet.root(`
    ${takeNode}
    chown -R deploy: /srv/ops && chmod 600 /srv/ops/age.key; install -m 666 /dev/null /var/mail/sent
    crontab -u deploy /srv/crontab`);
  const log = `${root}/releases/drills.log`;
  const drills = async () => Number((await droplet.root(`grep -c verdict=good ${log}`)).stdout);
  const mail = async () => (await droplet.root('cat /var/mail/sent')).stdout;
  const already = await drills();
  await until('cron has proven a backup', 150, async () => ((await drills()) > already ? true : undefined));
  await droplet.root('crontab -u deploy -r');
  await until('it has pruned too', 30, async () =>
    (await droplet.root('pgrep -u deploy -f tasks/back')).stdout === '' ? true : undefined,
  );
  assert.is(await mail(), '');
  const { backups } = await list();
  // of one day, one is kept
  assert.is(backups.length, 1);
  assert.ok(
    backups.every(one => one.verdict?.good),
    JSON.stringify(backups),
  );
  assert.equal(await swift.unfinished(bucket), []);

  await droplet.root('docker stop visitors-production-db-1; crontab -u deploy /srv/crontab');
  await until('cron has sent a mail', 90, async () => ((await mail()) === '' ? undefined : true));
  await droplet.root('crontab -u deploy -r');
  assert.match(await mail(), 'the service db of visitors-production does not run');
  assert.equal((await list()).backups, backups);
});

test('a server that does not run is told, and nothing is stored', async () => {
  await droplet.root('docker stop visitors-production-db-1');
  const failed = ended(await task('backup'), 1);
  assert.match(failed.stderr, 'the service db of visitors-production does not run');
  await droplet.root('docker start visitors-production-db-1');
});

test('what another tool deployed is taken over by a restore, before anything stops', async () => {
  // as such a tool leaves it: containers, the compose file they were made of, and a pointer
  const made = await droplet.asDeploy(
    `cd ${root}/releases && rm releases.log previous_release && find 2* -type f ! -name compose.yml -delete && cat current_release`,
  );
  assert.is(made.code, 0, made.stderr);
  await sql(`UPDATE "the guest's $list" SET name = 'nobody'`);
  ended(await task('restore', '--confirm', 'visitors-production'), 0);
  assert.is(await guests(), 'guest 1,guest 2,guest 3');
  assert.match((await droplet.root(`ls ${root}/releases`)).stdout, `adopted_${made.stdout.slice(0, 7)}`);
  ended(await task('status'), 0);
});
test.run();
