// An instance as a target of its own: another root, project, ports and name, and nothing shared with its base.
import { posix } from 'node:path';
import { targetName } from '../target/command.ts';
import { portHere, isPortName, hostPorts } from '../target/ports.ts';
import type { Target } from '../target/target.ts';
import type { Site } from '../target/site-settings.ts';
import type { Probe } from '../target/health-settings.ts';
import type { Database } from '../target/database-settings.ts';
import { Failure } from '../errors.ts';

/** A label of a domain and a part of a Compose project. @throws Failure 2 */
export function readName(name: string | undefined): string {
  if (name === undefined) throw new Failure(2, '--name is missing: which instance?', { advice: 'add --name pr-42' });
  // those two are the projects of a blue-green switch
  if (/^[a-z]([a-z0-9-]{0,29}[a-z0-9])?$/.test(name) && !['blue', 'green'].includes(name)) return name;
  throw new Failure(2, `--name: ${JSON.stringify(name.slice(0, 60))} cannot be the name of an instance`, {
    advice: 'a-z, 0-9 and -, beginning with a letter, not ending with -, at most 31; such as pr-42',
  });
}

/** The folder of all copies of a target. */
export function instancesFolder({ root }: Target): string {
  return posix.join(root, 'instances');
}

/** The ports on the server that one copy needs: as many as its base has. */
export function portsNeeded(base: Target): number[] {
  const { runtime, site, health } = base;
  return hostPorts(
    site?.upstreams.map(one => one.port) ?? [],
    runtime.kind === 'compose' ? runtime.variables : {},
    health.probes.map(one => one.url),
  );
}

/**
 * @param ports as many as the base needs, in the order of its own
 * @throws Failure 3 when the base has no copies
 */
export function copyOf(base: Target, name: string, ports: readonly number[]): Target {
  const { instances, runtime, site } = base;
  if (!instances || !site || runtime.kind !== 'compose')
    throw new Failure(3, `${targetName(base)} has no instances`, {
      advice: 'add instances: with ports and domain to an environment that is not production (docs/configuration.md)',
    });
  const folder = instancesFolder(base);
  const root = posix.join(folder, name);
  const own = new Map(portsNeeded(base).map((port, index) => [port, ports[index] ?? port]));
  const inside = (path: string) => path.replaceAll(`${base.root}/`, `${root}/`);
  const variable = ([key, value]: [string, string]): [string, string] => [
    key,
    isPortName(key) ? String(own.get(Number(value)) ?? value) : value === base.root ? root : inside(value),
  ];
  const { instances: _, requires: __, ...rest } = base;
  return {
    ...rest,
    environment: `${base.environment}-${name}`,
    root,
    paths: {
      releases: posix.join(root, 'releases'),
      current: posix.join(root, 'current'),
      shared: posix.join(root, 'shared'),
    },
    requires: undefined,
    switch: 'maintenance',
    keep: 2,
    runtime: {
      ...runtime,
      project: `${runtime.project}-${name}`,
      variables: Object.fromEntries(Object.entries(runtime.variables).map(variable)),
      limits: instances.limits,
    },
    env: base.env.map(one => ({ ...one, file: inside(one.file) })),
    database: base.database && databaseOf(base.database, inside),
    health: { ...base.health, probes: base.health.probes.flatMap(probe => probeOf(probe, own)) },
    maintenance: {
      ...base.maintenance,
      flag: inside(base.maintenance.flag),
      page: inside(base.maintenance.page),
    },
    site: siteOf(site, { own, inside, domain: `${name}.${instances.domain}`, folder: posix.join(root, 'proxy') }),
    instance: { name, base: base.environment, folder },
  };
}

/** A service of the compose file is the copy's own as it is: its project has another name. */
function databaseOf(database: Database, inside: (path: string) => string): Database {
  const common = { snapshots: inside(database.snapshots), keep: 1 };
  return database.kind === 'sqlite'
    ? { ...database, ...common, file: inside(database.file) }
    : { ...database, ...common };
}

/** A probe through the public name would ask for the base. */
function probeOf(probe: Probe, own: Map<number, number>): Probe[] {
  const port = own.get(Number(portHere(probe.url)));
  // not through URL: what a person wrote is passed on unchanged
  return port === undefined ? [] : [{ ...probe, url: probe.url.replace(/:\d+(?=[/?#]|$)/, `:${port}`) }];
}

type Own = { own: Map<number, number>; inside: (path: string) => string; domain: string; folder: string };

function siteOf(site: Site, { own, inside, domain, folder }: Own): Site {
  return {
    ...site,
    domains: [domain],
    // its certificate is the server's own, which a browser must be let past
    hsts: false,
    noindex: true,
    upstreams: site.upstreams.map(one => ({ ...one, port: own.get(one.port) ?? one.port, green: undefined })),
    routes: site.routes.map(route =>
      'folder' in route.goes ? { ...route, goes: { folder: inside(route.goes.folder) } } : route,
    ),
    folder,
  };
}

/** `https://pr-42.staging.example.org` */
export function urlOf({ site }: Target): string {
  return `${site?.tls === 'off' ? 'http' : 'https'}://${site?.domains[0] ?? ''}`;
}
