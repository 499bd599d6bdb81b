// Shows the progress of steps that run through the keeper: forward one by one, and the undos.
import { Failure } from '../errors.ts';
import type { Keeper } from './keeper/protocol.ts';
import type { Item } from '../report/items.ts';
import type { Report } from '../report/report.ts';
import type { Step } from './step.ts';

/** Where a plan has come to: the step that runs, or ran last, and what it printed. */
export type Progress = { current: Step | undefined; said: string[] };

/** @param ended gets each step that succeeded, with its seconds */
export function shownSteps(
  keeper: Keeper,
  steps: readonly Step[],
  signal: AbortSignal,
  progress: Progress,
  ended: (step: Step, seconds: number) => void = () => {},
): Item[] {
  const aborted = new Promise<never>((_, reject) => {
    const now = () => reject(signal.reason);
    if (signal.aborted) now();
    else signal.addEventListener('abort', now, { once: true });
  });
  aborted.catch(() => {});
  return steps.map((step, index) => ({
    title: step.title,
    ...(step.skip ? { skip: step.skip } : {}),
    run: async say => {
      progress.current = step;
      progress.said.length = 0;
      const hear = (line: string) => {
        progress.said.push(line);
        // only its last output is shown
        if (progress.said.length > 1000) progress.said.splice(0, 500);
        say(line);
      };
      const from = performance.now();
      await Promise.race([keeper.done(index, hear), aborted]);
      ended(step, (performance.now() - from) / 1000);
    },
  }));
}

/** What the undos reported: the one that failed, and an old release that is not as ready as before. */
export type Undone = { failed: { title: string; said: string[] } | undefined; back: string[] };

/** After keeper.abort(): one row per undo, newest first. How it all ended says keeper.ended(). */
export async function showUndos(keeper: Keeper, steps: readonly Step[], report: Report): Promise<Undone> {
  const told: Undone = { failed: undefined, back: [] };
  for await (const { index, hear } of keeper.undos()) {
    const title = steps[index]?.title ?? '';
    const said: string[] = [];
    const run = async (say: (line: string) => void) => {
      const isDone = await hear(line => {
        said.push(line);
        say(line);
      });
      if (isDone) return;
      const last = said.filter(line => line.trim()).slice(-8);
      told.failed = { title, said: last };
      // with a detail, as its message is shown once, at the end
      throw new Failure(6, 'the undo failed', { detail: last.join('\n') || 'it said nothing' });
    };
    await report.show([{ title: `Undo: ${title}`, run }]).catch(() => {});
    told.back.push(...said.flatMap(line => /^back: (.+)$/.exec(line)?.[1] ?? []));
  }
  return told;
}
