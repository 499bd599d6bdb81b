// The Caddy site of one target as it will stand on the server, rendered from caddy/site.caddy.liquid.
import { posix } from 'node:path';
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Route, Site } from '../target/site-settings.ts';
import { proxyWord } from './nginx.ts';
import { renderTemplate } from './template.ts';

const template = new URL('../../caddy/site.caddy.liquid', import.meta.url);

/** The whole file. @throws Failure 3 when a value cannot stand in Caddy's configuration. */
export function caddyConfig(target: Target, site: Site): string {
  const word = (text: string, allowed?: RegExp) =>
    proxyWord(text, { who: targetName(target), proxy: 'caddy', ...(allowed && { allowed }) });
  const isOpen = site.tls === 'off';
  const routes = site.routes.map(route => routeOf(route, site, word));

  return renderTemplate(template, {
    app: target.app,
    environment: target.environment,
    folder: word(site.folder),
    addresses: site.domains.map(domain => `${isOpen ? 'http' : 'https'}://${word(domain)}`).join(', '),
    tls: !isOpen,
    behind_another: isOpen,
    email: isOpen || site.email === undefined ? false : word(site.email, /^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$/),
    acme: isOpen || site.acme === undefined ? false : word(site.acme, /^https:\/\/[A-Za-z0-9:/._~-]+$/),
    hsts: site.hsts,
    noindex: site.noindex,
    basic_auth: site.basicAuth === undefined ? false : word(site.basicAuth),
    flag: word(posix.basename(target.maintenance.flag)),
    maintenance: word(posix.dirname(target.maintenance.flag)),
    routes,
    shortest_first: routes.some(({ api }) => api) ? routes.toReversed() : [],
  });
}

function routeOf({ path, goes, api, bodyLimit }: Route, site: Site, word: (text: string) => string) {
  const place = word(path);
  const common = { match: place.endsWith('/') ? `${place}*` : place, api };
  if ('folder' in goes) return { ...common, upstream: false, prefix: place.slice(0, -1), folder: word(goes.folder) };
  return {
    ...common,
    upstream: true,
    port: site.upstreams.find(({ name }) => name === goes.upstream)?.port ?? 0,
    timeout: Math.max(1, Math.ceil(goes.timeoutSeconds)),
    body_limit: bytes(bodyLimit ?? site.bodyLimit),
  };
}

/** `10m` as nginx means it, which is what ops.yml says. */
function bytes(size: string): number {
  const powers: Record<string, number> = { k: 1, m: 2, g: 3 };
  return Number.parseInt(size, 10) * 1024 ** (powers[size.slice(-1)] ?? 0);
}
