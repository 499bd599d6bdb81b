// Loads ops.yml from disk: every mistake in it at once, or every target ready to use.
import { dirname, resolve } from 'node:path';
import { didYouMean } from '../did-you-mean.ts';
import { renamedSetting } from '../old-words.ts';
import { buildTarget } from './build/target.ts';
import { buildHost } from './build/host.ts';
import { buildStore } from './build/backup.ts';
import { buildAlert } from './build/alerts.ts';
import { settingsTree } from './merge.ts';
import { sourceOf, type Problem } from '../yaml/problems.ts';
import { faultsWithin } from './rules/target.ts';
import { clashes } from './rules/conflicts.ts';
import { type Draft } from './rules/draft.ts';
import { alert, store } from './schema/backup.ts';
import { faults, fileSchema, host, settingsSchema, soundIn, type WrittenStore } from './schema/file.ts';
import { unknown as unknownName } from './rules/unknown-name.ts';
import { get, positionOf, plain, textAt, without, type Tree } from '../yaml/tree.ts';
import { readYaml } from '../yaml/yaml.ts';
import { readText } from './read-file.ts';
import { configOf, type Config } from './config.ts';

export async function loadConfig(file: string): Promise<Config> {
  const text = await readText(file);
  const source = sourceOf(file, text);
  const { tree, problems } = readYaml(text);
  if (!tree) source.refuse(problems);
  if (!tree) throw new TypeError('no tree and no problem: a bug in lib/yaml/yaml.ts');

  const folder = dirname(resolve(file));
  const written = faultsOf(tree);
  problems.push(...written.problems);
  const hosts = namedIn(written.sound, 'hosts', value => soundIn(host, value));
  const stores = namedIn(written.sound, 'stores', value => soundIn(store, value));
  const alerts = namedIn(written.sound, 'alerts', value => soundIn(alert, value));
  const drafts = draftsIn(written.sound, folder, problems);
  for (const draft of drafts) {
    const environments = drafts.filter(other => other.app === draft.app).map(other => other.environment);
    const found = faultsWithin(draft, { hosts, stores, alerts, environments, folder, source });
    problems.push(...found.filter(problem => !written.doubted.has(problem.path.split('.').at(-1) ?? '')));
  }
  problems.push(...clashes(drafts, { hosts, source }), ...emptyParts(tree), ...strayStores(tree, stores, hosts));
  source.refuse(distinct(problems));

  const servers = new Map([...hosts].map(([name, one]) => [name, buildHost(name, one, folder)]));
  const places = new Map([...stores].map(([name, one]) => [name, buildStore(name, one, folder, servers)]));
  const told = new Map([...alerts].map(([name, one]) => [name, buildAlert(name, one, folder)]));
  const built = drafts.map(draft => {
    const name = draft.settings.host ?? '';
    const target = buildTarget(draft, servers.get(name) ?? buildHost(name, 'local', folder), places, told);
    return { target, tree: draft.tree };
  });
  return configOf(resolve(file), textAt(tree, 'default_app'), built, source);
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
    const isSecret =
      ['password', 'key', 'secret', 'token'].includes(word) ||
      fault.path.includes('secrets') ||
      (word === 'url' && fault.path[0] === 'alerts');
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
      const settings = soundIn(settingsSchema, value);
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
  if (preferred && word !== undefined && !names.includes(word))
    found.push({ at: preferred.at, path: 'default_app', text: unknownName('app', word, names) });
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

/** A shared line that is wrong in two environments is reported once. */
function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map(problem => [JSON.stringify(problem), problem])).values()];
}
