// A loaded ops.yml: its targets by name, and the origin of each setting.
import { didYouMean } from '../did-you-mean.ts';
import { Failure } from '../errors.ts';
import type { Target } from '../target/target.ts';
import type { Source } from '../yaml/problems.ts';
import { get, leaves, type Scalar, type Tree } from '../yaml/tree.ts';
import { settingOrder } from './schema/file.ts';

export type Config = {
  /** Absolute. */
  file: string;
  targets: Target[];
  defaultApp: string | undefined;
  /** @throws Failure 2 when there is no such app or environment. */
  find(app: string | undefined, environment: string): Target;
  /** Dotted path of keys of ops.yml → `ops.yml:12:5`, or `default`. */
  origins(target: Target): Map<string, string>;
  /** Every merged setting with its value and its origin, for people. */
  settings(target: Target): Setting[];
};

/** `value` is [] or {} for an empty list or map. */
type Setting = { path: string; value: Scalar | [] | Record<string, never>; from: string };

export function configOf(
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
