// Nights on which the server, its database or its disk fails: the right exit code, no prune, no success, and the next one is good.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { faultTests, provesRecovery, type Fault } from '../support/backup/faulty-nights.ts';
import { makeTwofold, type Twofold } from '../support/backup/twofold.ts';

let world: Twofold;
test.before(async () => {
  world = await makeTwofold('{ daily: 1 }');
  for (const round of [1, 2]) await world.good('backup', round === 1 ? [] : ['--store', 'disk']);
});
test.after(() => world.end());

/** Without root no disk can be made, and there is nothing to try. */
const root = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

/** A disk of its own over a folder, too small for what comes. */
function smallDisk(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
  assert.is(made.status, 0, made.stderr.toString());
  return () => void spawnSync('umount', ['--lazy', folder]);
}

/** Another program under this name, first in the PATH of the host. */
const instead = (name: string, text: string): Pick<Fault, 'cause' | 'env'> => ({
  cause({ folder }) {
    mkdirSync(join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'bin', name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
    return () => rmSync(join(folder, 'bin'), { recursive: true });
  },
  env: ({ folder }) => ({ PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}` }),
});

/** The database changed, and afterwards again what it was. */
const changed =
  (change: (world: Twofold) => unknown): Fault['cause'] =>
  data => {
    data.sql('PRAGMA wal_checkpoint(TRUNCATE)');
    copyFileSync(data.database, `${data.database}.good`);
    change(data);
    return () => {
      for (const end of ['', '-wal', '-shm']) rmSync(`${data.database}${end}`, { force: true });
      renameSync(`${data.database}.good`, data.database);
    };
  };

const rewritten =
  (from: string, to: string): Fault['cause'] =>
  ({ folder }) => {
    const ops = join(folder, 'ops.yml');
    const good = readFileSync(ops, 'utf8');
    assert.ok(good.includes(from));
    writeFileSync(ops, good.replace(from, to));
    return () => writeFileSync(ops, good);
  };

const disk = { store: 'disk' } as const;

const table: Fault[] = [
  ...(root
    ? [
        {
          ...disk,
          what: 'the disk of the server is full',
          exit: 1,
          says: /full/,
          cause: (data: Twofold) => smallDisk(join(data.root, 'backups/snapshots')),
        },
        {
          ...disk,
          what: 'the disk of the store is full',
          exit: 1,
          says: 'ENOSPC',
          cause: ({ folder, root: place }: Twofold) => {
            const undo = smallDisk(join(folder, 'store/book-staging'));
            // as if it had always been that disk
            const known = join(place, 'releases/.keeper/backup/stores');
            const had = readFileSync(known, 'utf8');
            rmSync(known);
            return () => {
              undo();
              writeFileSync(known, had);
            };
          },
        },
      ]
    : []),
  {
    ...disk,
    what: 'the program of the database fails',
    exit: 1,
    says: 'no such',
    ...instead('sqlite3', 'echo "no such vfs" >&2; exit 1'),
  },
  {
    ...disk,
    what: 'the producer of the files dies in the middle',
    exit: 1,
    says: 'tar exited with 137',
    ...instead('tar', '[[ $* == *--create* ]] || exec /bin/tar "$@"; head -c 3000000 /dev/urandom; kill -9 $$'),
  },
  {
    ...disk,
    torture: true,
    what: 'what compresses dies in the middle',
    exit: 1,
    says: 'reading for database.sqlite.zst',
    ...instead('zstd', 'head -c 20000; kill -9 $$'),
  },
  {
    ...disk,
    what: 'the database is damaged',
    exit: 1,
    says: /malformed|damaged|not a database/,
    cause: changed(({ database }) => {
      const bytes = readFileSync(database);
      writeFileSync(
        database,
        Buffer.concat([bytes.subarray(0, 4096), Buffer.alloc(40_960, 7), bytes.subarray(45_056)]),
      );
    }),
  },
  {
    ...disk,
    what: 'the database is empty',
    exit: 7,
    says: 'the table chapters no longer exists',
    cause: changed(({ database }) => writeFileSync(database, '')),
  },
  {
    ...disk,
    torture: true,
    what: 'the database is not there',
    exit: 7,
    says: 'the database no longer exists',
    cause: changed(({ database }) => rmSync(database)),
  },
  {
    ...disk,
    what: 'a table is not there',
    exit: 7,
    says: 'the table readers no longer exists',
    cause: changed(data => data.sql('DROP TABLE readers')),
  },
  {
    ...disk,
    what: 'a table is suddenly half',
    exit: 7,
    says: 'the table readers has 40 rows and had 100',
    cause: changed(data => data.sql('DELETE FROM readers WHERE rowid > 40')),
  },
  {
    ...disk,
    torture: true,
    what: 'the files are suddenly half',
    exit: 7,
    says: 'the files are ',
    cause({ uploads }) {
      renameSync(join(uploads, 'big'), join(uploads, '../big'));
      return () => renameSync(join(uploads, '../big'), join(uploads, 'big'));
    },
  },
  {
    ...disk,
    what: 'a folder of ops.yml is gone',
    exit: 1,
    says: 'shared/uploads does not exist, and backup.files.include names it',
    cause({ uploads }) {
      renameSync(uploads, `${uploads}.gone`);
      return () => renameSync(`${uploads}.gone`, uploads);
    },
  },
  {
    ...disk,
    what: 'the disk of the store is not mounted',
    exit: 7,
    says: 'the store disk had backups of book staging, and has none now',
    cause({ folder }) {
      const store = join(folder, 'store');
      renameSync(store, `${store}.away`);
      return () => {
        rmSync(store, { recursive: true, force: true });
        renameSync(`${store}.away`, store);
      };
    },
  },
  {
    ...disk,
    what: 'another backup holds the lock',
    exit: 5,
    says: 'another backup, restore or prune is under way',
    async cause({ root: place }) {
      const lock = join(place, 'releases/.keeper/backup/lock');
      const holder = spawn('flock', [lock, 'bash', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
      await new Promise(done => holder.stdout.once('data', done));
      return () => holder.stdin.end();
    },
  },
  {
    ...disk,
    what: 'the server cannot be reached',
    exit: 4,
    says: '127.0.0.1',
    cause: rewritten(
      'here: local',
      'here: { ssh: ana@127.0.0.1:1, host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm1r8yJkA9jP6eO4Yk1m1m6t4s2mJ8b0w7k1l5s3d2f }',
    ),
  },
];

faultTests(test, () => world, table);

test('after all of them the next one needs no help', async () => {
  assert.ok(existsSync(world.database));
  await provesRecovery(world);
});
test.run();
