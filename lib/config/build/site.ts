// Builds a Site from a checked ops.yml.
import { posix } from 'node:path';
import { seconds } from '../../duration.ts';
import type { Route, Site } from '../../target/site-settings.ts';
import { type Section, given } from './given.ts';

export function buildSite(site: Section<'site'>, root: string): Site {
  return {
    proxy: given(site.proxy),
    domains: given(site.domains),
    tls: given(site.tls),
    email: site.email,
    acme: site.acme,
    hsts: given(site.hsts),
    noindex: given(site.noindex),
    basicAuth: site.basic_auth,
    bodyLimit: given(site.body_limit),
    upstreams: Object.entries(given(site.upstreams)).map(([name, one]) =>
      typeof one === 'number'
        ? { name, port: one, green: undefined, variable: undefined }
        : { name, port: one.port, green: one.green, variable: one.variable },
    ),
    routes: Object.entries(given(site.routes))
      .map(([path, one]) => routeOf(path, one))
      .toSorted((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1)),
    drainSeconds: seconds(given(site.drain)),
    holdSeconds: seconds(given(site.hold)),
    folder: posix.join(root, 'proxy'),
  };
}

function routeOf(path: string, written: NonNullable<Section<'site'>['routes']>[string]): Route {
  const route = typeof written === 'string' ? undefined : written;
  const to = typeof written === 'string' ? written : written.to;
  const { folder, cache, timeout } = route ?? {};
  const times = {
    cacheSeconds: cache === undefined ? undefined : seconds(cache),
    timeoutSeconds: seconds(timeout ?? '60s'),
  };
  return {
    path,
    goes: folder === undefined ? { upstream: given(to), ...times } : { folder },
    api: route?.api ?? false,
    bodyLimit: route?.body_limit,
  };
}
