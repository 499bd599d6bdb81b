// Runs the benchmarks, all or those named, prints their figures and writes them into bench/results.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Figure, Part } from './figures.ts';

const parts: Record<string, () => Promise<Part>> = {
  help: () => import('./help.ts'),
  keeper: () => import('./keeper.ts'),
  channels: () => import('./channels.ts'),
  'round-trips': () => import('./round-trips.ts'),
  'deploy-time': () => import('./deploy-time.ts'),
  peers: () => import('./peers.ts'),
  switches: () => import('./switches.ts'),
  backups: () => import('./backups.ts'),
  'backup-memory': () => import('./backup-memory.ts'),
  'live-database': () => import('./live-database.ts'),
  chapters: () => import('./chapters.ts'),
};
const file = join(import.meta.dirname, 'results.md');
const wanted = process.argv.slice(2);
const unknown = wanted.filter(name => !parts[name]);
if (unknown.length) {
  console.error(`no part is called ${unknown.join(', ')}; there are: ${Object.keys(parts).join(', ')}`);
  process.exit(2);
}

const sections = existsSync(file) ? readSections(readFileSync(file, 'utf8')) : new Map<string, string>();
let missed = 0;
for (const [name, load] of Object.entries(parts)) {
  if (wanted.length && !wanted.includes(name)) continue;
  const { about, measure } = await load();
  console.error(`\n${name}: ${about}`);
  const figures = await measure(line => console.error(`  ${line}`));
  for (const { what, value, limit, good, against } of figures)
    console.log(
      `${good === false ? '✖' : good ? '✔' : ' '} ${value.padEnd(22)} ${what}${limit ? ` (${limit})` : ''}${against ? `; against ${against}` : ''}`,
    );
  missed += figures.filter(one => one.good === false).length;
  sections.set(name, section(name, about, figures));
  writeFileSync(file, page(sections));
}
if (missed) console.error(`\n${missed} figures miss what was asked for`);
process.exit(missed ? 1 : 0);

function section(name: string, about: string, figures: Figure[]): string {
  const rows = figures.map(
    ({ what, value, limit = '', good, against = '' }) =>
      `| ${what} | ${value} | ${limit}${good === undefined ? '' : good ? ' ✔' : ' ✖'} | ${against} |`,
  );
  const processor = cpus()[0]?.model.replace(/\s+/g, ' ').trim() || 'unnamed processor';
  const machine = `${cpus().length} × ${processor}, ${Math.round(totalmem() / 2 ** 30)} GB, Linux ${release()}, Node ${process.versions.node}, load ${loadavg()[1]?.toFixed(1)} at the end`;
  return [
    `## ${name}`,
    '',
    `${about}.`,
    '',
    `${new Date().toISOString().slice(0, 10)}, ${machine}.`,
    '',
    '| what | figure | asked for | compared with |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function page(found: Map<string, string>): string {
  const intro =
    '# Figures\n\nWritten by `make bench`; what they mean stands in docs/benchmarks.md. Seconds are medians of a shared machine, counts are exact.';
  return `${[intro, ...Object.keys(parts).flatMap(name => found.get(name) ?? [])].join('\n\n')}\n`;
}

function readSections(text: string): Map<string, string> {
  return new Map(
    text
      .split(/^(?=## )/m)
      .slice(1)
      .map(one => [/^## (\S+)/.exec(one)?.[1] ?? '', one.trim()]),
  );
}
