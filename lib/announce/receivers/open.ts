// The receivers of ops.yml, with their secrets read: a wrong one is told before anything is sent.
import { readSecret } from '../../secret.ts';
import type { ReceiverSettings } from '../../target/writebook-settings.ts';
import { bluesky } from './bluesky.ts';
import { buttondown } from './buttondown.ts';
import { mastodon } from './mastodon.ts';
import type { Receiver } from './receiver.ts';
import { webhook } from './webhook.ts';

/** @throws Failure 3 for a secret that is not there */
export async function openReceiver(
  settings: ReceiverSettings,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Receiver> {
  const { kind } = settings;
  if (kind === 'mastodon') return mastodon(settings, await readSecret(settings.token, environment), signal);
  if (kind === 'bluesky') return bluesky(settings, await readSecret(settings.password, environment), signal);
  if (kind === 'buttondown') return buttondown(settings, await readSecret(settings.key, environment), signal);
  return webhook(settings, await readSecret(settings.url, environment), signal);
}
