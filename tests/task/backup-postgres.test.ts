// Backups of a real Postgres as whole programs: one moment of a busy database, proven by a restore, and every failure told.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderManifest } from '../../lib/backup/manifest.ts';
import { saysUrl, standIns, startPostgres, usesPostgres } from '../support/postgres/server.ts';
import { makeBackedUpBook, type BackedUp } from '../support/book/backed-up.ts';
import { until } from '../support/book/book.ts';

const server = await startPostgres();
const book: BackedUp = await makeBackedUpBook();
const name = `book's\n"$HOME" %41 \\`;
const password = `p@ss'w"o r\\d\n$HOME%41`;
const url = server.make('ana', password, name);
usesPostgres(book, url);
test.after(async () => {
  book.clean();
  rmSync(clusters, { recursive: true });
  await server.stop();
});
const sql = (text: string) => server.sql(text, name);
const own = (text: string) => sql(`SET ROLE ana; ${text}`);
const scratch = () => join(book.place().root, 'releases/.keeper/backup');
// what initdb makes as another user must be reached by that user
const clusters = mkdtempSync(join(tmpdir(), 'bookops-clusters-'));
chmodSync(clusters, 0o711);
const made = () => readdirSync(clusters).filter(one => one.startsWith('bookops-cluster.'));
const env = { TMPDIR: clusters };
const drill = (...words: string[]) => book.run('drill', words, { env });

test('where there is no table yet there is nothing to back up', async () => {
  const { code, stderr } = await book.run('backup');
  assert.is(code, 0, stderr);
  assert.match(stderr, 'there is no table in Postgres at DATABASE_URL yet: only the files are backed up');
});

test('names of any kind, partitions, policies and extensions come through a backup and its drill', async () => {
  sql('CREATE ROLE "a \'reader\'"; CREATE EXTENSION pg_trgm; CREATE EXTENSION pageinspect');
  own(`
    CREATE TABLE chapters (id serial PRIMARY KEY, title text NOT NULL CHECK (title <> ''));
    CREATE INDEX ON chapters USING gin (title gin_trgm_ops);
    INSERT INTO chapters (title) SELECT 'chapter ' || n FROM generate_series(1, 200) n;
    DELETE FROM chapters WHERE id IN (3, 4);
    CREATE TABLE constructor (chapter bigint REFERENCES chapters);
    CREATE SCHEMA "it's ""odd""";
    CREATE TABLE "it's ""odd"""."a\n$HOME; %41 \\" ("sp ace" int PRIMARY KEY);
    INSERT INTO "it's ""odd"""."a\n$HOME; %41 \\" VALUES (-7);
    CREATE TABLE readings (day date) PARTITION BY RANGE (day);
    CREATE TABLE readings_2026 PARTITION OF readings FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
    INSERT INTO readings VALUES ('2026-11-21');
    ALTER TABLE chapters ENABLE ROW LEVEL SECURITY;
    CREATE POLICY mine ON chapters TO "a 'reader'" USING (true);
    ALTER TABLE constructor ADD CONSTRAINT later CHECK (chapter > 5) NOT VALID;`);
  const { code, stdout, stderr } = await book.run('backup', ['--json']);
  assert.is(code, 0, stderr);
  const { manifest } = JSON.parse(stdout);
  const odd = `"it's ""odd"""."a\n$HOME; %41 \\"`;
  assert.equal(manifest.database.tables, { chapters: 198, constructor: 0, [odd]: 1, readings_2026: 1 });
  assert.equal(manifest.database.highWater, { chapters: 200, [odd]: -7 });
  assert.equal(manifest.database.constraints, { count: 5, notValid: 1 });
  assert.equal(manifest.database.roles, ["a 'reader'"]);
  assert.match(manifest.database.server, /^\d+\.\d+$/);
  assert.equal(
    manifest.parts.map((part: { name: string }) => part.name),
    ['database.dump.zst', 'files.tar.zst'],
  );
  const proof = await drill();
  assert.is(proof.code, 0, proof.stderr);
  assert.match(proof.stdout, /pg_restore +ended well/);
  assert.match(proof.stdout, /constraints +5, 1 of them not validated/);
  assert.match(proof.stdout, /rows +200 in 4 tables, as in the manifest/);
  assert.equal(made(), []);
  assert.equal(server.names().length, 4);
});

