// The URL of a Postgres server as env files have it: what libpq is told, what is refused, and that no word says the password.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withClient } from '../../../../lib/database/postgres/client.ts';
import { script } from '../../../../lib/host/sh.ts';
import { everyCase } from '../../../support/env/cases.ts';
import { sample } from '../../../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops it's a url-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'a $HOME.env');
const target = sample({
  env: [
    { file: join(folder, 'none.env'), keys: {}, checks: [] },
    { file, keys: {}, checks: [] },
  ],
});
const database = {
  kind: 'postgres' as const,
  at: { variable: 'DATABASE_URL' },
  as: undefined,
  snapshots: folder,
  keep: 1,
};
const said = withClient(target, database, script('client env -0')).text;

function libpq(lines: string): { status: number | null; stderr: string; told: Record<string, string> } {
  writeFileSync(file, lines);
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `feed_user() { :; }\n${said}`], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], PGPASSWORD: 'of another', PGSERVICE: 'another', USER: 'ana' },
  });
  const all = stdout.split('\0').map(one => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]);
  return { status, stderr, told: Object.fromEntries(all.filter(([name]) => name?.startsWith('PG'))) };
}
const plain = { PGAPPNAME: 'bookops', PGCONNECT_TIMEOUT: '10' };

const hostile = ` it's "$(id)" \\n \n%41 ü@/:?#&=`;
const coded = encodeURIComponent(hostile);
const understood: [string, Record<string, string>][] = [
  ['DATABASE_URL=postgres://ana@db/book', { PGHOST: 'db', PGUSER: 'ana', PGDATABASE: 'book' }],
  ['DATABASE_URL=postgresql://ana@db', { PGHOST: 'db', PGUSER: 'ana', PGDATABASE: 'ana' }],
  [
    `export DATABASE_URL="postgresql+psycopg2://${coded}:${coded}@[::1]:5433/${coded}?schema=public&sslmode=require" # ours\r`,
    {
      PGHOST: '::1',
      PGPORT: '5433',
      PGUSER: hostile,
      PGPASSWORD: hostile,
      PGDATABASE: hostile,
      PGSSLMODE: 'require',
    },
  ],
  [
    "DATABASE_URL=postgres://no@where/no\n DATABASE_URL = 'postgres:///book?host=/run/pg&user=a%20b&connect_timeout=3' \n",
    { PGHOST: '/run/pg', PGUSER: 'a b', PGDATABASE: 'book', PGCONNECT_TIMEOUT: '3' },
  ],
  [
    `${everyCase.text}DATABASE_URL='postgres://a:$x\`y\\n@db/x'`,
    { PGHOST: 'db', PGUSER: 'a', PGPASSWORD: '$x`y\\n', PGDATABASE: 'x' },
  ],
  [
    'DATABASE_URL=postgres://a:p@ss@db/x # a comment',
    { PGHOST: 'db', PGUSER: 'a', PGPASSWORD: 'p@ss', PGDATABASE: 'x' },
  ],
  [
    'OTHER=1\nDATABASE_URL="postgres://a:\\"\\$x\\\\@db/x?options=endpoint%3Dab"',
    { PGHOST: 'db', PGUSER: 'a', PGPASSWORD: '"$x\\', PGDATABASE: 'x', PGOPTIONS: 'endpoint=ab' },
  ],
];
for (const [line, wanted] of understood)
  test(`${JSON.stringify(line.slice(0, 60))} is what libpq is told`, () => {
    const { status, stderr, told } = libpq(line);
    assert.is(status, 0, stderr);
    assert.equal(told, { ...plain, ...wanted });
  });

for (const [line, says] of [
  ['OTHER=1', 'no file that may be read here has DATABASE_URL'],
  ['DATABASE_URL=', 'no file that may be read here has DATABASE_URL'],
  ['DATABASE_URL=mysql://a:hunter2@db/x', 'DATABASE_URL is no URL of a Postgres server'],
  ['DATABASE_URL=postgres://a:hunter2%zz@db/x', 'a % that is not followed by two digits'],
  ['DATABASE_URL=postgres://a:hunter2%00@db/x', 'a % that is not followed by two digits'],
  ['DATABASE_URL=postgres://a:hunter2%2@db/x', 'a % that is not followed by two digits'],
  ['DATABASE_URL=postgres://a:hunter2@one:1,two:2/x', 'has no host that is understood'],
] as const)
  test(`${line.replace(/hunter2/, '…')} is refused, and its password is not said`, () => {
    const { status, stderr } = libpq(line);
    assert.is(status, 1);
    assert.match(stderr, says);
    assert.not.match(stderr, 'hunter2');
  });

test.run();
