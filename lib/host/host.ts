// The interface of a host, over ssh or local: run a query, keep a channel open, attach a terminal.
import type { Readable, Writable } from 'node:stream';
import type { Command } from './sh.ts';

/** The output of a finished command. `code` is never null: a lost connection throws instead. */
export type Answer = { code: number; stdout: string; stderr: string };

/** A running `bash -s` on the host whose script was already sent; `input` keeps feeding its standard input. */
export type Channel = {
  input: Writable;
  output: Readable;
  errors: Readable;
  /** Resolves when the far side ended; rejects with a Failure (exit 4) when the connection was lost first. */
  ended: Promise<{ code: number }>;
  /** Drops the channel at once, as a crash of this program would. */
  drop(): void;
};

export type Host = {
  /** The name in ops.yml. */
  readonly name: string;
  /** How a person would say where it is: `deploy@203.0.113.10:22` or `this machine`. */
  readonly where: string;
  /**
   * Runs `question`, which must change nothing, in bash on the host (one round trip) and returns what it printed.
   * The text travels on standard input, never in an argument list. Does not throw on a non-zero code: the caller decides.
   * @throws Failure 4 when the host cannot be reached, or is not the host it should be; Failure 1 after `seconds` (60).
   */
  ask(question: Command, more?: { seconds?: number; signal?: AbortSignal }): Promise<Answer>;
  /** Opens a channel whose streams are those of a bash that runs `command` (below 100 kB). Used by the keeper and for streams. */
  open(command: Command): Promise<Channel>;
  /** Runs `command` with this terminal attached (a pty on the host, window size followed) and returns its exit code. */
  terminal(command: Command): Promise<number>;
  /** Ends the connection. A second call does nothing. */
  close(): Promise<void>;
};

/** What a host may use of the program around it. */
export type HostContext = {
  environment: NodeJS.ProcessEnv;
  /** Ends an attempt to connect. An existing connection stays: the undo needs it. */
  signal?: AbortSignal | undefined;
  /** The terminal that `Host.terminal` lends; undefined when there is none. */
  terminal?: Terminal | undefined;
};

export type Terminal = {
  input: Readable & { isTTY?: boolean; isRaw?: boolean; setRawMode?(on: boolean): unknown };
  output: Writable & { isTTY?: boolean; columns?: number; rows?: number };
};
