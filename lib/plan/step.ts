// A plan is plain values: the steps of a change with their undos, in the order in which a person would do them.
import type { Readable } from 'node:stream';
import type { AskedHealth } from '../health/probes.ts';
import type { Command } from '../host/sh.ts';
import type { Secret } from '../secret.ts';

/** One titled change. Shell text runs on the host through the keeper, with the functions of lib/host/step-functions.sh. */
export type Step = {
  title: string;
  run: Command;
  /** Idempotent; known to the keeper before `run` starts, so it runs even when this program is gone. */
  undo?: Command;
  /** Why there is nothing to do; the step is shown and not run. */
  skip?: string;
  /** What the command reads on standard input; a Secret never touches the host's disk. */
  input?: Secret | string;
  /** A stream the command reads on standard input (a release archive), made when the step starts. */
  stream?: () => Readable;
  /** From here on visitors may notice, until the last finishing step that closes the window. */
  opensWindow?: true;
  /** Opens no window, and yet visitors are asked from here on how they fare. */
  probed?: true;
  /** Seconds it may take; default 600. */
  seconds?: number;
  /** Looks at what the command wrote to file descriptor 3. Throws a Failure to fail the step, returns 'again' to run it again. */
  accept?: (answer: string) => 'again' | undefined;
  /** The probes that it waits for, when they are not simply the target's. */
  probes?: AskedHealth;
};

/** A finishing step that fails is a warning when it is only clean-up; else the release is live but a person is needed (exit 6). */
export type Finish = Step & {
  cleanup?: true;
  /** Visitors notice nothing any more. Done before the line of the log is written, as soon as the decision is on the disk. */
  closesWindow?: true;
};

/** Steps that are undone when one fails, then — after the log line is written — steps that are only ever finished. */
export type Plan = { steps: Step[]; finish: Finish[] };

/** A list without what was left out of it. */
export function present<T extends object>(list: (T | false | '' | 0 | undefined)[]): T[] {
  return list.flatMap(one => one || []);
}
