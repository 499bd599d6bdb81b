// The nginx site of one target as it will stand on the server, rendered from nginx/site.conf.liquid.
import { sha256 } from '../host/checksum.ts';
import { posix } from 'node:path';
import { targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Route, Site } from '../target/site-settings.ts';
import { Failure } from '../errors.ts';
import { logsOf } from './access-log.ts';
import { renderTemplate } from './template.ts';

const template = new URL('../../nginx/site.conf.liquid', import.meta.url);

/** The whole file. @throws Failure 3 when the target has no site, or one with a value that cannot stand in nginx's configuration. */
export function siteConfig(target: Target): string {
  const { site } = target;
  const who = targetName(target);
  if (!site) throw new Failure(3, `${who} has no site: ops.yml does not say what visitors reach it by`);
  const word = (text: string) => proxyWord(text, { who, proxy: 'nginx' });
  const key = proxyKey(target);
  const cached = site.routes.flatMap(({ goes }) => ('upstream' in goes ? (goes.cacheSeconds ?? []) : []));
  const flag = word(target.maintenance.flag);

  return renderTemplate(template, {
    app: target.app,
    environment: target.environment,
    key,
    writer: target.instance
      ? taskCommand(`instance up --name ${target.instance.name}`, { ...target, environment: target.instance.base })
      : taskCommand('site apply', target),
    reader: target.instance
      ? 'nginx reads the sites of all instances'
      : `/etc/nginx/sites-enabled/${target.app}-${target.environment}.conf is a link to it`,
    logs: word(logsOf(target)),
    folder: word(site.folder),
    domains: site.domains.map(word).join(' '),
    tls: site.tls === 'certbot',
    behind_another: site.tls === 'off',
    hsts: site.hsts,
    noindex: site.noindex,
    basic_auth: site.basicAuth === undefined ? false : word(site.basicAuth),
    body_limit: word(site.bodyLimit),
    flag,
    maintenance: posix.dirname(flag),
    cache_seconds: cached.length ? whole(Math.max(...cached)) : false,
    blue_green: target.switch === 'blue-green',
    hold: target.switch === 'hold' && whole(site.holdSeconds),
    upstreams: site.upstreams.map(one => ({ colours: coloursOf(target, key, one) })),
    routes: withRest(site.routes).map(route => routeOf(route, key, target.switch, word)),
  });
}

/** One word for the names that all sites of a server share: maps, zones, upstreams. Two targets never have the same. */
export function proxyKey({ app, environment }: Pick<Target, 'app' | 'environment'>): string {
  const plain = `${app}_${environment}`.replaceAll(/[^a-z0-9]+/g, '_');
  // nginx keeps names of variables in slots of 46 characters, and a-b c would read like a b-c.
  if (plain === `${app}_${environment}` && !/_.*_/.test(plain) && plain.length <= 24) return plain;
  return `${plain.slice(0, 16).replace(/_$/, '')}_${sha256(`${app} ${environment}`).slice(0, 8)}`;
}

function coloursOf(target: Target, key: string, { name, port, green }: Site['upstreams'][number]) {
  if (target.switch !== 'blue-green') return [{ name: `${key}__${name}`, port }];
  return [
    { name: `${key}__${name}_blue`, port },
    { name: `${key}__${name}_green`, port: green ?? port },
  ];
}

/** A site without a route for `/` says 404 there, and 503 in maintenance like everywhere else. */
function withRest(routes: Route[]): (Route | { path: '/'; goes: undefined; api: false; bodyLimit: undefined })[] {
  return routes.some(({ path }) => path === '/')
    ? routes
    : [...routes, { path: '/', goes: undefined, api: false, bodyLimit: undefined }];
}

function routeOf(
  { path, goes, api, bodyLimit }: ReturnType<typeof withRest>[number],
  key: string,
  move: Target['switch'],
  word: (text: string) => string,
) {
  const common = {
    path: word(path),
    match: path.endsWith('/') ? '^~' : '=',
    api,
    body_limit: bodyLimit === undefined ? false : word(bodyLimit),
  };
  if (!goes) return { ...common, kind: 'nothing' };
  if ('folder' in goes) return { ...common, kind: 'folder', folder: word(goes.folder).replace(/\/+$/, '') };
  return {
    ...common,
    kind: 'upstream',
    upstream: `${key}__${goes.upstream}${move === 'blue-green' ? '_$colour' : ''}`,
    timeout: whole(goes.timeoutSeconds),
    cache: goes.cacheSeconds === undefined ? false : whole(goes.cacheSeconds),
  };
}

/** proxy_cache_valid knows no parts of a second. */
function whole(seconds: number): number {
  return Math.max(1, Math.ceil(seconds));
}

/** lib/config refuses such values with their place in ops.yml; what comes from elsewhere ends here. @throws Failure 3 */
export function proxyWord(
  text: string,
  { who, proxy, allowed = /^[A-Za-z0-9/._@+~*-]+$/ }: { who: string; proxy: Site['proxy']; allowed?: RegExp },
): string {
  if (!allowed.test(text))
    throw new Failure(3, `${who}: ${JSON.stringify(text)} cannot stand in the configuration of ${proxy}`, {
      advice: 'use letters, digits and . _ @ + - in the site of ops.yml',
    });
  return text;
}
