// Merges one target's settings: built-in < defaults < app < environment, short forms expanded, paths made absolute, every part with its place.
import { homedir } from 'node:os';
import { isAbsolute, join as joinLocal, posix, resolve } from 'node:path';
import { presets } from './schema/database.ts';
import { builtIn, change, get, merge, textAt, treeOf, without, type Tree } from '../yaml/tree.ts';

/** The settings of `app` in `environment`, with the keys of ops.yml, as a tree without implicit values. */
export function settingsTree(file: Tree, app: string, environment: string, folder: string): Tree {
  const ofApp = get(file, 'apps', app);
  const layers = [
    get(file, 'defaults'),
    ofApp && without(ofApp, ['environments']),
    get(ofApp, 'environments', environment),
  ].map(layer => (layer?.kind === 'map' ? writtenOut(layer) : undefined));
  const written = layers.reduce<Tree>((below, layer) => merge(below, layer), treeOf({}));
  const merged = gathered(withoutOtherRuntimes(written));
  return resolved(merge(treeOf(defaults(app, environment, merged)), merged), folder);
}

/** The probes that have a key of their own. */
const probeNames = ['live', 'ready', 'version'];

/** Short forms as the maps they stand for, so that a later layer can change a part of them. */
function writtenOut(layer: Tree): Tree {
  let out = change(layer, ['migrate'], migrationOf);
  for (const probe of probeNames)
    out = change(out, ['health', probe], found => (found.kind === 'value' ? around('url', found) : found));
  return change(out, ['env', '*', 'keys', '*'], rule => {
    const word = rule.kind === 'value' ? rule.value : undefined;
    return word === undefined ? rule : around('required', { ...rule, kind: 'value', value: word === 'required' });
  });
}

/** `preset` stays beside the command it stands for; an explicit command removes the preset of a lower layer. */
function migrationOf(migrate: Tree): Tree {
  if (migrate.kind === 'value') return migrationOf(around(isPreset(migrate.value) ? 'preset' : 'command', migrate));
  const preset = get(migrate, 'preset');
  const command = get(migrate, 'command');
  if (migrate.kind !== 'map' || (preset && command)) return migrate;
  const keys = new Map(migrate.keys);
  if (preset?.kind === 'value' && isPreset(preset.value))
    keys.set('command', { at: preset.at, value: { ...preset, value: presets[preset.value] } });
  if (command) keys.set('preset', { at: command.at, value: { ...command, kind: 'value', value: null } });
  return { ...migrate, keys };
}

function isPreset(word: unknown): word is keyof typeof presets {
  return typeof word === 'string' && Object.hasOwn(presets, word);
}

/** Sections that ONCE has no use for: what it does itself. */
export const notOfOnce = ['database', 'migrate', 'env', 'site', 'switch', 'maintenance', 'seed', 'instances'] as const;

/** Settings of a lower layer for another runtime are dropped for this target; those of the app itself are refused by the rules. */
function withoutOtherRuntimes(tree: Tree): Tree {
  const runtime = textAt(tree, 'runtime');
  return ['compose', 'systemd', 'once', 'process', ...(runtime === 'once' ? notOfOnce : [])]
    .filter(section => section !== runtime && get(tree, section)?.path.startsWith('defaults.'))
    .reduce((rest, section) => without(rest, [section]), tree);
}

/** The named probes and the list of further ones as one list. A preset that was taken away is gone. */
function gathered(tree: Tree): Tree {
  const named = probeNames.flatMap(name => {
    const probe = get(tree, 'health', name);
    return probe ? [merge(treeOf({ name }, probe.at, probe.path), probe)] : [];
  });
  const more = get(tree, 'health', 'probes');
  const probes: Tree = {
    kind: 'list',
    at: more?.at ?? named[0]?.at ?? builtIn,
    path: 'health.probes',
    items: [...named, ...(more?.kind === 'list' ? more.items : [])].map(probe =>
      merge(treeOf({ status: 200, json: {} }), probe),
    ),
  };
  const health = change(tree, ['health'], found => {
    const rest = probeNames.reduce((left, name) => without(left, [name]), found);
    return rest.kind === 'map'
      ? { ...rest, keys: new Map(rest.keys).set('probes', { at: probes.at, value: probes }) }
      : rest;
  });
  const files = change(health, ['env', '*'], file => merge(treeOf({ keys: {}, checks: [] }), file));
  const rules = change(files, ['env', '*', 'keys', '*'], rule => merge(treeOf({ required: true }), rule));
  return change(rules, ['migrate'], found => {
    const preset = get(found, 'preset');
    return preset?.kind === 'value' && preset.value === null ? without(found, ['preset']) : found;
  });
}

