// A Target from settings that passed every rule.
import { posix } from 'node:path';
import { ageOf, seconds } from '../../duration.ts';
import { rangeOf } from '../../target/ports.ts';
import { local } from '../merge.ts';
import type { Draft } from '../rules/draft.ts';
import type { Settings, WrittenHost, WrittenStore } from '../schema/file.ts';
import { watchOf } from './alerts.ts';
import type { Target } from '../../target/target.ts';
import type { Seed, Instances } from '../../target/instance-settings.ts';
import type { StoreSettings, AppCommand, AlertSettings, Backup } from '../../target/backup-settings.ts';
import type { Route, Site } from '../../target/site-settings.ts';
import type { Probe } from '../../target/health-settings.ts';
import type { Database } from '../../target/database-settings.ts';
import type { CrossCheck, KeyRule, EnvFile } from '../../target/env-rules.ts';
import type { HostSettings } from '../../target/host-settings.ts';
import type { SecretReference } from '../../secret.ts';

type Section<K extends keyof Settings> = NonNullable<Settings[K]>;

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
    env: (settings.env ?? []).map(envFileOf),
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
    site: settings.site && siteOf(settings.site, root),
    ...(settings.instances && { instances: instancesOf(settings.instances) }),
    ...(settings.seed && { seed: seedOf(settings.seed) }),
    ...(settings.backup && { backup: { ...backupOf(settings.backup, stores), ...watchOf(settings.backup, alerts) } }),
  };
}

function databaseOf({ sqlite, postgres, as, exclusive, ...rest }: Section<'database'>): Database {
  const common = { as, snapshots: given(rest.snapshots), keep: given(rest.keep) };
  if (!postgres) return { kind: 'sqlite', file: given(sqlite), exclusive: given(exclusive), ...common };
  const { service, user, name, url } = postgres;
  const at = service === undefined ? { variable: given(url) } : { service, user: given(user), name: given(name) };
  return { kind: 'postgres', at, ...common };
}

