// The link that bypasses maintenance: a random token, whose file the proxy tests.
import { randomBytes } from 'node:crypto';
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { Secret } from '../secret.ts';

/** @throws Failure 3 when ops.yml does not say what visitors reach the app by. */
export function newLink(target: Target): { token: Secret; url: string } {
  const { site } = target;
  const [domain] = site?.domains ?? [];
  if (!site || domain === undefined)
    throw new Failure(3, `--link: ${targetName(target)} has no site, so there is nothing to link to`, {
      advice: 'add site: with its domains to ops.yml, or let your address through with --allow',
    });
  const token = randomBytes(32).toString('hex');
  return {
    token: new Secret(token),
    url: `${site.tls === 'off' ? 'http' : 'https'}://${domain}/.bookops/pass/${token}`,
  };
}
