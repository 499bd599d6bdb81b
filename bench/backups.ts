// Measures a first backup, the night after a small change, and a restore that is checked in full, each against restic.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { s3Store } from '../lib/store/s3/store.ts';
import { makeData, type Data } from '../tests/support/backup/data.ts';
import { startSwift, type Swift } from '../tests/support/store/swift.ts';
import { costOf, costOfTask, needs, type Cost } from './cost.ts';
import { median, seconds, type Figure } from './figures.ts';
import { startTlsFront, type TlsFront } from './tls-front.ts';

const rounds = 3;
const [databaseMB, randomMB, textMB] = [200, 480, 320];

export const about = `a database of ${databaseMB} MB in WAL mode and 3,100 files of 10 to 500 kB (${randomMB} MB random, ${textMB} MB text) into the same S3 server (Swift, TLS in front) by bookops and by restic, ${rounds} interleaved rounds, medians; seconds of processor with all children, by wait4`;

type Side = 'ours' | 'restic';
/** `sent`: bytes on the wire to the store; `stored`: bytes of its objects. */
type Night = Cost & { sent: number; stored: number };
type Buckets = Record<Side, Awaited<ReturnType<Swift['bucket']>>>;
type Seen = { first: Night; second: Night; back: Cost };

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  await needs({ restic: 'restic', openssl: 'openssl' });
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const swift = await startSwift();
  const front = await startTlsFront(swift.port);
  const store = (name: string) =>
    `{ kind: s3, bucket: ${name}, endpoint: '${front.endpoint}', key: { env: S3_KEY }, secret: { env: S3_SECRET } }`;
  const names = Array.from({ length: rounds }, (_, round) => `ours-${round}`);
  const data = makeData({ stores: Object.fromEntries(names.map(name => [name, store(name)])), mode: 'packs' });
  const seen: Record<Side, Seen[]> = { ours: [], restic: [] };
  const buckets: Buckets[] = [];
  for (const [round, ours] of names.entries())
    buckets.push({ ours: await swift.bucket(ours), restic: await swift.bucket(`restic-${round}`) });
  try {
    say('making the set');
    make('database', data.database, databaseMB);
    make('assets', data.uploads, randomMB, textMB);
    for (const [round, pair] of buckets.entries()) {
      const order: Side[] = round % 2 === 0 ? ['ours', 'restic'] : ['restic', 'ours'];
      const found = await oneRound(round, pair, order, data, swift, front);
      for (const side of order) {
        seen[side].push(found[side]);
        const { first, second, back } = found[side];
        say(
          `${side}: first ${told(first)}, ${megabytes(first.stored)} stored; second ${told(second)}, ${megabytes(second.sent)} sent; back ${told(back)}`,
        );
      }
    }
  } finally {
    data.clean();
    await front.stop();
    await swift.stop();
  }
  const version = execFileSync('restic', ['version'], { encoding: 'utf8' }).split(' ')[1] ?? '';
  return figuresOf(seen, `restic ${version}`);
}

function make(what: string, ...words: (string | number)[]): void {
  execFileSync('/usr/bin/python3', [join(import.meta.dirname, 'backup-set.py'), what, ...words.map(String)]);
}

async function oneRound(
  round: number,
  buckets: Buckets,
  order: readonly Side[],
  data: Data,
  swift: Swift,
  front: TlsFront,
): Promise<Record<Side, Seen>> {
  const ours = ourWay(data, front, swift, `ours-${round}`);
  const theirs = resticWay(data, front, swift, `restic-${round}`);
  const ways = { ours, restic: theirs };
  await theirs.prepare();

  const night = async (side: Side): Promise<Night> => {
    // what was written before is not to be waited for now
    execFileSync('sync');
    const [before, stored] = [front.sent(), await bytesIn(buckets[side], swift)];
    const cost = await ways[side].backup();
    return { ...cost, sent: front.sent() - before, stored: (await bytesIn(buckets[side], swift)) - stored };
  };
  const each = async <Found>(work: (side: Side) => Promise<Found>) => {
    const found = new Map<Side, Found>();
    for (const side of order) found.set(side, await work(side));
    return (side: Side): Found => found.get(side) as Found;
  };
  const first = await each(night);
  make('change', data.database, data.uploads, round);
  const second = await each(night);
  const back = await each(async side => {
    execFileSync('sync');
    return ways[side].restore();
  });
  const seenOf = (side: Side): Seen => ({ first: first(side), second: second(side), back: back(side) });
  return { ours: seenOf('ours'), restic: seenOf('restic') };
}

