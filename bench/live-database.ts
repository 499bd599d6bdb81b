// Measures backups of a large database under many commits a second: how long a copy takes, how long the app waits, and whether all is there.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { makeData } from '../tests/support/backup/data.ts';
import { writeAndRestore, type Round } from '../tests/support/backup/write-and-restore.ts';
import { startWriter } from '../tests/support/backup/writer.ts';
import { median, milliseconds, seconds, type Figure } from './figures.ts';

const rounds = 100;
const [megabytes, perSecond] = [200, 200];

export const about = `a database of ${megabytes} MB in WAL mode, written to by another process with ${perSecond} commits/s that each wait for the disk (synchronous=FULL), backed up into a folder and restored ${rounds} times`;

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const data = makeData();
  const done: Round[] = [];
  const idle: number[] = [];
  try {
    execFileSync('/usr/bin/python3', [
      join(import.meta.dirname, 'backup-set.py'),
      'database',
      data.database,
      String(megabytes),
    ]);
    writeFileSync(join(data.uploads, 'page'), 'a page');
    const writer = await startWriter(data.database, perSecond);
    try {
      // what the disk and the machine make of it when nobody backs up
      await new Promise(over => setTimeout(over, 20_000));
      idle.push(...(await writer.lap()).longest);
      for (let round = 0; round < rounds; round++) {
        const one = await writeAndRestore(data, writer, round);
        done.push(one);
        if (round % 10 === 9) await data.good('backups', ['prune']);
        say(
          `${round + 1}: copied in ${one.snapshotSeconds} s, ${(one.lap.commits / one.lap.seconds).toFixed(0)} commits/s, longest ${milliseconds(one.lap.longest[0] ?? 0)}, load ${loadavg()[0]?.toFixed(1)}`,
        );
      }
    } finally {
      await writer.stop();
    }
  } finally {
    data.clean();
  }
  const copies = done.map(one => one.snapshotSeconds);
  const stalls = done.map(one => one.lap.longest[0] ?? 0);
  const rate = median(done.map(({ lap }) => lap.commits / lap.seconds));
  const [slowest, longest] = [Math.max(...copies), Math.max(...stalls)];
  return [
    {
      what: 'whole, and of a moment between start and end',
      value: `${done.length} of ${rounds}`,
      limit: `${rounds} of ${rounds}`,
      good: done.length === rounds,
    },
    {
      what: 'the copy, with its checks and counts',
      value: seconds(median(copies)),
      limit: '≤ 2 s',
      good: median(copies) <= 2,
      against: `the slowest of them: ${seconds(slowest)}`,
    },
    {
      what: 'longest commit of the app during the backups',
      value: milliseconds(longest),
      limit: '≤ 250 ms',
      good: longest <= 250,
      against: `in the middle of the backups ${milliseconds(median(stalls))}; without a backup, in 20 s, ${milliseconds(idle[0] ?? 0)}`,
    },
    { what: 'commits a second during the backups', value: rate.toFixed(0), against: `${perSecond} were asked for` },
  ];
}
