// Starts a keeper on the host: its program, the lock, and the first answer.
import { readFileSync } from 'node:fs';
import { startAgain, stepFunctions } from '../../host/environment.ts';
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'zlib';
import type { Host } from '../../host/host.ts';
import { quote, script } from '../../host/sh.ts';
import type { Attempt, Happening } from './keeper.ts';
import { runProtocol, type Keeper } from './protocol.ts';

export const parts = ['messages', 'home', 'record', 'undo', 'step', 'main'];

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
  const variables = {
    releases: attempt.releases,
    home,
    journal: `${home}/journal`,
    run_id: attempt.id,
    log_head: attempt.logHead,
    holder: attempt.holder,
    client: attempt.client,
    live_word: attempt.accepts ? 'accepted' : 'live',
    app_user: attempt.appUser ?? '',
  };
  const settings = Object.entries(variables)
    .map(([name, value]) => `${name}=${value === '' ? "''" : quote(value)}`)
    .join('\n');
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
  return runProtocol(host, attempt, channel, nonce, hear);
}