type Way = { prepare(): Promise<unknown>; backup(): Promise<Cost>; restore(): Promise<Cost> };

/** A restore of ours is a drill: fetched, checked, unpacked, opened, counted. */
function ourWay(data: Data, { certificate }: TlsFront, swift: Swift, store: string): Way {
  const env = { ...swift.environment, NODE_EXTRA_CA_CERTS: certificate };
  const run = (task: string) => costOfTask(task, ['--store', store], data.folder, env);
  return { prepare: async () => {}, backup: () => run('backup'), restore: () => run('drill') };
}

function resticWay(data: Data, { endpoint, certificate }: TlsFront, swift: Swift, bucket: string): Way {
  const cache = join(data.folder, `${bucket}-cache`);
  const out = join(data.folder, `${bucket}-out`);
  mkdirSync(cache);
  const env = {
    AWS_ACCESS_KEY_ID: swift.environment.S3_KEY,
    AWS_SECRET_ACCESS_KEY: swift.environment.S3_SECRET,
    RESTIC_REPOSITORY: `s3:${endpoint}/${bucket}`,
    RESTIC_PASSWORD: 'the bench',
    RESTIC_CACHE_DIR: cache,
  };
  const run = (...words: string[]) =>
    costOf(['restic', '--quiet', '--cacert', certificate, '-o', 's3.region=us-east-1', ...words], data.folder, env);
  return {
    prepare: () => run('init'),
    backup: () => run('backup', join(data.root, 'shared')),
    async restore() {
      const cost = await run('restore', 'latest', '--target', out);
      rmSync(out, { recursive: true });
      return cost;
    },
  };
}

async function bytesIn(settings: Buckets[Side], { environment }: Swift): Promise<number> {
  const store = s3Store(settings, { environment, signal: new AbortController().signal });
  let sum = 0;
  for await (const { bytes } of store.list('')) sum += bytes;
  return sum;
}

function figuresOf({ ours, restic }: Record<Side, Seen[]>, peer: string): Figure[] {
  const middle = (all: Seen[], pick: (seen: Seen) => number) => median(all.map(pick));
  const ratio = (
    what: string,
    limit: number,
    unit: (value: number) => string,
    pick: (seen: Seen) => number,
  ): Figure => {
    const [mine, theirs] = [middle(ours, pick), middle(restic, pick)];
    const good = mine / theirs <= limit;
    const value = `${(mine / theirs).toFixed(2)} × (${unit(mine)})`;
    return { what, value, limit: `≤ ${limit} ×`, good, against: `${peer}: ${unit(theirs)}` };
  };
  const beside = (what: string, unit: (value: number) => string, pick: (seen: Seen) => number): Figure => ({
    what,
    value: unit(middle(ours, pick)),
    against: `${peer}: ${unit(middle(restic, pick))}`,
  });
  const sent = middle(ours, seen => seen.second.sent);
  return [
    ratio('first backup, on the clock', 0.8, seconds, seen => seen.first.wall),
    ratio('first backup, seconds of processor', 0.9, seconds, seen => seen.first.cpu),
    ratio('first backup, bytes stored', 1, megabytes, seen => seen.first.stored),
    beside('first backup, largest process', megabytes, seen => seen.first.peakMB * 1e6),
    {
      what: 'second night after a change of 1 %, bytes sent',
      value: megabytes(sent),
      limit: '≤ 60 MB',
      good: sent <= 60e6,
      against: `${peer}: ${megabytes(middle(restic, seen => seen.second.sent))}`,
    },
    beside('second night, on the clock', seconds, seen => seen.second.wall),
    beside('second night, seconds of processor', seconds, seen => seen.second.cpu),
    ratio('restore with full drill against a plain restore, on the clock', 1.5, seconds, seen => seen.back.wall),
    beside('restore, seconds of processor', seconds, seen => seen.back.cpu),
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}

function told({ wall, cpu }: Cost): string {
  return `${seconds(wall)} (${seconds(cpu)} of processor)`;
}
