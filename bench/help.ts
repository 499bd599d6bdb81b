// Measures how long --help of every task takes, against an empty tsx script right before it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, milliseconds, type Figure } from './figures.ts';

const root = join(import.meta.dirname, '..');
const limit = 1.4;
const rounds = 7;

export const about = `--help of each task against an empty script, ${rounds} pairs each, the median of the ratios`;

export async function measure(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-help-'));
  const empty = join(folder, 'empty.ts');
  writeFileSync(empty, 'export {};\n');
  const bare = join(folder, 'bare.mjs');
  writeFileSync(bare, '');
  const names = readdirSync(join(root, 'tasks')).filter(name => name.endsWith('.ts'));

  const start = (...words: string[]) => {
    const began = performance.now();
    execFileSync('node', words, { cwd: root, stdio: 'ignore' });
    return performance.now() - began;
  };
  const tsx = (file: string) => start('--import', 'tsx', file, '--help');
  const tasks = names.map(name => ({
    name,
    file: join(root, 'tasks', name),
    times: [] as number[],
    ratios: [] as number[],
  }));
  const empties: number[] = [];
  const bares: number[] = [];
  // Turn by turn, each beside an empty script of its own, so that a busy moment of the machine falls on both.
  for (const { file } of tasks) tsx(file);
  for (let round = 0; round < rounds; round++) {
    bares.push(start(bare));
    for (const task of tasks) {
      const floor = tsx(empty);
      const time = tsx(task.file);
      empties.push(floor);
      task.times.push(time);
      task.ratios.push(time / floor);
    }
  }
  rmSync(folder, { recursive: true });

  const node = milliseconds(median(bares));
  return [
    { what: 'an empty script under tsx', value: milliseconds(median(empties)), against: `node alone: ${node}` },
    ...tasks.map(({ name, times, ratios }) => ({
      what: `tasks/${name} --help`,
      value: `${median(ratios).toFixed(2)} × (${milliseconds(median(times))})`,
      limit: `≤ ${limit} ×`,
      good: median(ratios) <= limit,
      against: 'an empty script under tsx, same run',
    })),
  ];
}
