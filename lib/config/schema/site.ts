// The keys of ops.yml for the site: domains, routes, and maintenance.
import * as v from 'valibot';
import {
  domain,
  duration,
  email,
  hostPath,
  list,
  name,
  path,
  proxyPath,
  routePath,
  requestSize,
  url,
  variable,
  whole,
  yes,
} from './values.ts';
import { about, either, mapOf, namedMap, notText, shape } from './combinators.ts';

export const maintenance = shape({
  flag: about('The file the proxy tests (default maintenance/MAINTENANCE_ON)', v.optional(hostPath)),
  page: about('The page shown meanwhile: a file on this machine', v.optional(path)),
});

const upstream = either(
  whole(1, 65_535),
  shape({
    port: about('The port on the server, and that of the blue one', whole(1, 65_535)),
    green: about('switch blue-green: the port of the other one', v.optional(whole(1, 65_535))),
    variable: about('switch blue-green: the variable that tells the app its port', v.optional(variable)),
  }),
  notText,
);
const route = either(
  name,
  shape({
    to: about('A name under upstreams', v.optional(name)),
    folder: about('A folder on the host, served as it is', v.optional(proxyPath)),
    cache: about('How long the proxy keeps what it was answered', v.optional(duration)),
    api: about('Maintenance is told as JSON here', v.optional(yes)),
    timeout: about('Longest silence of an answer (default 60s)', v.optional(duration)),
    body_limit: about('Largest request, such as 200m', v.optional(requestSize)),
  }),
  notText,
);
export const site = shape({
  proxy: about(
    'The proxy in front (default nginx)',
    v.optional(v.picklist(['nginx', 'caddy'], 'must be nginx or caddy')),
  ),
  domains: about('The names visitors type; the first one names the certificate', v.optional(list(domain))),
  tls: about(
    'certbot, or off for a site that something else encrypts (default certbot)',
    v.optional(v.picklist(['certbot', 'off'], 'must be certbot or off')),
  ),
  email: about('Where the certificate authority writes to', v.optional(email)),
  acme: about('The ACME directory of another certificate authority than Let’s Encrypt', v.optional(url)),
  hsts: about('Tell browsers to come by https only (default true with tls)', v.optional(yes)),
  noindex: about('X-Robots-Tag: noindex (default: everywhere but in production)', v.optional(yes)),
  basic_auth: about('A password file (htpasswd) on the host', v.optional(proxyPath)),
  body_limit: about('Largest request (default 10m)', v.optional(requestSize)),
  upstreams: about('What the app listens on: a name and a port each', v.optional(namedMap(upstream))),
  routes: about('Which path goes where; the longest wins', v.optional(mapOf(routePath, route))),
  drain: about('switch blue-green: how long old connections may go on (default 30s)', v.optional(duration)),
  hold: about('switch hold: how long a request waits at most (default 30s)', v.optional(duration)),
});
