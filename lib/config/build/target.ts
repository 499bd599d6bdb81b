// A Target from settings that passed every rule.
import { posix } from 'node:path';
import { seconds } from '../../duration.ts';
import { rangeOf } from '../../target/ports.ts';
import type { Draft } from '../rules/draft.ts';
import type { Settings } from '../schema/file.ts';
import { watchOf } from './alerts.ts';
import type { Target } from '../../target/target.ts';
import type { Seed, Instances } from '../../target/instance-settings.ts';
import type { AlertSettings, Backup, StoreSettings } from '../../target/backup-settings.ts';
import type { Probe } from '../../target/health-settings.ts';
import type { Database } from '../../target/database-settings.ts';
import type { HostSettings } from '../../target/host-settings.ts';
import { given, texts, type Section } from './given.ts';
import { buildSite } from './site.ts';
import { buildBackup } from './backup.ts';
import { buildEnvFile } from './env.ts';
import { buildImages } from './images.ts';
import { buildWritebook } from './writebook.ts';

export function buildTarget(
  { app, environment, settings }: Draft,
  host: HostSettings,
  stores: ReadonlyMap<string, StoreSettings>,
  alerts: ReadonlyMap<string, AlertSettings>,
): Target {
  const root = given(settings.root);
  const { database, migrate, health } = settings;
  const flag = given(settings.maintenance?.flag);
  return {
    app,
    environment,
    host,
    root,
    paths: {
      releases: posix.join(root, 'releases'),
      current: posix.join(root, 'current'),
      shared: posix.join(root, 'shared'),
    },
    repo: settings.repo,
    tracks: given(settings.tracks),
    requires: settings.requires,
    switch: given(settings.switch),
    keep: given(settings.keep),
    runtime: runtimeOf(settings),
    env: (settings.env ?? []).map(buildEnvFile),
    database: database && databaseOf(database),
    migrate: migrationOf(migrate),
    health: {
      probes: (health?.probes ?? []).map(probeOf),
      deadlineSeconds: seconds(given(health?.deadline)),
      intervalSeconds: seconds(given(health?.interval)),
    },
    maintenance: {
      flag,
      page: posix.join(posix.dirname(flag), 'maintenance.html'),
      source: settings.maintenance?.page,
    },
    site: settings.site && buildSite(settings.site, root),
    ...(settings.instances && { instances: instancesOf(settings.instances) }),
    ...(settings.seed && { seed: seedOf(settings.seed) }),
    ...(settings.build && { build: buildImages(settings.build, settings.compose) }),
    ...(settings.writebook && { writebook: buildWritebook(settings.writebook) }),
    ...(settings.backup && {
      backup: {
        ...buildBackup(settings.backup, stores),
        ...onceArchive(settings),
        ...watchOf(settings.backup, alerts),
      },
    }),
  };
}

/** An app of ONCE is backed up by ONCE. */
function onceArchive({ runtime, once }: Settings): Pick<Backup, 'command'> {
  if (runtime !== 'once') return {};
  const words = ['once', 'backup', given(once?.host)];
  return { command: { words, service: undefined, writes: '-', as: undefined, seconds: 3600 } };
}

function databaseOf({ sqlite, postgres, as, exclusive, ...rest }: Section<'database'>): Database {
  const common = { as, snapshots: given(rest.snapshots), keep: given(rest.keep) };
  if (!postgres) return { kind: 'sqlite', file: given(sqlite), exclusive: given(exclusive), ...common };
  const { service, user, name, url } = postgres;
  const at = service === undefined ? { variable: given(url) } : { service, user: given(user), name: given(name) };
  return { kind: 'postgres', at, ...common };
}

function instancesOf({ ports, domain, memory, cpus, data, env }: Section<'instances'>): Instances {
  return {
    ports: given(rangeOf(ports)),
    domain: domain.replace(/^\*\./, ''),
    limits: { memory: given(memory), cpus: given(cpus) },
    data: given(data),
    env: env ?? {},
  };
}

function seedOf({ command, reset, service, seconds: most, guards }: Section<'seed'>): Seed {
  return { command, reset, service, seconds: given(most), guards: texts(guards) };
}

function runtimeOf(settings: Settings): Target['runtime'] {
  const { runtime, compose, systemd, once, process } = settings;
  const registry = compose?.registry;
  if (runtime === 'compose')
    return {
      kind: 'compose',
      file: given(compose?.file),
      project: given(compose?.project),
      accessories: compose?.accessories ?? [],
      service: given(compose?.service),
      variables: texts(compose?.variables ?? {}),
      registry: registry && {
        server: given(registry.server),
        username: given(registry.username),
        password: given(registry.password),
      },
      stopSeconds: given(compose?.stop_seconds),
    };
  if (runtime === 'once')
    return { kind: 'once', host: given(once?.host), image: given(once?.image), tls: given(once?.tls) };
  const { shared = [], install, ...own } = (runtime === 'systemd' ? systemd : process) ?? {};
  const start = given(own.start);
  if (runtime !== 'systemd') return { kind: 'process', start, shared, install };
  return { kind: 'systemd', unit: given(systemd?.unit), user: given(systemd?.user), shared, install, start };
}

function migrationOf(migrate: Settings['migrate']): Target['migrate'] {
  if (migrate === undefined || typeof migrate === 'string') return undefined;
  const { preset, service } = migrate;
  return { command: given(migrate.command), preset, service, seconds: given(migrate.seconds) };
}

function probeOf({ name, url, status, json, header }: NonNullable<Section<'health'>['probes']>[number]): Probe {
  return { name, url: given(url), status: given(status), json: json ?? {}, header };
}
