// Measures the peak of memory of a backup, its verification and its drill, for little and for ten times as much data.
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { makeData } from '../tests/support/backup/data.ts';
import { startSwift } from '../tests/support/store/swift.ts';
import { costOfTask, needs } from './cost.ts';
import type { Figure } from './figures.ts';

const sizes = [1, 10];
const limit = 150;

export const about = `peak of memory of the largest process of a task, for ${sizes.join(' and ')} GB of files of chance into a bucket (Swift), by wait4`;

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  await needs({});
  const peaks = new Map<string, number[]>();
  for (const gigabytes of sizes) {
    const swift = await startSwift();
    await swift.bucket('memory');
    const data = makeData({
      stores: {
        far: `{ kind: s3, bucket: memory, endpoint: '${swift.endpoint}', key: { env: S3_KEY }, secret: { env: S3_SECRET } }`,
      },
    });
    try {
      // what is there, what is stored, what is fetched, what is unpacked; and something for everybody else
      const { bavail, bsize } = statfsSync(data.folder);
      if (bavail * bsize < (gigabytes * 4 + 20) * 1e9)
        throw new Error(`${data.folder} has no room for ${gigabytes} GB four times, and 20 GB beside it`);
      data.sql('CREATE TABLE chapters (title); INSERT INTO chapters SELECT value FROM generate_series(1, 1000)');
      execFileSync('bash', [
        '-c',
        'for ((at = 0; at < $2; at++)); do head -c 100000000 /dev/urandom >"$1/$at"; done',
        'bash',
        data.uploads,
        String(gigabytes * 10),
      ]);
      for (const task of ['backup', 'backups verify', 'drill']) {
        const [name = '', ...words] = task.split(' ');
        const { peakMB, wall, cpu } = await costOfTask(name, words, data.folder, swift.environment);
        peaks.set(task, [...(peaks.get(task) ?? []), peakMB]);
        say(`${gigabytes} GB: ${task} ${peakMB.toFixed(0)} MB, ${wall.toFixed(0)} s, ${cpu.toFixed(0)} s of processor`);
      }
    } finally {
      data.clean();
      await swift.stop();
    }
  }
  return [...peaks].flatMap(([task, [little = 0, much = 0]]) => {
    const difference = Math.abs(much / little - 1) * 100;
    return [
      ...[little, much].map((peak, index) => ({
        what: `${task}: peak at ${sizes[index]} GB`,
        value: `${peak.toFixed(0)} MB`,
        limit: `≤ ${limit} MB`,
        good: peak <= limit,
      })),
      { what: `${task}: difference`, value: `${difference.toFixed(0)} %`, limit: '< 15 %', good: difference < 15 },
    ];
  });
}
