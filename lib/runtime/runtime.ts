// The interface of a runtime: pure builders of steps and commands, the same for compose, systemd, once and process.
import type { Readable } from 'node:stream';
import type { Site } from '../target/site-settings.ts';
import type { WayBack } from '../health/previous-release.ts';
import type { Command } from '../host/sh.ts';
import type { Release } from '../release/release.ts';
import type { Step } from '../plan/step.ts';
import type { Secret } from '../secret.ts';
import type { TakeOver } from './compose/foreign-release.ts';
import type { Change } from '../release/change.ts';

/** What only this machine has: the commit's archive, the compose file of that commit, the registry's password. */
export type Materials = {
  archive?: () => Readable;
  composeFile?: string;
  password?: Secret;
  /** compose: what another tool's release was made from. */
  takeOver?: TakeOver;
  /** The host had this release before, and what it had of it is gone. */
  again?: true;
};

export type LogQuestion = {
  follow: boolean;
  /** Seconds since 1970, on the host's clock. */
  since: number | undefined;
  until: number | undefined;
  /** At most so many lines, the last ones; undefined: all. */
  lines: number | undefined;
  /** Only lines that contain this text. */
  grep: string | undefined;
};

export type Runtime = {
  /** Lines for the facts question: `… | fact name`. */
  facts(): Command;
  /** Puts a release that the host does not have on it, before any downtime. */
  prepare(change: Change, materials: Materials): Step[];
  /** Makes sure that a release the host had before can still start. */
  verify(change: Change, materials?: Materials): Step[];
  /** Records the live release and stops it; its undo starts it again and waits until it is as healthy as before. */
  stop(change: Change, way: WayBack): Step;
  /** Starts the release; its undo takes it away again. */
  start(change: Change): Step;
  /** A command in the release's surroundings, before it starts. */
  migrate(change: Change, command: string, service: string | undefined, seconds: number): Step;
  /** Defines the bash functions alive and log_tail for a release. What was made and not started lives, unless only_started is set. */
  liveness(release: Release): Command;
  /** After the record: what makes the release permanent, then the clean-up of what it replaced. */
  finalize(change: Change): Step[];
  /** Removes these releases from the host, with the images that nothing else holds. */
  remove(folders: string[]): Command;
  /** The users whose files the steps touch through sudo. */
  appUser: string | undefined;
  /** Prints log lines; ends with a code other than 0 when it could not tell. `one` is true when only this release's are meant. */
  logs(question: LogQuestion, release: Release, one: boolean): Command;
  /** Runs a program with exactly these words in the release's surroundings, with the caller's standard streams. */
  exec(release: Release, words: string[], terminal: boolean, service: string | undefined): Command;
  /** Two versions at once; undefined: this runtime has one place only. */
  colours: Colours | undefined;
  /** Starts the next release beside the live one and moves visitors by itself; then nothing of ours stops the old one. */
  replaces?: true;
  /** Which commands the host needs besides bash, flock, curl. */
  tools: string[];
};

/** What a switch needs that runs the next version beside the live one. */
export type Colours = {
  /** Makes the place of the next release; what an earlier attempt left there goes. Its undo takes the candidate away, running or not. */
  start(change: Change, site: Site): Step;
  /** For the moment in which visitors move: what else says which release serves. */
  route(release: Release): Command;
  /** Stops a version that has no visitors any more, and removes its place. */
  stop(release: Release): Command;
};
