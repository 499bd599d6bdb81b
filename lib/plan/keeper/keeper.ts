// The client's side of the keeper: what it can be asked, and how it is opened on the host.
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Finish, Step } from '../step.ts';
import { converse } from './protocol.ts';
import { startAgain, stepFunctions } from '../../host/environment.ts';
import type { Host } from '../../host/host.ts';
import { quote, script } from '../../host/sh.ts';

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
  /** A person takes what an earlier attempt left for what it is: nothing of it is undone, and this one is recorded as `accepted`. */
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
   * The attempt is good: what closes the window is done, pointers and log line are written, the undos forgotten, the rest
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

const parts = ['line', 'home', 'record', 'undo', 'step', 'main'];

/** The keeper's program, as it is sent and as it lies on the host for the boot line. */
export const keeperSource = (): string =>
  [startAgain.text, ...parts.map(part => readFileSync(new URL(`${part}.sh`, import.meta.url), 'utf8'))].join('\n');

/** Seconds without a sign of life after which the keeper undoes by itself. */
export const SILENCE_SECONDS = 10;

/**
 * Takes the target's lock and returns its keeper.
 * @throws Failure 5 when another run holds the lock; 6 when a leftover cannot be settled; 1 when the journal cannot be written; 4 connection.
 */
export async function openKeeper(
  host: Host,
  attempt: Attempt,
  hear: (happening: Happening) => void = () => {},
): Promise<Keeper> {
  const nonce = `keeper-${randomBytes(9).toString('hex')}`;
  const source = keeperSource();
  const home = `${attempt.releases}/.keeper`;
  const variables: [string, string | number][] = [
    ['releases', attempt.releases],
    ['home', home],
    ['journal', `${home}/journal`],
    ['run_id', attempt.id],
    ['log_head', attempt.logHead],
    ['holder', attempt.holder],
    ['client', attempt.client],
    ['live_word', attempt.accepts ? 'accepted' : 'live'],
  ];
  if (attempt.appUser) variables.push(['app_user', attempt.appUser]);
  const settings = [
    ...variables.map(([name, value]) => `${name}=${value === '' ? "''" : quote(value)}`),
    attempt.appUser ? '' : "app_user=''",
  ].join('\n');
  const head = [
    settings,
    `attempt=${quote(settings)}`,
    `nonce=${nonce}`,
    `wait=${Math.ceil(attempt.wait)}`,
    attempt.accepts ? 'accepting=yes' : "accepting=''",
    `silence=${SILENCE_SECONDS}`,
    `prelude=${quote(stepFunctions().text)}`,
    `source=${quote(source)}`,
    source,
  ].join('\n');
  // One line of standard input carries the program; what follows on it is the protocol.
  const starter = 'IFS= read -r k; eval "$(printf %s "$k" | base64 -d | gzip -d)"';
  const channel = await host.open(script(starter));
  channel.input.on('error', () => {}); // the loss shows in `ended`
  channel.input.write(`${gzipSync(head).toString('base64')}\n`);
  return converse(host, attempt, channel, nonce, hear);
}
