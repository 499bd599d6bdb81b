// ops.yml from disk to targets: everything that is wrong with it at once, or every target ready to use.
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { didYouMean } from '../did-you-mean.ts';
import { Failure, messageOf } from '../errors.ts';
import { renamedSetting } from '../renamed.ts';
import { buildHost, buildStore, buildTarget } from './build/target.ts';
import { buildAlert } from './build/alerts.ts';
import { settingsTree } from './merge.ts';
import { sourceOf, type Problem, type Source } from '../yaml/problems.ts';
import { faultsWithin } from './rules/target.ts';
import { clashes } from './rules/conflicts.ts';
import { type Draft } from './rules/draft.ts';
import {
  alertIn,
  faults,
  fileSchema,
  hostIn,
  settingOrder,
  settingsIn,
  settingsSchema,
  storeIn,
  type WrittenStore,
} from './schema/file.ts';
import { unknown as unknownName } from './rules/unknown-name.ts';
import type { Target } from '../target/target.ts';
import { get, leaves, positionOf, plain, textAt, without, type Scalar, type Tree } from '../yaml/tree.ts';
import { readYaml } from '../yaml/yaml.ts';

export type Config = {
  /** Absolute. */
  file: string;
  targets: Target[];
  defaultApp: string | undefined;
  /** @throws Failure 2 when there is no such app or environment. */
  find(app: string | undefined, environment: string): Target;
  /** Dotted path in the words of ops.yml → `ops.yml:12:5`, or `default`. */
  origins(target: Target): Map<string, string>;
  /** Every merged setting with its value and its origin, for people. */
  settings(target: Target): Setting[];
};

/** `value` is [] or {} for an empty list or map. */
type Setting = { path: string; value: Scalar | [] | Record<string, never>; from: string };

const largest = 1_000_000;

export async function loadConfig(file: string): Promise<Config> {
  const text = await readText(file);
  const source = sourceOf(file, text);
  const { tree, problems } = readYaml(text);
  if (!tree) source.refuse(problems);
  if (!tree) throw new TypeError('no tree and no problem: a bug in lib/yaml/yaml.ts');

  const folder = dirname(resolve(file));
  const written = faultsOf(tree);
  problems.push(...written.problems);
  const hosts = namedIn(written.sound, 'hosts', hostIn);
  const stores = namedIn(written.sound, 'stores', storeIn);
  const alerts = namedIn(written.sound, 'alerts', alertIn);
  const drafts = draftsIn(written.sound, folder, problems);
  for (const draft of drafts) {
    const environments = drafts.filter(other => other.app === draft.app).map(other => other.environment);
    const found = faultsWithin(draft, { hosts, stores, alerts, environments, folder, source });
    problems.push(...found.filter(problem => !written.doubted.has(problem.path.split('.').at(-1) ?? '')));
  }
  problems.push(...clashes(drafts, { hosts, source }), ...emptyParts(tree), ...strayStores(tree, stores, hosts));
  source.refuse(distinct(problems));

  const servers = new Map([...hosts].map(([name, host]) => [name, buildHost(name, host, folder)]));
  const places = new Map([...stores].map(([name, store]) => [name, buildStore(name, store, folder, servers)]));
  const told = new Map([...alerts].map(([name, alert]) => [name, buildAlert(name, alert, folder)]));
  const built = drafts.map(draft => {
    const name = draft.settings.host ?? '';
    const target = buildTarget(draft, servers.get(name) ?? buildHost(name, 'local', folder), places, told);
    return { target, tree: draft.tree };
  });
  return configOf(resolve(file), textAt(tree, 'default_app'), built, source);
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      if (size > largest) throw new Error(`it is larger than ${largest / 1e6} MB`);
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Failure(3, `cannot read ${file}: ${messageOf(error)}`, {
      advice: 'run the task in the folder of ops.yml, or name the file: --config path/to/ops.yml',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Failure(3, `cannot read ${file}: it is not UTF-8 text`);
  }
}

/** The problems of the file as written, the tree without the parts that have them, and the keys they leave in doubt. */
function faultsOf(tree: Tree): { problems: Problem[]; sound: Tree; doubted: Set<string> } {
  const problems: Problem[] = [];
  const doubted = new Set<string>();
  let sound = tree;
  const found = faults(fileSchema, plain(tree));
  for (const fault of found) {
    const path = fault.path.join('.');
    // Of several faults of one value the first says enough.
    if (problems.some(problem => problem.path === path)) continue;
    const word = fault.path.at(-1) ?? '';
    const meant = fault.known && didYouMean(word, fault.known);
    const hint = meant ? `, did you mean ${meant}?` : fault.known && `; known: ${fault.known.join(', ')}`;
    // A password in the wrong place: point to its key, because the line of its value would be shown.
    const isSecret = ['password', 'key', 'secret'].includes(word) || (word === 'url' && fault.path[0] === 'alerts');
    const key = fault.key || isSecret;
    const renamed = fault.known && renamedSetting(fault.path);
    problems.push({ at: positionOf(tree, fault.path, key), path, text: renamed ?? fault.text + (hint ?? '') });
    for (const part of [...fault.path, meant ?? '']) doubted.add(part);
  }
  // From the last to the first, so that positions in lists stay right.
  for (const fault of found.toReversed()) sound = without(sound, fault.path);
  return { problems, sound, doubted };
}

/** The entries of a map at the top that are what they should be. */
function namedIn<T>(tree: Tree, part: string, read: (value: unknown) => T | undefined): Map<string, T> {
  const found = get(tree, part);
  const entries = found?.kind === 'map' ? [...found.keys] : [];
  return new Map(
    entries.flatMap(([name, key]) => {
      const value = read(plain(key.value));
      return value ? [[name, value] as const] : [];
    }),
  );
}

function draftsIn(tree: Tree, folder: string, problems: Problem[]): Draft[] {
  const drafts: Draft[] = [];
  const apps = get(tree, 'apps');
  for (const [app, ofApp] of apps?.kind === 'map' ? apps.keys : []) {
    const environments = get(ofApp.value, 'environments');
    for (const [environment, key] of environments?.kind === 'map' ? environments.keys : []) {
      const merged = settingsTree(tree, app, environment, folder);
      const value = plain(merged);
      const settings = settingsIn(value);
      const path = `apps.${app}.environments.${environment}`;
      if (settings) drafts.push({ app, environment, at: key.at, path, settings, tree: merged });
      // Whole but for the merge: what was sound in each layer is not sound together.
      else if (!problems.length)
        for (const fault of faults(settingsSchema, value)) {
          const at = positionOf(merged, fault.path, fault.key);
          problems.push({ at: at < 0 ? key.at : at, path: `${path}.${fault.path.join('.')}`, text: fault.text });
        }
    }
  }
  return drafts;
}

/** No app at all, an app without environments, a default that is none. */
function emptyParts(tree: Tree): Problem[] {
  const apps = get(tree, 'apps');
  const names = apps?.kind === 'map' ? [...apps.keys.keys()] : [];
  const found: Problem[] = [];
  if (apps?.kind === 'map' && !names.length) found.push({ at: apps.at, path: 'apps', text: 'names no app' });
  for (const name of names) {
    const environments = get(apps, name, 'environments');
    if (environments?.kind === 'map' && !environments.keys.size)
      found.push({ at: environments.at, path: environments.path, text: 'names no environment' });
  }
  const preferred = get(tree, 'default_app');
  const word = textAt(preferred);
  if (preferred && word !== undefined && !names.includes(word)) {
    const meant = didYouMean(word, names);
    const hint = meant ? `, did you mean ${meant}?` : `; known: ${names.join(', ')}`;
    found.push({ at: preferred.at, path: 'default_app', text: `unknown app ${word}${hint}` });
  }
  return found;
}

/** Stores on a host that there is not. */
function strayStores(
  tree: Tree,
  stores: ReadonlyMap<string, WrittenStore>,
  hosts: ReadonlyMap<string, unknown>,
): Problem[] {
  return [...stores].flatMap(([name, store]) => {
    if (store.kind !== 'ssh' || hosts.has(store.host)) return [];
    const path = ['stores', name, 'host'];
    return [{ at: positionOf(tree, path, false), path: path.join('.'), text: unknownName('host', store.host, [...hosts.keys()]) }]; // prettier-ignore
  });
}

/** A shared line that is wrong in two environments is told once. */
function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map(problem => [JSON.stringify(problem), problem])).values()];
}

