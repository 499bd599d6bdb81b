// The app in a drill: what is run on the host for each runtime, and the one of systemd with its copies, for real.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readStart, startApp, type Restored } from '../../../../lib/backup/drill/start-app.ts';
import { loadConfig } from '../../../../lib/config/load.ts';
import type { DrillStart } from '../../../../lib/target/backup-settings.ts';
import { makeBibliotheca } from '../../../support/apps/bibliotheca.ts';
import { release } from '../../../support/apps/running.ts';
import { compose, process as plain, sample, systemd } from '../../../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops-it's a drill-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const prelude = `${readFileSync(new URL('../../../../lib/host/step-functions.sh', import.meta.url), 'utf8')}\ntrap - ERR; set +euo pipefail\n`;

const start: DrillStart = {
  start: 'exec node server.mjs "it\'s"',
  env: { PORT: '{port}', DATABASE: 'file:{database}', FILES: '{files}', ODD: '$(id) & `id`\n"', EMPTY: '' },
  ready: '/up?a=1&b=2',
  seconds: 20,
  shared: [],
};
const root = join(folder, 'root');
const target = sample(
  { runtime: { ...systemd, user: userInfo().username, shared: ['data', '.env'] }, env: [], database: undefined },
  root,
);
const restored: Restored = {
  target: {
    ...target,
    database: {
      kind: 'sqlite',
      exclusive: true,
      file: `${root}/shared/data/it's.db`,
      as: undefined,
      snapshots: '/x',
      keep: 3,
    },
  },
  release: { sha: 'a'.repeat(40), name: 'r', folder: `${root}/releases/r` },
  folder: join(folder, 'scratch'),
  start,
};

