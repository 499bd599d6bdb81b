// Delivers alerts by HTTP or through this machine's sendmail. A failed delivery is a warning, nothing more.
import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { AlertSettings } from '../target/backup-settings.ts';
import { Failure, messageOf } from '../errors.ts';
import { programEnvironment } from '../host/environment.ts';
import { readSecret, type Secret } from '../secret.ts';
import { messageJson, mailOf, slackOf, messageText, type Message } from './message.ts';

export type DeliveryContext = {
  environment: NodeJS.ProcessEnv;
  warn(line: string): void;
  /** For one try; default 10. */
  seconds?: number;
};

/**
 * Sends to all of them at once. Without a change, only those that want each success get a message.
 * @returns whether any alert was delivered. Never throws.
 */
export async function deliver(
  alerts: readonly AlertSettings[],
  message: Message,
  around: DeliveryContext,
): Promise<boolean> {
  const done = await Promise.all(
    alerts.map(async alert => {
      try {
        const send = await sender(alert, message, around);
        if (alert.kind !== 'healthchecks' && !message.news.length) return false;
        await twice(send, around);
        return true;
      } catch (error) {
        around.warn(`the alert ${alert.name} was not delivered: ${messageOf(error)}`);
        return false;
      }
    }),
  );
  return done.includes(true);
}

type DeliveryMethod = (signal: AbortSignal) => Promise<void>;

/** Reads the secret also when there is nothing to send: a wrong one must not wait for the first failure. */
async function sender(
  alert: AlertSettings,
  message: Message,
  { environment }: DeliveryContext,
): Promise<DeliveryMethod> {
  if (alert.kind === 'mail') return signal => mail(alert.to, mailOf(message, alert.to), environment, signal);
  const url = await readSecret(alert.url, environment);
  const { kind } = alert;
  if (kind === 'slack') return poster(url, '', 'application/json', slackOf(message));
  if (kind === 'webhook') return poster(url, '', 'application/json', messageJson(message));
  return poster(url, message.well ? '' : '/fail', 'text/plain; charset=utf-8', messageText(message));
}

/** A try that may come out otherwise the second time. */
class Unlucky extends Error {}

async function twice(send: DeliveryMethod, { seconds = 10 }: DeliveryContext): Promise<void> {
  const once = async () => {
    const signal = AbortSignal.timeout(seconds * 1000);
    try {
      await send(signal);
    } catch (error) {
      throw signal.aborted ? new Unlucky(`no answer within ${seconds} s`) : error;
    }
  };
  try {
    await once();
  } catch (error) {
    if (!(error instanceof Unlucky)) throw error;
    await pause(500);
    await once();
  }
}

/** @throws Failure 3 at once for what is no address; it is never shown. */
function poster(secret: Secret, below: string, type: string, body: string): DeliveryMethod {
  const text = secret.reveal();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw new Failure(3, 'its secret is not an http:// or https:// URL');
  url.pathname = `${url.pathname.replace(/\/$/, '')}${below}` || '/';
  return async signal => {
    let answer: Response;
    try {
      // another place, to which it would be sent on, is not whom the owner has named
      answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': type },
        body,
        signal,
        redirect: 'manual',
      });
    } catch (error) {
      // the error message of fetch may contain the address
      const cause = error instanceof Error ? error.cause : undefined;
      const code =
        typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : 'no connection';
      throw new Unlucky(`it cannot be reached: ${code}`);
    }
    await answer.arrayBuffer().catch(() => {});
    if (answer.ok) return;
    const says = `it answered ${answer.status}`;
    throw answer.status >= 500 || answer.status === 429 ? new Unlucky(says) : new Failure(1, says);
  };
}

function mail(to: string, text: string, environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // cron's PATH has no sbin
    const own = programEnvironment(environment);
    const env = { ...own, PATH: `${own['PATH'] ?? ''}:/usr/sbin:/usr/lib` };
    const child = spawn('sendmail', ['-oi', to], { env, signal, stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (said = (said + piece).slice(-500)));
    child.stdin.on('error', () => {});
    child.once('error', error => reject(new Unlucky(`sendmail: ${error.message}`)));
    child.once('exit', code => {
      child.stderr.destroy();
      if (code === 0) resolve();
      else reject(new Unlucky(`sendmail exited with ${code ?? 'a signal'}: ${said.trim()}`));
    });
    child.stdin.end(text);
  });
}
