// Asks a provider over HTTP, in JSON; its refusals become failures that say what to do, and no secret is ever in one.
import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { visible } from '../report/safe-text.ts';

export type Asked = { status: number; json: unknown; headers: Headers };

export type Ask = {
  method: 'GET' | 'POST' | 'PUT';
  url: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** For the whole answer. */
  seconds?: number;
  signal: AbortSignal;
  /** What must not be shown, should the answer have it. */
  hide?: readonly Secret[];
};

/** Whether the provider has the message cannot be known. */
export class UnclearFailure extends Failure {}

/**
 * Reading is tried twice, writing never. @param who the receiver's name, for messages
 * @throws Failure 1 for a refusal, 3 for a secret that is not accepted, 4 when nobody answers; UnclearFailure when the answer of a write was lost
 */
export async function ask(who: string, asked: Ask): Promise<Asked> {
  try {
    return await askOnce(who, asked);
  } catch (error) {
    if (asked.method !== 'GET' || !(error instanceof Failure) || error.exit !== 4 || asked.signal.aborted) throw error;
    await pause(500);
    return askOnce(who, asked);
  }
}

async function askOnce(
  who: string,
  { method, url, headers, body, seconds = 20, signal, hide = [] }: Ask,
): Promise<Asked> {
  const limit = AbortSignal.timeout(seconds * 1000);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(url, {
      method,
      // elsewhere the secret would go to whom the owner has not named
      redirect: 'manual',
      signal: AbortSignal.any([signal, limit]),
      headers: {
        accept: 'application/json',
        'user-agent': 'bookops',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    text = await answer.text();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw lost(who, method, limit.aborted ? `no answer within ${seconds} s` : codeOf(error));
  }
  if (answer.ok) return { status: answer.status, json: jsonOf(text), headers: answer.headers };
  throw refused(who, method, answer, saysOf(text, hide));
}

/** Refused connections and unknown names never got the message there. */
function lost(who: string, method: string, why: string): Failure {
  const isUnsent = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/.test(why);
  const message = `${who} cannot be reached: ${why}`;
  const advice = 'run this again later: what was sent is noted, and is not sent twice';
  return method === 'GET' || isUnsent
    ? new Failure(4, message, { advice })
    : new UnclearFailure(4, message, { advice });
}

function refused(who: string, method: string, { status, headers }: Response, says: string): Failure {
  const detail = says || undefined;
  if (status === 401 || status === 403)
    return new Failure(3, `${who} does not accept the secret, or does not allow this with it: it answered ${status}`, {
      detail,
    });
  if (status === 429) {
    const when = waitOf(headers);
    return new Failure(1, `${who} allows no more requests for now${when && `, and more ${when}`}`, {
      detail,
      advice: 'run this again then: what was sent is noted, and is not sent twice',
    });
  }
  if (status >= 300 && status < 400)
    return new Failure(1, `${who} is elsewhere by now: it answered ${status}`, {
      advice: `name the address that it leads to: ${visible(headers.get('location') ?? 'it does not say which')}`,
    });
  const message = `${who} answered ${status}`;
  if (status < 500) return new Failure(1, message, { detail });
  const advice = 'run this again later: what was sent is noted, and is not sent twice';
  return method === 'GET'
    ? new Failure(1, message, { detail, advice })
    : new UnclearFailure(1, message, { detail, advice });
}

/** Of Retry-After (seconds or a date), or what Mastodon and Buttondown say in their own words. */
function waitOf(headers: Headers): string {
  const after = headers.get('retry-after') ?? '';
  const reset = headers.get('x-ratelimit-reset') ?? headers.get('ratelimit-reset') ?? '';
  if (/^\d{1,7}$/.test(after)) return `in ${after} s`;
  const said = /^\d{9,11}$/.test(reset) ? new Date(Number(reset) * 1000) : new Date(after || reset);
  return Number.isNaN(said.getTime()) ? '' : `at ${said.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function saysOf(text: string, hide: readonly Secret[]): string {
  const safe = hide.reduce((now, secret) => now.replaceAll(secret.reveal(), '[secret]'), text);
  return visible(safe).replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'no connection';
}
