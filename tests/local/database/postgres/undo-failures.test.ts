// What an undo of a Postgres database says is true: each program that it starts fails, ends halfway or dies with the shell; sampled here, all in torture.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PostgresDatabase } from '../../../../lib/target/database-settings.ts';
import { exchangeDumps } from '../../../../lib/database/postgres/swap.ts';
import { dumpFile } from '../../../../lib/database/postgres/snapshot.ts';
import { keepSnapshots, restoreStep, snapshotStep } from '../../../../lib/database/snapshot.ts';
import { startPostgres } from '../../../support/postgres/server.ts';
import { changeOf, sample } from '../../../support/target/targets.ts';
import {
  forward,
  makeScratch,
  ofPrograms,
  removeScratch,
  run,
  tryFaults,
  whole,
} from '../../../support/faults/undo-failures.ts';

const server = await startPostgres();
test.after(async () => {
  await server.stop();
  removeScratch();
});
const root = makeScratch('postgres');
const [snapshots, journal] = [join(root, 'snap shots'), join(root, 'journal')];
for (const folder of [snapshots, journal]) mkdirSync(folder);
const env = join(root, 'a.env');
const name = "a book's";
writeFileSync(env, `DATABASE_URL="${server.make('ana', 'pass', name)}"\n`);
const database: PostgresDatabase = {
  kind: 'postgres',
  at: { variable: 'DATABASE_URL' },
  as: undefined,
  snapshots,
  keep: 2,
};
const target = sample({ database, env: [{ file: env, keys: {}, checks: [] }] });
const at = { folders: [snapshots, journal], environment: { KEEPER_JOURNAL: journal } };
server.sql(
  `REVOKE CONNECT ON DATABASE "${name}" FROM PUBLIC; ALTER DATABASE "${name}" SET search_path TO "$user", public`,
);
const set = (text: string, where = name) =>
  server.sql(`SET ROLE ana; DROP TABLE IF EXISTS page; CREATE TABLE page AS SELECT '${text}' AS text`, where);
const rows = (where: string) =>
  // one that only lends its name for a moment has no such table
  server.names().includes(where) && server.sql("SELECT to_regclass('page')", where)
    ? server.sql('SELECT text FROM page', where)
    : '';
// in any order: the copy is given its rights one by one
const about = () =>
  server.sql(
    `SELECT (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM aclexplode(datacl) a), setconfig FROM pg_database d JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE datname = '${name.replaceAll("'", "''")}'`,
  );

const id = '20261120-000001';
const step = snapshotStep(target, database, changeOf(target, id));
const old = changeOf(target, '20261119-000001');
const stamp = '20261121T030000Z';
const exchange = exchangeDumps({ target, stamp }, database);
const restored = `${name}_restored_${stamp}`;
const snapshotted = (then: () => void) => () => {
  // what an undo that lied left behind is no matter of the next one
  for (const one of server.names().filter(other => other.startsWith(`${name}_`))) server.sql(`DROP DATABASE "${one}"`);
  forward(step.run, at);
  then();
};
const cases = [
  ['migrated', step.undo, snapshotted(() => set('half migrated'))],
  ['dropped', step.undo, snapshotted(() => server.sql(`DROP DATABASE "${name}"`))],
  [
    'an older dump in its place',
    step.undo,
    snapshotted(() =>
      forward(restoreStep(target, database, changeOf(target, id), dumpFile(target, database, old.id)).run, at),
    ),
  ],
  [
    'a restore',
    exchange.undo,
    () => {
      if (!server.names().includes(restored)) {
        server.sql(`CREATE DATABASE "${restored}" OWNER ana`);
        set('then', restored);
      }
      forward(exchange.run, at);
    },
  ],
] as const;

test('a database of Postgres is as before, or a whole copy of it is there, whatever fails on the way back', () => {
  set('then');
  forward(snapshotStep(target, database, old).run, at);
  forward(keepSnapshots(target, database, old).run, at);
  set('before');
  for (const [what, undo, ready] of whole ? cases : cases.slice(0, 1)) {
    assert.ok(undo);
    const rights = about();
    const before = [
      rights,
      'before',
      server
        .names()
        .filter(one => one !== restored)
        .toSorted(),
      readdirSync(snapshots),
    ];
    const began = performance.now();
    const { lies, ...figures } = tryFaults(
      {
        name: `Postgres: ${what}`,
        ready,
        undo,
        ...at,
        now: cluttered =>
          cluttered
            ? [about(), rows(name)]
            : [
                about(),
                rows(name),
                server
                  .names()
                  .filter(one => one !== restored)
                  .toSorted(),
                readdirSync(snapshots),
              ],
        before: cluttered => (cluttered ? before.slice(0, 2) : before),
        kept: () => server.names().some(one => one.startsWith(name) && rows(one) === 'before'),
        kinds: whole ? ofPrograms : ['halfway'],
      },
      whole,
    );
    if (whole)
      console.log(
        'series: Postgres',
        what,
        JSON.stringify(figures),
        `${Math.round((performance.now() - began) / 1000)} s`,
      );
    assert.is(lies.length, 0, `${lies.length} of ${figures.runs}\n${lies.slice(0, 12).join('\n')}`);
    // a clutter that was told is swept by the next deploy
    run(keepSnapshots(target, database, old).run, at);
  }
});
test.run();
