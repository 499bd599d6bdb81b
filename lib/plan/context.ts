// What a change on a target needs from the task that makes it.
import type { Report } from '../report/report.ts';

/** What an attempt needs of the task's context. */
export type PlanContext = {
  args: { plan: boolean; wait: number | undefined; verbose: boolean };
  report: Report;
  signal: AbortSignal;
  who: string;
};
