// Steps as a person sees them run through the keeper: forward one by one, and on the way back.
import type { Keeper } from '../host/keeper.ts';
import type { Item, Report } from '../report.ts';
import type { Step } from './plan.ts';

/** Where a plan has come to: the step that runs, or ran last, and what it printed. */
export type Progress = { current: Step | undefined; said: string[] };

/** @param ended is told each step that went well, with its seconds */
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
        // only its last words are told
        if (progress.said.length > 1000) progress.said.splice(0, 500);
        say(line);
      };
      const from = performance.now();
      await Promise.race([keeper.done(index, hear), aborted]);
      ended(step, (performance.now() - from) / 1000);
    },
  }));
}

/** After keeper.abort(): one row per undo, newest first. How it all ended says keeper.ended(). */
export async function showUndos(keeper: Keeper, steps: readonly Step[], report: Report): Promise<void> {
  for await (const { index, done } of keeper.undos()) {
    const run = async () => {
      if (!(await done)) throw new Error('the undo failed');
    };
    await report.show([{ title: `Undo: ${steps[index]?.title ?? ''}`, run }]).catch(() => {});
  }
}
