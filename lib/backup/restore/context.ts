// What the restores of a whole environment need of a task.
import type { Context } from '../../task/context.ts';

export type RestoreContext = Pick<Context, 'config' | 'connect' | 'environment' | 'report' | 'signal' | 'who'> & {
  args: { plan: boolean; wait: number | undefined; verbose: boolean; 'bucket-exact': boolean };
};