function defaults(app: string, environment: string, merged: Tree): unknown {
  const runtime = textAt(merged, 'runtime');
  const has = (section: string) => get(merged, section) !== undefined;
  return {
    tracks: 'main',
    switch: 'maintenance',
    keep: 5,
    compose:
      runtime === 'compose'
        ? { project: `${app}-${environment}`, accessories: [], variables: {}, stop_seconds: 10 }
        : undefined,
    systemd: runtime === 'systemd' ? { shared: [] } : undefined,
    once: runtime === 'once' ? { tls: true } : undefined,
    process: runtime === 'process' ? { shared: [] } : undefined,
    build: has('build') && !get(merged, 'build', 'images') ? { images: { [app]: {} } } : undefined,
    env: [],
    database: has('database')
      ? {
          exclusive: get(merged, 'database', 'postgres') ? undefined : true,
          snapshots: 'backups/snapshots',
          keep: 7,
        }
      : undefined,
    migrate: has('migrate')
      ? { service: runtime === 'compose' ? textAt(merged, 'compose', 'service') : undefined, seconds: 600 }
      : undefined,
    health: { deadline: '60s', interval: '500ms', probes: [] },
    maintenance: { flag: 'maintenance/MAINTENANCE_ON' },
    site: has('site')
      ? {
          proxy: 'nginx',
          tls: 'certbot',
          hsts: textAt(merged, 'site', 'tls') !== 'off',
          noindex: environment !== 'production',
          body_limit: '10m',
          drain: '30s',
          hold: '30s',
        }
      : undefined,
    seed: has('seed')
      ? { service: runtime === 'compose' ? textAt(merged, 'compose', 'service') : undefined, seconds: 600 }
      : undefined,
    instances: has('instances') ? { memory: '512m', cpus: 1, data: 'empty', env: {} } : undefined,
  };
}

/** Paths on the host against the environment's root, those on this machine against the folder of ops.yml. */
function resolved(tree: Tree, folder: string): Tree {
  const root = textAt(tree, 'root');
  const onHost = (path: string) => (root ? tidy(posix.resolve(root, path)) : path);
  const here = (path: string) => local(path, folder);
  const text = (how: (path: string) => string) => (found: Tree) =>
    found.kind === 'value' && typeof found.value === 'string' ? { ...found, value: how(found.value) } : found;

  let out = change(tree, ['root'], text(tidy));
  for (const path of [
    ['database', 'sqlite'],
    ['database', 'snapshots'],
    ['env', '*', 'file'],
    ['maintenance', 'flag'],
    ['site', 'basic_auth'],
    ['backup', 'metrics'],
    ['site', 'routes', '*', 'folder'],
  ])
    out = change(out, path, text(onHost));
  for (const path of [
    ['repo'],
    ['maintenance', 'page'],
    ['compose', 'registry', 'password', 'file'],
    ['backup', 'encrypt', 'identity', 'file'],
    ['build', 'images', '*', 'secrets', '*', 'file'],
    ['writebook', 'announce', 'feed'],
    ...['token', 'password', 'key', 'url'].map(word => ['writebook', 'announce', 'to', '*', word, 'file']),
  ])
    out = change(out, path, text(here));
  return get(out, 'repo') ? out : change(out, ['compose', 'file'], text(here));
}

/** A path on this machine; `~` is the home of the user who runs the task. */
export function local(path: string, folder: string): string {
  if (path === '~' || path.startsWith('~/')) return joinLocal(homedir(), path.slice(1));
  return isAbsolute(path) ? joinLocal(path) : resolve(folder, path);
}

function tidy(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, '');
}

function around(key: string, value: Tree): Tree {
  return { kind: 'map', at: value.at, path: value.path, keys: new Map([[key, { at: value.at, value }]]) };
}
