// A list of items as time-stamped lines: for pipes, cron, CI, screen readers and --verbose.
import { type Item, took } from './items.ts';
import { inert } from './github-actions.ts';
import { visible } from './safe-text.ts';

export type Paper = {
  /** Writes a time-stamped line. */
  line(text: string): void;
  /** Writes a line as it is. */
  raw(text: string): void;
  paint: { red(text: string): string; green(text: string): string; dim(text: string): string };
};

export type Manner = { verbose: boolean; actions: boolean };

/** How often a running item says that it still runs. */
const everySeconds = 10;

/** Runs one item between its lines. What it threw is thrown on. */
export async function runPlainly(item: Item, paper: Paper, manner: Manner): Promise<void> {
  const { title } = item;
  const { paint } = paper;
  const open = manner.actions || manner.verbose;
  if (manner.actions) paper.raw(`::group::${inert(title)}`);
  else paper.line(`… ${title}`);
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const still = setInterval(
    () => paper.line(paint.dim(`… ${title}: still running after ${Math.round(seconds())} s`)),
    everySeconds * 1000,
  );
  const say = (text: string) => {
    if (open)
      for (const line of visible(text).split('\n')) paper.raw(paint.dim(`    ${manner.actions ? inert(line) : line}`));
  };
  let mark = paint.red('✖');
  try {
    await item.run(say);
    mark = paint.green('✔');
  } finally {
    clearInterval(still);
    if (manner.actions) paper.raw('::endgroup::');
    paper.line(`${mark} ${title} (${took(seconds())})`);
  }
}