test('bash can read it for every runtime, and no value can break out', () => {
  for (const runtime of [plain, systemd, compose]) {
    const { text } = startApp({ ...restored, target: sample({ runtime }) });
    const { status, stderr } = spawnSync('bash', ['-n', '-c', text], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    assert.not.match(text, 'publish');
  }
});

test('the app’s user gets copies beside the releases, with links to what was restored, and all of it goes', () => {
  mkdirSync(join(root, 'releases/r'), { recursive: true });
  mkdirSync(join(root, 'shared/data/up'), { recursive: true });
  mkdirSync(join(folder, 'scratch/files/shared/data/up'), { recursive: true });
  for (const path of ['data', '.env']) symlinkSync(join(root, 'shared', path), join(root, 'releases/r', path));
  writeFileSync(join(root, 'shared/.env'), 'SECRET=real\n');
  writeFileSync(join(root, "shared/data/it's.db"), 'real');
  writeFileSync(join(root, 'shared/data/up/page'), 'real');
  writeFileSync(join(folder, 'scratch/database.sqlite'), 'restored');
  writeFileSync(join(folder, 'scratch/files/shared/data/up/page'), 'restored');
  const seen = join(folder, 'seen');
  writeFileSync(
    join(root, 'releases/r/server.mjs'),
    `import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
const read = path => readFileSync(path, 'utf8');
const { _, ...env } = process.env;
writeFileSync(${JSON.stringify(seen)}, JSON.stringify({ env, words: process.argv.slice(2), database: read("data/it's.db"), page: read('data/up/page'), secret: existsSync('.env') }));
for (const path of ["data/it's.db", 'data/up/page', '.env']) writeFileSync(path, 'spoilt');
createServer((request, response) => response.writeHead(request.url === '/up?a=1&b=2' ? 204 : 404).end()).listen(process.env.PORT, '127.0.0.1');
`,
  );
  const { stdout, stderr } = spawnSync('bash', ['-c', prelude + startApp(restored).text], { encoding: 'utf8' });
  const { good, found, log } = readStart(stdout, start);
  assert.ok(good, `${found}\n${log}\n${stderr}`);
  const told = JSON.parse(readFileSync(seen, 'utf8'));
  assert.equal([told.database, told.page, told.secret, told.words], ['restored', 'restored', false, ["it's"]]);
  assert.equal(Object.keys(told.env).filter(name => !['PWD', 'SHLVL'].includes(name)).toSorted(), ['DATABASE', 'EMPTY', 'FILES', 'HOME', 'ODD', 'PATH', 'PORT']); // prettier-ignore
  assert.is(told.env.ODD, start.env['ODD']);
  assert.match(told.env.DATABASE, /^file:.*\/releases\/\.drill\.\w+\/database\.sqlite$/);
  assert.equal(readdirSync(join(root, 'releases')), ['r']);
  const real = ["shared/data/it's.db", 'shared/data/up/page', 'shared/.env'].map(path =>
    readFileSync(join(root, path), 'utf8'),
  );
  assert.equal(real, ['real', 'real', 'SECRET=real\n']);
  assert.is(readFileSync(join(folder, 'scratch/database.sqlite'), 'utf8'), 'restored');
});

test('a release whose commit links to what is real is not started, and nothing real is touched', () => {
  mkdirSync(join(root, 'shared/pics/a'), { recursive: true });
  writeFileSync(join(root, 'shared/pics/a/1.jpg'), 'real');
  symlinkSync(join(root, 'shared/pics'), join(root, 'releases/r/pics'));
  const { runtime } = restored.target;
  if (runtime.kind !== 'systemd') throw new Error('the sample is no service');
  const odd = { ...restored, target: { ...restored.target, runtime: { ...runtime, shared: ['pics/a'] } } };
  const { stdout } = spawnSync('bash', ['-c', prelude + startApp(odd).text], { encoding: 'utf8' });
  assert.match(readStart(stdout, start).found, 'was not started');
  assert.is(readFileSync(join(root, 'shared/pics/a/1.jpg'), 'utf8'), 'real');
  assert.equal(readdirSync(join(root, 'releases')), ['r']);
});

test('the example of Bibliotheca starts from nothing but a database and what stands in its ops.yml', async () => {
  const { repo, good2 } = await makeBibliotheca(join(folder, 'repo'));
  const place = join(folder, 'bibliotheca');
  const { backup } = (await loadConfig(join(import.meta.dirname, '../../../../examples/bibliotheca/ops.yml'))).find(
    undefined,
    'production',
  );
  if (!backup?.drill) throw new Error('the example starts no app');
  mkdirSync(join(place, 'releases'), { recursive: true });
  mkdirSync(join(place, 'scratch/files'), { recursive: true });
  await release(repo, good2, join(place, 'releases/r'));
  execFileSync('sqlite3', [join(place, 'scratch/database.sqlite'), 'CREATE TABLE before (x)']);
  const runtime = { ...systemd, user: userInfo().username, shared: ['.env', 'storage'] };
  const said = startApp({
    target: sample({ runtime, database: undefined, env: [] }, place),
    release: { sha: good2, name: 'r', folder: join(place, 'releases/r') },
    folder: join(place, 'scratch'),
    start: backup.drill,
  });
  const { stdout, stderr } = spawnSync('bash', ['-c', prelude + said.text], { encoding: 'utf8' });
  const { good, found, log } = readStart(stdout, backup.drill);
  assert.ok(good, `${found}\n${log}\n${stderr}`);
  assert.match(found, '/health answered after');
});

test('what it says is read, and what says nothing about the backup is no bad verdict', () => {
  const log = Buffer.from('one\nlast words\n').toString('base64');
  const of = (state: string) => readStart(`noise\nstate ${state}\nlog ${log}\n`, start);
  assert.equal([of('ready 1.20').good, of('ready 1.20').found], [true, '/up?a=1&b=2 answered after 1.20 s']);
  assert.equal([of('ended').good, of('ended').found], [false, 'it exited by itself: last words']);
  assert.is(of('late 503').found, '/up?a=1&b=2 answered 503 for 20 s: last words');
  assert.is(of('late 000').found, '/up?a=1&b=2 did not answer for 20 s: last words');
  assert.equal([of('uncopied').good, of('uncopied').found], [true, 'was not started: what serves could not be copied']);
});
test.run();
