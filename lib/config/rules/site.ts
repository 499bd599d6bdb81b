// Rules across the settings of a site: routes without a destination, and switches that other settings do not allow.
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings } from '../schema/file.ts';
import { unknown } from './unknown-name.ts';

export function siteFaults(settings: Settings, { wrong, from }: Complaints): void {
  const { site } = settings;
  const upstreams = Object.entries(site?.upstreams ?? {});
  if (site?.domains && !site.domains.length) wrong(['site', 'domains'], 'is empty: name at least one');
  for (const [index, one] of (site?.domains ?? []).entries())
    if (site?.tls === 'certbot' && one.startsWith('*'))
      wrong(
        ['site', 'domains', index],
        'is a wildcard, and no authority gives a certificate for one that is asked for over http: name each domain',
      );
  if (site && settings.root && !/^[A-Za-z0-9/._@+-]+$/.test(settings.root))
    wrong(['root'], 'must be letters, digits and . _ @ + - only, because the proxy reads it');
  if (site && settings.maintenance?.flag && !/^[A-Za-z0-9/._@+-]+$/.test(settings.maintenance.flag))
    wrong(['maintenance', 'flag'], 'must be letters, digits and . _ @ + - only, because the proxy reads it');
  for (const [path, one] of Object.entries(site?.routes ?? {})) {
    if (path.startsWith('/.bookops/')) wrong(['site', 'routes', path], 'is kept for bookops: choose another path');
    const { to, folder } = typeof one === 'string' ? { to: one, folder: undefined } : one;
    if ((to === undefined) === (folder === undefined)) wrong(['site', 'routes', path], 'needs either to or folder');
    if (to !== undefined && !Object.hasOwn(site?.upstreams ?? {}, to))
      wrong(['site', 'routes', path], unknown('upstream', to, Object.keys(site?.upstreams ?? {})));
    if (folder !== undefined && !path.endsWith('/'))
      wrong(['site', 'routes', path], 'leads to a folder, so it must end with /');
  }
  if (site?.proxy === 'caddy') {
    const instead = `needs nginx (${from('site', 'proxy')})`;
    if (site.tls === 'certbot' && from('site', 'tls') !== 'by default')
      wrong(['site', 'tls'], `certbot ${instead}: Caddy gets its certificates by itself, so leave it out`);
    for (const [path, one] of Object.entries(site.routes ?? {}))
      if (typeof one !== 'string' && one.cache !== undefined) wrong(['site', 'routes', path, 'cache'], instead);
  }
  const { switch: move, runtime } = settings;
  if (move === 'hold' || move === 'blue-green') {
    if (!site) wrong(['switch'], `${move} needs site: the proxy takes part in it`);
    if (site?.proxy === 'caddy') wrong(['switch'], `${move} needs nginx (${from('site', 'proxy')})`);
    if (runtime === 'process') wrong(['switch'], `${move} is for compose and systemd`);
  }
  if (move === 'blue-green') {
    if (settings.database?.sqlite && settings.database.exclusive)
      wrong(
        ['switch'],
        `blue-green has two versions at once, and the database is exclusive (${from('database', 'exclusive')}): take hold, or say exclusive: false`,
      );
    for (const [name, one] of upstreams)
      if (typeof one === 'number' || one.green === undefined || one.variable === undefined)
        wrong(['site', 'upstreams', name], 'needs port, green and variable for the switch blue-green');
  }
}
