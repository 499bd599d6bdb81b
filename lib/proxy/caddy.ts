// The Caddy site of one target as it will stand on the server, rendered from caddy/site.caddy.liquid.
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';

/** @throws Failure 3 for what Caddy cannot do. */
export function caddyConfig(target: Target): string {
  throw new Failure(3, `${target.app} ${target.environment}: proxy caddy is not built yet`, {
    advice: 'take proxy: nginx',
  });
}
