// Times the import of a book of 1,800 chapters and 400 images into the double of Writebook, and what it takes in memory.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesIn } from '../tests/support/book/book.ts';
import { writeLargeBook } from '../tests/support/writebook/large-book.ts';
import { makeWritebook, type Writebook } from '../tests/support/writebook/writebook.ts';
import type { Figure } from './figures.ts';

export const about = 'a folder of 1,800 chapters and 400 images into a book, with the test double of Writebook';

const words = ['content', '--book', 'B', '--create'];

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  const add = (figure: Figure) => {
    say(`${figure.what}: ${figure.value}`);
    figures.push(figure);
  };
  const book = await makeWritebook();
  try {
    writeLargeBook(book.content, { chapters: 1800, images: 400 });
    const boot = bootSeconds(book);
    add({ what: 'a boot of the double', value: seconds(boot) });
    const seed = oneBootPerFile(book, 5);
    add({
      what: 'the seed’s way, one boot per file, 5 files',
      value: seconds(seed),
      against: `1,800 files: ${minutes((seed / 5) * 1800)}`,
    });

    const plan = await timed(book, [...words, '--plan']);
    add({ what: 'plan of the first import', value: seconds(plan.took), limit: '< 2 s', good: plan.took < 2 });
    const first = await timed(book, words);
    const all = first.took + 2 * boot;
    add({
      what: 'first import, with two boots',
      value: seconds(all),
      limit: `≤ two boots + 30 s`,
      good: first.took <= 30 && first.written === 1818,
    });
    add({
      what: 'of that, processor time of Ruby; the rest is pauses, and waiting for a processor',
      value: seconds(first.rubyWorked),
    });
    add({
      what: 'memory of node, and of the application’s Ruby, meanwhile',
      value: `${first.node} MB, ${first.ruby} MB`,
    });
    const second = await timed(book, words);
    add({
      what: 'second import',
      value: `${seconds(second.took + boot)}, ${second.written} writes`,
      limit: '0 writes',
      good: second.written === 0,
    });
    const again = await timed(book, [...words, '--plan']);
    add({ what: 'plan of the second import', value: seconds(again.took), limit: '< 2 s', good: again.took < 2 });
  } finally {
    book.clean();
  }
  for (const megabytes of [20, 200]) add(await memoryWith(megabytes));
  return figures;
}

/** Half of it in images, half in texts of 5 MB. */
async function memoryWith(megabytes: number): Promise<Figure> {
  const book = await makeWritebook();
  try {
    const count = megabytes / 10;
    writeLargeBook(book.content, { chapters: count, images: count, imageBytes: 5_000_000, paragraphs: 14_500 });
    const { node, ruby, took } = await timed(book, words);
    return {
      what: `${megabytes} MB: memory of node, of Ruby, and time`,
      value: `${node} MB, ${ruby} MB, ${seconds(took)}`,
    };
  } finally {
    book.clean();
  }
}

/** The double stays booted, so a run takes what it would without its boots. Memory in MB, at its highest. */
async function timed(
  book: Writebook,
  given: string[],
): Promise<{ took: number; written: number; node: number; ruby: number; rubyWorked: number }> {
  const began = performance.now();
  const running = book.start('import-chapters', [...given, '--json']);
  const most = { node: 0, ruby: 0, rubyWorked: 0 };
  const look = setInterval(() => {
    most.node = Math.max(most.node, highest(running.child.pid));
    for (const pid of processesIn(join(book.folder, 'staging'))) {
      most.ruby = Math.max(most.ruby, highest(pid));
      most.rubyWorked = Math.max(most.rubyWorked, worked(pid));
    }
  }, 200);
  const { code, stdout, stderr } = await running.ended;
  clearInterval(look);
  if (code !== 0) throw new Error(stderr);
  return { took: (performance.now() - began) / 1000, written: Number(JSON.parse(stdout).written ?? 0), ...most };
}

function highest(pid: number | undefined): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

/** Seconds of processor time so far, at 100 ticks a second. */
function worked(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

function bootSeconds(book: Writebook): number {
  return runner(book, '0');
}

/** A runner for each file, as the script of before had it. */
function oneBootPerFile(book: Writebook, count: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++)
    sum += runner(
      book,
      `Book.first_or_create!(title: "S", slug: "s").press(Page.new(body: "x" * 4000), title: "T${at}")`,
    );
  book.ruby('Leaf.delete_all; Page.delete_all; Book.delete_all');
  return sum;
}

function runner(book: Writebook, program: string): number {
  const app = join(book.folder, 'staging/current');
  const file = join(book.folder, 'one.rb');
  writeFileSync(file, program);
  const began = performance.now();
  const { status, stderr } = spawnSync('ruby', ['-r', join(app, 'application.rb'), file], {
    cwd: app,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return (performance.now() - began) / 1000;
}

const seconds = (value: number) => `${value.toFixed(1)} s`;
const minutes = (value: number) => `${Math.round(value / 60)} min`;
