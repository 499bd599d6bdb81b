// The client's side of the keeper: what it can be asked, and how it is opened on the host.
import type { Finish, Step } from '../step.ts';

/** How an attempt ended, as releases.log says it; `quiet`: nothing was attempted. */
export type Outcome = 'live' | 'failed' | 'reverted' | 'aborted' | 'lost' | 'stuck' | 'quiet';

/** What a keeper is opened for. */
export type Attempt = {
  /** <releases>, the folder of releases.log; the keeper lives in <releases>/.keeper */
  releases: string;
  /** Unique per target, `20261120-120004`. */
  id: string;
  /** The line of releases.log up to its outcome. */
  logHead: string;
  /** One line for others who wait: `by=ana@laptop action=deploy sha=3f2c1ab since=…` */
  holder: string;
  /** Who is missed when no sign of life comes: `ana@laptop`. */
  client: string;
  /** The user whose processes steps start through sudo; undefined: none. */
  appUser: string | undefined;
  /** Seconds to wait for the lock. */
  wait: number;
  /** What a person types when an undo fails. */
  recover?: string;
  /** A person accepts what an earlier attempt left: nothing of it is undone, and this one is recorded as `accepted`. */
  accepts?: true;
};

export type Happening = { kind: 'waiting' | 'settling'; text: string };

export type Keeper = {
  /** The target's stamp at the moment the lock was taken: equal to the one that was asked, or the facts are old. */
  readonly stamp: string;
  /** The leftover that was settled before this plan could begin, if any. */
  readonly settled: string | undefined;
  /** Hands over all steps; they run in order, each as soon as the one before it is done. */
  begin(steps: Step[], finish: Finish[]): void;
  /** Resolves when step `index` is done; rejects with why it failed. Lines of output go to `say`. */
  done(index: number, say: (line: string) => void): Promise<void>;
  /**
   * The attempt succeeded: the steps that close the window run, pointers and log line are written, the undos dropped, the rest
   * of `finish` begins. `more` begins with a space.
   */
  commit(current: string, previous: string | undefined, more: string): void;
  /** Resolves when the line and the pointers are written. */
  recorded(): Promise<void>;
  /** Resolves when finishing step `index` is done, with false when it failed. Lines of output go to `say`. */
  finished(index: number, say: (line: string) => void): Promise<boolean>;
  /** Undoes everything that began. `outcome` is the word for the log. */
  abort(outcome: 'reverted' | 'aborted', reason: string): void;
  /** After abort(): the undos one by one as they run, newest first, until the attempt has ended. */
  undos(): AsyncGenerator<{
    index: number;
    done: Promise<boolean>;
    hear(say: (line: string) => void): Promise<boolean>;
  }>;
  /** Resolves with the end of the attempt. @throws Failure 4 when the connection was lost before it was known. */
  ended(): Promise<Outcome>;
  /** Leaves without an attempt. */
  quit(): Promise<void>;
};
