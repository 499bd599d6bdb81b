// The parts of a list of items, whichever renderer draws it.

export type Say = (line: string) => void;

/** One titled thing to do; it rejects when it failed. */
export type Item = {
  title: string;
  /** Why there is nothing to do; the item is shown and not run. */
  skip?: string;
  run(say: Say): Promise<void>;
};

/** Does one thing, as a list of its own. @returns what it gives */
export async function doItem<T>(
  { show }: { show: (items: Item[]) => Promise<void> },
  title: string,
  run: (say: Say) => Promise<T>,
): Promise<T> {
  let given: { value: T } | undefined;
  await show([{ title, run: async say => void (given = { value: await run(say) }) }]);
  if (!given) throw new TypeError(`${title}: it was shown, and not done`);
  return given.value;
}

/** What became of an item. */
export type ItemOutcome = {
  title: string;
  state: 'done' | 'skipped' | 'failed' | 'not reached';
  seconds?: number;
  /** Why it was skipped. */
  why?: string;
};

/** `0.4s`, `12.0s`, `3m 05s`. */
export function took(seconds: number): string {
  const whole = Math.round(seconds);
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  return `${Math.floor(whole / 60)}m ${String(whole % 60).padStart(2, '0')}s`;
}