test('no word on the way has the password: arguments, output, store', async () => {
  const seen: string[] = [];
  const running = book.start('backup', ['--verbose']);
  const look = setInterval(() => {
    const { stdout } = spawnSync('ps', ['-eww', '-o', 'args']);
    seen.push(stdout.toString());
  }, 40);
  const { code, stdout, stderr } = await running.ended;
  clearInterval(look);
  assert.is(code, 0, stderr);
  assert.ok(
    seen.some(text => text.includes('pg_dump')),
    'it was seen at work',
  );
  const stored = book.stored().map(file => readFileSync(join(book.store, file), 'latin1'));
  for (const text of [...seen, stdout, stderr, ...stored])
    for (const secret of [password, encodeURIComponent(password), `p@ss'w`]) assert.not.ok(text.includes(secret));
});

test('a drill that is killed leaves no cluster and no scratch', async () => {
  const running = book.start('drill', [], { env });
  await running.says('… Restore the dump');
  await until('its cluster is there', () => process.getuid?.() !== 0 || made().length > 0);
  running.child.kill('SIGKILL');
  await running.ended;
  const left = () => [...made(), ...readdirSync(scratch()).filter(one => one.startsWith('scratch.'))];
  await until(
    'all is gone',
    () => left().length === 0,
    () => left().join(),
    // initdb ends what it is about first, which takes long when all tests run
    60,
  );
});

test('rows and dump are of one moment while others write', async () => {
  own('CREATE TABLE one (n int); CREATE TABLE two (n int)');
  const writer = spawn('bash', [
    '-c',
    `while :; do echo 'BEGIN; INSERT INTO one VALUES (1); INSERT INTO two VALUES (1); COMMIT;'; sleep 0.005; done | psql -Xq "$0"`,
    url.replace('?schema=public', ''),
  ]);
  try {
    for (let round = 0; round < 2; round++) {
      const id = await book.backUp();
      if (round === 1) {
        const { code, stderr } = await drill(id, '--here');
        assert.is(code, 0, stderr);
      }
      const { tables } = JSON.parse(
        readFileSync(join(book.store, 'book-staging', id, 'manifest.json'), 'utf8'),
      ).database;
      assert.is(tables.one, tables.two);
      assert.ok(tables.one > 0);
    }
  } finally {
    writer.kill();
  }
});

test('a deploy does not wait for a dump: the dump ends, and is taken once more', async () => {
  const { sha, open } = book.gated('patient');
  const locker = spawn('psql', ['-Xq', url.replace('?schema=public', '')], { stdio: ['pipe', 'ignore', 'ignore'] });
  locker.stdin.write('BEGIN; LOCK TABLE chapters;\n');
  const working = () =>
    server.sql(
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bookops-backup' AND wait_event_type = 'Lock'",
    );
  const backup = book.start('backup', ['--json']);
  await until('the dump waits for the table', () => working() !== '0');
  const deploy = book.start('deploy', ['--sha', sha]);
  await until('the dump has gone', () => working() === '0');
  locker.stdin.end('COMMIT;\n');
  await deploy.says('… Migrate the database');
  open();
  assert.is((await deploy.ended).code, 0, deploy.end.stderr);
  const { code, stdout, stderr } = await backup.ended;
  assert.is(code, 0, stderr);
  assert.is(JSON.parse(stdout).manifest.release, sha);
});

const half = 'head -c 3000 < <(/usr/bin/pg_dump "$@" 2>/dev/null)';
const faults: [string, Record<string, string>, RegExp, RegExp?][] = [
  ['a pg_dump that dies in the middle', { pg_dump: `${half}; kill -9 $$` }, /failed on here: pg_dump exited with 137/],
  ['a pg_dump that writes nothing and ends well', { pg_dump: ': "$@"' }, /input file is too short|no dump/],
  [
    'a pg_dump that fails with half of it written',
    { pg_dump: `${half}; echo "pg_dump: error: it broke" >&2; exit 1` },
    /pg_dump: error: it broke/,
  ],
  [
    'a pg_dump older than the server',
    {
      pg_dump:
        'echo "pg_dump: error: aborting because of server version mismatch" >&2; echo "pg_dump: detail: server version: 15.18; pg_dump version: 13.9" >&2; exit 1',
    },
    /server version mismatch/,
    /sudo apt-get install postgresql-client-15/,
  ],
  ['a full disk', { zstd: 'exec cat >/dev/full' }, /the dump could not be written to .*: is its disk full\?/],
];
for (const [what, scripts, says, advises = /./] of faults)
  test(`${what} is a failure with its words, and nothing is stored`, async () => {
    const before = book.stored();
    const folder = join(book.folder, 'stand-ins');
    const { code, stderr } = await book.run('backup', [], { env: { PATH: standIns(folder, scripts) } });
    rmSync(folder, { recursive: true });
    assert.is(code, 1, stderr);
    assert.ok(says.test(stderr) && advises.test(stderr), stderr);
    assert.equal(book.stored(), before);
    assert.equal(
      readdirSync(scratch()).filter(one => one.startsWith('scratch.')),
      [],
    );
  });

