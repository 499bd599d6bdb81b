// The keys of ops.yml for the site: domains, routes, and maintenance.
import {
  oneOf,
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
import { about, either, mapOf, namedMap, notText, optional, shape } from './combinators.ts';

export const maintenance = shape({
  flag: optional('The file the proxy tests (default maintenance/MAINTENANCE_ON)', hostPath),
  page: optional('The page shown meanwhile: a file on this machine', path),
});

const upstream = either(
  whole(1, 65_535),
  shape({
    port: about('The port on the server, and that of the blue one', whole(1, 65_535)),
    green: optional('switch blue-green: the port of the other one', whole(1, 65_535)),
    variable: optional('switch blue-green: the variable that tells the app its port', variable),
  }),
  notText,
);
const route = either(
  name,
  shape({
    to: optional('A name under upstreams', name),
    folder: optional('A folder on the host, served as it is', proxyPath),
    cache: optional('How long the proxy keeps what it was answered', duration),
    api: optional('Maintenance is told as JSON here', yes),
    timeout: optional('Longest silence of an answer (default 60s)', duration),
    body_limit: optional('Largest request, such as 200m', requestSize),
  }),
  notText,
);
export const site = shape({
  proxy: optional('The proxy in front (default nginx)', oneOf('nginx', 'caddy')),
  domains: optional('The names visitors type; the first one names the certificate', list(domain)),
  tls: optional('certbot, or off for a site that something else encrypts (default certbot)', oneOf('certbot', 'off')),
  email: optional('Where the certificate authority writes to', email),
  acme: optional('The ACME directory of another certificate authority than Let’s Encrypt', url),
  hsts: optional('Tell browsers to come by https only (default true with tls)', yes),
  noindex: optional('X-Robots-Tag: noindex (default: everywhere but in production)', yes),
  basic_auth: optional('A password file (htpasswd) on the host', proxyPath),
  body_limit: optional('Largest request (default 10m)', requestSize),
  upstreams: optional('What the app listens on: a name and a port each', namedMap(upstream)),
  routes: optional('Which path goes where; the longest wins', mapOf(routePath, route)),
  drain: optional('switch blue-green: how long old connections may go on (default 30s)', duration),
  hold: optional('switch hold: how long a request waits at most (default 30s)', duration),
});
