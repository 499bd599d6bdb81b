// Nights on which the bucket, the line to it or its rights fail: the right exit code, no prune, no success, and the next one is good.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import { faultTests, provesRecovery, type Fault } from '../support/backup/faulty-nights.ts';
import { makeTwofold, type Twofold } from '../support/backup/twofold.ts';
import type { Asked, Fault as Line } from '../support/store/faults.ts';

let world: Twofold;
test.before(async () => {
  world = await makeTwofold('{ daily: 1 }');
  for (const round of [1, 2]) await world.good('backup', round === 1 ? [] : ['--store', 'far']);
});
test.after(() => world.end());

const MiB = 1024 * 1024;

/** A line that is bad for the requests that `picks` picks. */
function line(fault: Line, picks: (asked: Asked) => boolean): Fault['cause'] {
  return ({ faults }) => {
    faults.rule = asked => (picks(asked) ? fault : undefined);
    return () => void (faults.rule = () => undefined);
  };
}
const putting = (end: string) => (asked: Asked) => asked.method === 'PUT' && asked.key.endsWith(end);
const getting = (end: string) => (asked: Asked) => asked.method === 'GET' && asked.key.endsWith(end);
const files = 'files.tar.zst';
const refuses = (answer: number, code: string) => line({ answer, code }, putting(files));
const far = { store: 'far' } as const;
const atDrill = { ...far, task: 'drill' } as const;

const table: Fault[] = [
  {
    ...far,
    what: 'the secret of the bucket is wrong',
    exit: 3,
    says: 'the key or its secret is wrong',
    cause({ folder }) {
      const file = join(folder, 'S3_SECRET');
      const good = readFileSync(file, 'utf8');
      writeFileSync(file, 'another-secret\n');
      return () => writeFileSync(file, good);
    },
  },
  {
    ...far,
    torture: true,
    what: 'the bucket is gone',
    exit: 3,
    says: 'has no bucket twofold',
    cause: line({ answer: 404, code: 'NoSuchBucket' }, () => true),
  },
  {
    ...far,
    what: 'the second part is answered with 500',
    exit: 1,
    says: 'it answered InternalError 500',
    cause: line({ answer: 500, code: 'InternalError' }, ({ part }) => part === 2),
  },
  {
    ...far,
    torture: true,
    what: 'the connection breaks at each upload',
    exit: 4,
    says: 'cannot be reached',
    cause: line({ cutUpload: MiB }, ({ part }) => part === 1),
  },
  {
    ...far,
    torture: true,
    what: 'a byte becomes another one on the way to the store',
    exit: 1,
    says: files,
    cause: line('flip', putting(files)),
  },
  { ...far, what: 'the store wants a length', exit: 1, says: '411', cause: refuses(411, 'MissingContentLength') },
  {
    ...far,
    torture: true,
    what: 'the store knows no uploads in parts',
    exit: 1,
    says: '501',
    cause: refuses(501, 'NotImplemented'),
  },
  {
    ...far,
    torture: true,
    what: 'the store is full',
    exit: 1,
    says: 'no space left',
    cause: refuses(507, 'InsufficientStorage'),
  },
  {
    ...far,
    torture: true,
    what: 'the store forgets what it took',
    exit: 1,
    says: 'it says that it has',
    cause: line({ answer: 200, code: '' }, putting('database.sqlite.zst')),
  },
  {
    ...far,
    what: 'the manifest is refused',
    exit: 3,
    says: 'no right to do that',
    cause: line({ answer: 403, code: 'AccessDenied' }, putting('manifest.json')),
  },
  {
    ...far,
    what: 'the clock of the store is an hour ahead',
    exit: 3,
    says: 'clock',
    cause: line({ clock: 3600 }, () => true),
  },
  {
    ...far,
    torture: true,
    what: 'the clock of the store is an hour behind',
    exit: 3,
    says: 'clock',
    cause: line({ clock: -3600 }, () => true),
  },
  {
    ...far,
    what: 'the store does not answer any more',
    exit: 4,
    says: 'cannot be reached',
    torture: true,
    cause: line('silence', putting(files)),
  },
  {
    ...atDrill,
    what: 'a part is missing',
    exit: 7,
    says: 'has no ',
    cause: line({ answer: 404, code: 'NoSuchKey' }, getting(files)),
  },
  {
    ...atDrill,
    what: 'a byte becomes another one on the way back',
    exit: 7,
    says: 'its checksum does not match',
    cause: line('flipDownload', getting(files)),
  },
  {
    ...atDrill,
    what: 'a download ends before its end',
    exit: 4,
    says: 'cannot be reached',
    cause: line({ cutDownload: MiB }, getting(files)),
  },
  {
    ...far,
    what: 'the right to delete was taken away',
    task: 'backups prune',
    exit: 3,
    says: 'no right to do that',
    cause: line({ answer: 403, code: 'AccessDenied' }, ({ method }) => method === 'DELETE'),
  },
];

faultTests(test, () => world, table);

test('after all of them the next one needs no help', () => provesRecovery(world));

test.run();
