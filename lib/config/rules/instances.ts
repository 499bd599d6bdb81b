// Rules across the settings of instances and seed: what a copy would share, and what production must never have.
import type { SettingPath, Complaints } from '../../yaml/problems.ts';
import type { Draft } from './draft.ts';
import type { Settings } from '../schema/file.ts';
import { unknown } from './unknown-name.ts';
import { hostPorts, portHere, rangeOf } from '../../target/ports.ts';

export function copyFaults({ environment, settings }: Draft, { wrong, from }: Complaints): void {
  const { instances, seed, runtime } = settings;
  const keys = (settings.env ?? []).flatMap(file => Object.keys(file.keys ?? {}));
  const knownKeys = (section: 'instances' | 'seed', name: string, values: Record<string, unknown>) => {
    for (const key of Object.keys(values))
      if (!keys.includes(key)) wrong([section, name, key], unknown('key of env', key, keys));
  };
  if (seed) {
    if (environment === 'production') wrong(['seed'], 'production is never seeded: say it under other environments');
    knownKeys('seed', 'guards', seed.guards);
    if (!Object.keys(seed.guards).length)
      wrong(['seed', 'guards'], 'is empty: say what the environment file must contain, such as { APP_ENV: staging }');
    if (seed.service && runtime !== 'compose')
      wrong(['seed', 'service'], `is only for runtime compose (${from('runtime')})`);
  }
  if (!instances) return;
  if (environment === 'production')
    wrong(['instances'], 'production has no throw-away copies: say it under other environments');
  if (runtime !== 'compose') {
    wrong(['instances'], `are only for runtime compose (${from('runtime')})`);
    return;
  }
  if (!settings.site) wrong(['instances'], 'need site: a copy is reached by its name');
  if (settings.site?.proxy === 'caddy') wrong(['instances'], `need nginx (${from('site', 'proxy')})`);
  knownKeys('instances', 'env', instances.env ?? {});
  if (instances.data === 'seed' && !seed) wrong(['instances', 'data'], 'is seed, and there is no seed');
  if (instances.data === 'snapshot' && !settings.database?.sqlite)
    wrong(['instances', 'data'], 'is snapshot, and there is no SQLite database to copy');
  if (settings.database?.postgres?.url)
    wrong(
      ['instances'],
      `would write into the database of their base (${from('database', 'postgres', 'url')}): make it a service of the compose file`,
    );
  if (!(settings.health?.probes ?? []).some(({ url }) => portHere(url)))
    wrong(['instances'], 'need a probe at a port of the host itself, because the others ask for the base');
  const needed = portsOf(settings).length;
  const range = rangeOf(instances.ports);
  if (range && range.last - range.first + 1 < needed)
    wrong(['instances', 'ports'], `has fewer ports than the ${needed} that one copy needs`);
  shared(settings, wrong);
}

/** Whatever is not below the root would be that of the base too. */
function shared({ root, database, env, maintenance, compose }: Settings, wrong: Complaints['wrong']): void {
  const paths: [SettingPath, unknown][] = [
    [['database', 'sqlite'], database?.sqlite],
    [['database', 'snapshots'], database?.snapshots],
    [['maintenance', 'flag'], maintenance?.flag],
    ...(env ?? []).map(({ file }, index): [SettingPath, unknown] => [['env', index, 'file'], file]),
    ...Object.entries(compose?.variables ?? {}).map(([name, value]): [SettingPath, unknown] => [
      ['compose', 'variables', name],
      value,
    ]),
  ];
  for (const [path, value] of paths)
    if (typeof value === 'string' && value.startsWith('/') && !`${value}/`.startsWith(`${root ?? ''}/`))
      wrong(path, `is outside of root (${root ?? 'missing'}), so an instance would share it: keep it below`);
}

function portsOf({ site, compose, health }: Settings): number[] {
  const upstreams = Object.values(site?.upstreams ?? {}).map(one => (typeof one === 'number' ? one : one.port));
  const urls = (health?.probes ?? []).map(({ url }) => url);
  return hostPorts(upstreams, compose?.variables ?? {}, urls);
}
