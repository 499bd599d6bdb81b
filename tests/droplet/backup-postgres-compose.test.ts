// Postgres in a container beside its app, on a real server over ssh: backed up, proven in a container nobody reaches, restored, put back.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from './harness/program.ts';
import { ended } from './sites/look.ts';
import { postgresOnDroplet } from './sites/postgres.ts';

const { droplet, app, site, root, store, sql, migration } = await postgresOnDroplet('postgres');
const task = (name: string, ...words: string[]) => site.task(name, '--env', 'production', ...words);
const guests = () => sql("SELECT string_agg(name, ',' ORDER BY id) FROM \"the guest's $list\"");
const databases = async () => (await sql('SELECT datname FROM pg_database ORDER BY 1')).split('\n');
const drills = async () =>
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
  const manifest = JSON.parse(
    readFileSync(join(store, 'visitors-production', String(made.json.id), 'manifest.json'), 'utf8'),
  );
  assert.equal(manifest.database.tables, { '"the guest\'s $list"': 3, constructor: 1 });
  assert.equal(manifest.database.highWater, { '"the guest\'s $list"': 3 });
  const before = await drills();
  for (const words of [[], ['--here']]) {
    const drill = ended(await task('drill', ...words), 0);
    assert.match(drill.stdout, /pg_restore +ended well/);
    assert.match(drill.stdout, /constraints +2, all valid/);
    assert.match(drill.stdout, /rows +4 in 2 tables, as promised/);
  }
  assert.is(await drills(), before);
  assert.is(await left(), '');
});

test('a drill that is killed leaves no container behind for longer than until the next', async () => {
  const before = await drills();
  const running = site.start('drill', '--env', 'production');
  await running.until(/… Restore the dump/);
  await until('its container is there', 20, async () => ((await drills()) === before ? undefined : true));
  running.child.kill('SIGKILL');
  await running.ended;
  ended(await task('drill'), 0);
  await until('no container is left', 20, async () => ((await drills()) === before ? true : undefined));
  assert.is(await left(), '');
});

test('a restore exchanges the databases while the app is stopped, and names the one that was there before', async () => {
  await sql(`DELETE FROM constructor; DELETE FROM "the guest's $list" WHERE id > 1`);
  assert.is(await guests(), 'guest 1');
  const restored = ended(await task('restore', '--yes-restore', 'visitors-production', '--json'), 0);
  assert.is(await guests(), 'guest 1,guest 2,guest 3');
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

test('a server that does not run is told, and nothing is stored', async () => {
  await droplet.root('docker stop visitors-production-db-1');
  const failed = ended(await task('backup'), 1);
  assert.match(failed.stderr, 'the service db of visitors-production does not run');
  await droplet.root('docker start visitors-production-db-1');
});

test.run();
