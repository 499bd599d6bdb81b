// The options of a switch.
import type { Step } from '../../plan/step.ts';

export type SwitchOptions = {
  /** Steps that visitors do not notice: pulling, unpacking, checking. */
  before: Step[];
  /** Whether the new release may change the database: snapshot, migration, and the undo of both. */
  changesData: boolean;
  /** The snapshot that a rollback puts back. */
  restores?: string | undefined;
  /** What the maintenance flag says for people who look at it. */
  why: string;
  /** While nothing runs: steps that recreate the data, around the migration; `migrates` is for data that come from another time. */
  fill?: { first: Step[]; last: Step[]; migrates?: true };
};
