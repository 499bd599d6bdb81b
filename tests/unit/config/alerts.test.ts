// What ops.yml says of who is told about backups, and of how they are proven; addresses of alerts never show.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../lib/config/load.ts';
import { Failure } from '../../../lib/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-config-'));
test.after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'ops.yml');
const write = (backup: string, alerts = 'desk: { kind: slack, url: { env: DESK } }') =>
  writeFileSync(
    file,
    `hosts: { here: local }
stores:
  disk: { kind: path, folder: backups }
alerts:
  ${alerts}
apps:
  book:
    host: here
    root: /srv/book
    repo: ./repo
    runtime: process
    process: { start: run, shared: [node_modules, uploads, data] }
    database: { sqlite: shared/data/book.db }
    health: { ready: http://127.0.0.1:8000/up }
    backup:
      stores: [disk]
      files: { include: [shared/uploads] }
      ${backup}
    environments:
      production: {}
`,
  );
async function refusal(backup: string, alerts?: string): Promise<string> {
  write(backup, alerts);
  try {
    await loadConfig(file);
  } catch (error) {
    if (error instanceof Failure && error.exit === 3) return error.message;
    throw error;
  }
  throw new Error('this was accepted');
}

test('alerts are named, their addresses are references, ages may be long, and a drill’s app gets what is written', async () => {
  write(
    `alerts: [desk, mail, ping]
      expected_every: 24h
      proven_within: 4w
      metrics: /var/lib/prometheus/node-exporter/book.prom
      references: SELECT file FROM images
      drill: { start: node server.js, env: { PORT: '{port}', DEBUG: 1 }, ready: '/health?a=1', shared: [node_modules] }`,
    `desk: { kind: slack, url: { env: DESK } }
  mail: { kind: mail, to: owner@example.org }
  ping: { kind: healthchecks, url: { file: ./ping } }`,
  );
  const { backup } = (await loadConfig(file)).find('book', 'production');
  if (!backup) throw new Error('no backup');
  const { stores, files, keep, ...watch } = backup;
  assert.equal([stores.length, files?.include, keep], [1, ['shared/uploads'], undefined]);
  assert.equal(watch, {
    alerts: [
      { name: 'desk', kind: 'slack', url: { env: 'DESK' } },
      { name: 'mail', kind: 'mail', to: 'owner@example.org' },
      { name: 'ping', kind: 'healthchecks', url: { file: join(folder, 'ping') } },
    ],
    everySeconds: 86_400,
    provenSeconds: 28 * 86_400,
    metrics: '/var/lib/prometheus/node-exporter/book.prom',
    references: 'SELECT file FROM images',
    drill: {
      start: 'node server.js',
      env: { PORT: '{port}', DEBUG: '1' },
      ready: '/health?a=1',
      seconds: 60,
      shared: ['node_modules'],
    },
  });
});

test('what could tell nobody, or prove nothing, is refused with its line', async () => {
  const cases: [string, string, string?][] = [
    ['alerts: [dsek]', 'unknown alert dsek, did you mean desk?'],
    ['alerts: [desk, desk]', 'desk is named twice'],
    ['expected_every: 1500ms', 'must be an age such as 36h, 7d or 4w'],
    ['proven_within: 0d', 'must be an age such as 36h, 7d or 4w'],
    ['metrics: /var/lib/book.txt', 'must end in .prom'],
    ['drill: { start: run, ready: health }', 'must be a path such as /health'],
    ['drill: { start: run }', 'is missing'],
    ['drill: { start: run, ready: /, shared: [log] }', 'log is not among the shared paths of the runtime'],
    ['drill: { start: run, ready: /, shared: [uploads] }', 'a drill never sees the real data'],
    ['drill: { start: run, ready: /, shared: [data] }', 'has to do with /srv/book/shared/data/book.db'],
    ['', 'must be slack, webhook, healthchecks or mail', 'desk: { kind: irc, url: { env: DESK } }'],
    ['', 'must be an e-mail address', 'desk: { kind: mail, to: -oQ/tmp }'],
    ['', 'must be an e-mail address', 'desk: { kind: mail, to: "a@b\\nBcc: c@d" }'],
    ['', 'unknown key', 'desk: { kind: mail, to: a@b, url: { env: DESK } }'],
    ['', 'and never be the secret', 'desk: { kind: slack, url: https://hooks.example.org/t0ken }'],
    ['', 'and never be the secret', 'desk:\n    kind: slack\n    url:\n      https://hooks.example.org/t0ken'],
  ];
  for (const [backup, says, alerts] of cases) {
    const told = await refusal(backup, alerts);
    assert.match(told, /ops\.yml:\d+:\d+: /);
    assert.ok(told.includes(says), `${backup}${alerts ?? ''}\n${told}`);
    assert.not.match(told, 't0ken');
  }
  write('references: SELECT 1');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/ {4}database: .*\n/, ''));
  await loadConfig(file).then(
    () => assert.unreachable('this was accepted'),
    (error: unknown) => assert.match(String(error), 'is asked of a SQLite database, and there is none'),
  );
  write('references: SELECT 1\n      drill: { start: run, ready: / }');
  const postgres = 'env: [{ file: book.env, keys: { DATABASE_URL: required } }]\n    database: { postgres: { url: DATABASE_URL } }'; // prettier-ignore
  writeFileSync(file, readFileSync(file, 'utf8').replace(/database: .*/, postgres));
  await loadConfig(file).then(
    () => assert.unreachable('this was accepted'),
    (error: unknown) => {
      assert.match(String(error), 'is asked of a SQLite database, and there is none');
      assert.match(String(error), 'with Postgres no server is left for it');
    },
  );
});
test.run();
