// What one attempt changes: from which release to which, and what is known of the target before it.
import type { Facts } from './facts.ts';
import type { Release } from './release.ts';

export type Change = {
  facts: Facts;
  next: Release;
  /** What serves now; undefined on the first deploy. */
  was: Release | undefined;
  id: string;
  /** What judges learn while the plan runs; it ends up in the line of releases.log. */
  notes: Record<string, string>;
};