function configOf(
  file: string,
  defaultApp: string | undefined,
  built: readonly { target: Target; tree: Tree }[],
  source: Source,
): Config {
  const targets = built.map(one => one.target);
  const settings = (target: Target): Setting[] => {
    const tree = built.find(
      one => one.target.app === target.app && one.target.environment === target.environment,
    )?.tree;
    const ordered = settingOrder.flatMap(name => {
      const section = get(tree, name);
      return section ? leaves(section, name) : [];
    });
    return ordered.map(({ path, tree: leaf }) => {
      const value = leaf.kind === 'value' ? leaf.value : leaf.kind === 'list' ? ([] as []) : {};
      return { path, value, from: source.place(leaf.at) };
    });
  };
  return {
    file,
    targets,
    defaultApp,
    settings,
    origins: target => new Map(settings(target).map(({ path, from }) => [path, from])),
    find: (app, environment) => findTarget(targets, app ?? defaultApp, environment),
  };
}

function findTarget(targets: readonly Target[], app: string | undefined, environment: string): Target {
  const apps = [...new Set(targets.map(target => target.app))];
  const wanted = app ?? (apps.length === 1 ? apps[0] : undefined);
  if (wanted === undefined)
    throw new Failure(2, `which app? ops.yml has ${apps.join(', ')}`, {
      advice: 'say it with --app, or set default_app in ops.yml',
    });
  if (!apps.includes(wanted)) throw unknown('app', wanted, apps);
  const ofApp = targets.filter(target => target.app === wanted);
  const found = ofApp.find(target => target.environment === environment);
  if (found) return found;
  throw unknown(
    `environment of ${wanted}`,
    environment,
    ofApp.map(target => target.environment),
  );
}

function unknown(what: string, word: string, known: readonly string[]): Failure {
  const meant = didYouMean(word, known);
  return new Failure(2, `unknown ${what}: ${word}${meant ? `, did you mean ${meant}?` : ''}`, {
    advice: `known: ${known.join(', ')}`,
  });
}