function siteOf(site: Section<'site'>, root: string): Site {
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

function instancesOf({ ports, domain, memory, cpus, data, env }: Section<'instances'>): Instances {
  const range = rangeOf(ports);
  return {
    ports: given(range),
    domain: domain.replace(/^\*\./, ''),
    limits: { memory: given(memory), cpus: given(cpus) },
    data: given(data),
    env: env ?? {},
  };
}

function seedOf({ command, reset, service, seconds: most, guards }: Section<'seed'>): Seed {
  return { command, reset, service, seconds: given(most), guards: texts(guards) };
}

function backupOf(backup: Section<'backup'>, known: ReadonlyMap<string, StoreSettings>): Backup {
  const { stores, files, bucket, command, keep, mode, encrypt } = backup;
  const from = bucket && known.get(bucket.from);
  const others = [...known].filter(([name, store]) => store.kind !== 's3' && !given(stores).includes(name));
  return {
    stores: given(stores).map(name => given(known.get(name))),
    ...(others.length && { otherStores: others.map(([, store]) => store) }),
    files: files && {
      include: given(files.include),
      exclude: files.exclude ?? [],
      as: files.as,
      ...(mode !== 'tarball' && { fullEverySeconds: ageOf(files.full_every ?? '7d') }),
    },
    ...(from?.kind === 's3' && { bucket: { from, prefix: bucket?.prefix ?? '' } }),
    ...(command && { command: appCommandOf(command) }),
    keep: keep && { daily: keep.daily ?? 0, weekly: keep.weekly ?? 0, monthly: keep.monthly ?? 0 },
    ...(encrypt && { encrypt: { recipients: encrypt.recipients, identity: encrypt.identity } }),
  };
}

function appCommandOf({
  run,
  service,
  writes,
  as,
  seconds: most,
}: NonNullable<Section<'backup'>['command']>): AppCommand {
  return { words: run, service, writes: writes ?? '-', as, seconds: most ?? 600 };
}

export function buildStore(
  name: string,
  store: WrittenStore,
  folder: string,
  hosts: ReadonlyMap<string, HostSettings>,
): StoreSettings {
  if (store.kind === 'path') return { name, kind: 'path', folder: local(store.folder, folder) };
  if (store.kind === 'ssh')
    return { name, kind: 'ssh', host: given(hosts.get(store.host)), folder: posix.join(store.folder, '.') };
  const {
    bucket,
    endpoint,
    region = 'us-east-1',
    prefix = '',
    path_style: pathStyle,
    storage_class: storageClass,
  } = store;
  const place = (reference: SecretReference): SecretReference =>
    'env' in reference ? reference : { file: local(reference.file, folder) };
  return {
    name,
    kind: 's3',
    bucket,
    endpoint,
    region,
    prefix,
    pathStyle: pathStyle ?? endpoint !== undefined,
    ...(storageClass !== undefined && { storageClass }),
    key: place(store.key),
    secret: place(store.secret),
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

export function buildHost(name: string, host: WrittenHost, folder: string): HostSettings {
  if (host === 'local') return { name, kind: 'local' };
  const list = (keys: string | string[] | undefined) => (typeof keys === 'string' ? [keys] : (keys ?? []));
  return {
    name,
    kind: 'ssh',
    address: host.ssh,
    hostKeys: list(host.host_key),
    identity: host.identity === undefined ? undefined : local(host.identity, folder),
    jump: host.jump,
    jumpHostKeys: list(host.jump_host_key),
  };
}

function runtimeOf(settings: Settings): Target['runtime'] {
  const { runtime, compose, systemd, process } = settings;
  if (runtime === 'compose')
    return {
      kind: 'compose',
      file: given(compose?.file),
      project: given(compose?.project),
      accessories: compose?.accessories ?? [],
      service: given(compose?.service),
      variables: texts(compose?.variables ?? {}),
      registry: registryOf(compose?.registry),
      stopSeconds: given(compose?.stop_seconds),
    };
  if (runtime === 'systemd')
    return {
      kind: 'systemd',
      unit: given(systemd?.unit),
      user: given(systemd?.user),
      shared: systemd?.shared ?? [],
      install: systemd?.install,
      start: given(systemd?.start),
    };
  return { kind: 'process', start: given(process?.start), shared: process?.shared ?? [], install: process?.install };
}

function registryOf(registry: Section<'compose'>['registry']) {
  if (!registry) return undefined;
  const password: SecretReference = given(registry.password);
  return { server: given(registry.server), username: given(registry.username), password };
}

function migrationOf(migrate: Settings['migrate']): Target['migrate'] {
  if (migrate === undefined || typeof migrate === 'string') return undefined;
  const { preset, service } = migrate;
  return { command: given(migrate.command), preset, service, seconds: given(migrate.seconds) };
}

function envFileOf(file: Section<'env'>[number]): EnvFile {
  return {
    file: file.file,
    keys: Object.fromEntries(Object.entries(file.keys ?? {}).map(([key, rule]) => [key, ruleOf(rule)])),
    checks: (file.checks ?? []).map(checkOf),
  };
}

function ruleOf(rule: NonNullable<Section<'env'>[number]['keys']>[string]): KeyRule {
  if (typeof rule === 'string') return { required: rule === 'required' };
  const { min, max, whole } = rule.number ?? {};
  return {
    required: rule.required ?? true,
    ...(rule.one_of && { oneOf: rule.one_of.map(String) }),
    ...(rule.pattern !== undefined && { pattern: rule.pattern }),
    ...(rule.number && {
      number: {
        ...(min !== undefined && { min }),
        ...(max !== undefined && { max }),
        ...(whole !== undefined && { whole }),
      },
    }),
    ...(rule.min_length !== undefined && { minLength: rule.min_length }),
    ...(rule.placeholder && { placeholder: rule.placeholder }),
  };
}

function checkOf(check: NonNullable<Section<'env'>[number]['checks']>[number]): CrossCheck {
  const because = check.because === undefined ? {} : { because: check.because };
  if ('same_origin' in check) return { sameOrigin: check.same_origin, ...because };
  // oxlint-disable-next-line unicorn/no-thenable -- the word of ops.yml; its value is never a function
  return { when: texts(check.when), then: texts(check.then), ...because };
}

function probeOf(probe: NonNullable<Section<'health'>['probes']>[number]): Probe {
  return {
    name: probe.name,
    url: given(probe.url),
    status: given(probe.status),
    json: probe.json ?? {},
    header: probe.header,
  };
}

function texts(values: Record<string, string | number | boolean>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}

/** The rules have seen to it that it is there; if not, that is our mistake and must not become a wrong path. */
function given<T>(value: T | undefined): T {
  if (value === undefined)
    throw new TypeError('a setting the rules require is missing: a bug in lib/config/rules/target.ts');
  return value;
}
