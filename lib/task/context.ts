// What a task gets when it runs, and what a file in tasks/ declares.
import type { Target } from '../target/target.ts';
import type { HostSettings } from '../target/host-settings.ts';
import type { Report } from '../report/report.ts';
import type { Host } from '../host/host.ts';
import type { Config } from '../config/config.ts';
import type { Readable } from 'node:stream';
import type { Values, Shape, Reach, Flags } from './flags.ts';
import type { Result } from '../report/result.ts';

export type Env<R extends Reach> = R extends 'one'
  ? { env: string; app: string | undefined }
  : R extends 'optional'
    ? { env: string | undefined; app: string | undefined }
    : unknown;
/** `wait` is in seconds. */
export type Changing<C extends boolean> = C extends true ? { plan: boolean; wait: number | undefined } : unknown;

export type Args<F extends Flags, R extends Reach, C extends boolean> = Values<F> &
  Env<R> &
  Changing<C> & { config: string | undefined; json: boolean; verbose: boolean };

export type Context<F extends Flags = Record<never, never>, R extends Reach = 'one', C extends boolean = false> = {
  args: Args<F, R, C>;
  positionals: string[];
  /** What stood after `--`. */
  rest: string[];
  config: () => Promise<Config>;
  /** The target that --env and --app name. */
  target: () => Promise<Target>;
  /** One connection per host; all are closed when the task ends. */
  connect: (settings: HostSettings) => Promise<Host>;
  environment: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C, SIGTERM and SIGHUP; its reason is a Failure with the exit code. */
  signal: AbortSignal;
  report: Report;
  /** Standard output, for tasks whose result is a stream: logs, exec. They return an empty text. */
  output: NodeJS.WritableStream;
  /** Standard error as it is, for what a command on the host writes there. */
  errors: NodeJS.WritableStream;
  /** Standard input. */
  input: Readable & { isTTY?: boolean };
  /** `ana@laptop`, or `github:ana` in GitHub Actions; one word. */
  who: string;
  /** The folder the person is in. */
  folder: string;
};

/** How a task ended, and after how many seconds. */
export type TaskEnd = { seconds: number } & ({ result: Result } | { error: unknown });

export type TaskDefinition<F extends Flags, R extends Reach, C extends boolean> = Shape & {
  args?: F;
  target?: R;
  changes?: C;
  run(context: Context<F, R, C>): Promise<Result>;
  /** Looks back on a run that was not interrupted. Its own failure is a warning: what came of the run is certain by now. */
  ended?(context: Context<F, R, C>, end: TaskEnd): Promise<void>;
};