test('a wrong password, a server that is away, a database that is not there: the server’s own words', async () => {
  const before = book.stored();
  for (const [wrong, says] of [
    [url.replace(/:[^:@]*@/, ':hunter2@'), /password authentication failed for user "ana"/],
    [url.replace(`:${server.port}/`, ':1/'), /[Cc]onnection refused/],
    [url.replace(/\/[^/?]*\?/, '/none?'), /database "none" does not exist/],
  ] as const) {
    saysUrl(book, wrong);
    const { code, stderr } = await book.run('backup');
    assert.is(code, 1, stderr);
    assert.match(stderr, says);
    assert.not.match(stderr, 'hunter2');
  }
  saysUrl(book, url);
  assert.equal(book.stored(), before);
});

test('a drill finds what is not the dump of its manifest, also where every checksum is right', async () => {
  const id = await book.backUp();
  const folder = join(book.store, 'book-staging', id);
  const part = join(folder, 'database.dump.zst');
  const dump = (rest: string, from: string) => {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', `pg_dump -Fc -Z0 "$0" ${rest}`, from], {
      maxBuffer: 1e8,
    });
    assert.is(status, 0, stderr.toString());
    return stdout;
  };
  const plain = url.replace('?schema=public', '');
  const whole = dump('', plain);
  const empty = server.make('eve', 'x', 'empty').replace('?schema=public', '');
  const file = join(folder, 'manifest.json');
  for (const [what, raw, says] of [
    ['a truncated dump', whole.subarray(0, whole.length >> 1), /pg_restore/],
    [
      'a dump without a table',
      dump('--exclude-table=constructor', plain),
      /constructor has no rows and had 0|constraints: 3/,
    ],
    ['an empty database', dump('', empty), /constraints: 0, all valid; and were 5|rows/],
  ] as const) {
    const packed = spawnSync('zstd', ['-qc'], { input: raw }).stdout;
    const manifest = JSON.parse(readFileSync(file, 'utf8'));
    delete manifest.seal;
    const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    Object.assign(manifest.parts[0], {
      bytes: packed.length,
      sha256: sum(packed),
      rawBytes: raw.length,
      rawSha256: sum(raw),
    });
    writeFileSync(part, packed);
    writeFileSync(file, renderManifest(manifest));
    const { code, stderr } = await drill(id);
    assert.is(code, 7, `${what}\n${stderr}`);
    assert.match(stderr, says);
  }
  rmSync(folder, { recursive: true });
});

test('an encrypted dump is nowhere plain in the store, is proven by a drill, and RESTORE.md gets it back without us', async () => {
  const keygen = spawnSync('age-keygen', ['-o', join(book.folder, 'backup.key')], { encoding: 'utf8' });
  const [key = ''] = /age1\w+/.exec(keygen.stderr) ?? [];
  const ops = join(book.folder, 'ops.yml');
  const encrypt = `encrypt: { recipients: [${key}], identity: { file: ./backup.key } }`;
  writeFileSync(ops, readFileSync(ops, 'utf8').replace('mode: tarball', `mode: tarball, ${encrypt}`));
  const id = await book.backUp();
  const folder = join(book.store, 'book-staging', id);
  const parts = ['database.dump.zst.age', 'files.tar.zst.age'];
  assert.equal(readdirSync(folder).toSorted(), [...parts, 'manifest.json']);
  for (const part of parts) assert.match(readFileSync(join(folder, part), 'latin1'), /^age-encryption\.org\/v1\n/);
  const proof = await drill();
  assert.is(proof.code, 0, proof.stderr);
  assert.match(
    proof.stdout,
    /database\.dump\.zst\.age is what was stored[^]*decrypted [^]*pg_restore +ended well[^]*rows/,
  );
  const out = await book.run('restore', [id, '--to', 'out'], { env });
  assert.is(out.code, 0, out.stderr);
  assert.equal(readdirSync(join(book.folder, 'out')).toSorted(), ['database.dump', 'files']);

  const home = { HOME: book.folder, identity: join(book.folder, 'backup.key') };
  const empty = server.make('max', 'x', 'by hand', 'SUPERUSER').replace('?schema=public', '');
  const said = spawnSync('bash', ['-c', `set -e\n${book.guide().join('\n')}`], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...home, url: empty },
  });
  assert.is(said.status, 0, said.stdout + said.stderr);
  const counted = 'SELECT count(*), max(id), (SELECT count(*) FROM one), (SELECT count(*) FROM two) FROM chapters';
  assert.is(server.sql(counted, 'by hand'), sql(counted));
});
test.run();
