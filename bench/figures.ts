// What the parts of the bench have in common: a figure with its limit, and the middle of several measurements.

/** `limit` is what the issue asks for that brought the part; `against` says what the figure is compared with, and how that was come by. */
export type Figure = { what: string; value: string; limit?: string; good?: boolean; against?: string };

export type Part = {
  /** One line that says what is measured and how. */
  about: string;
  /** `say` tells a person who waits what is going on. */
  measure(say: (line: string) => void): Promise<Figure[]>;
};

export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export function seconds(value: number): string {
  return `${value.toFixed(2)} s`;
}

export function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** How long `work` took, in seconds. */
export async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
