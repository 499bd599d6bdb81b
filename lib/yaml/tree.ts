// A value of ops.yml with its position in the file, kept through every merge.

export type Scalar = string | number | boolean | null;

/** `at` is the offset in the file, or `builtIn` for a default; `path` is the dotted place it was written at. */
export type Tree =
  | { kind: 'map'; at: number; path: string; keys: Map<string, Key> }
  | { kind: 'list'; at: number; path: string; items: Tree[] }
  | { kind: 'value'; at: number; path: string; value: Scalar };
type Key = { at: number; value: Tree };

export const builtIn = -1;

/** Maps merge key by key; of anything else the upper one wins. */
export function merge(lower: Tree, upper: Tree | undefined): Tree {
  if (!upper) return lower;
  if (lower.kind !== 'map' || upper.kind !== 'map') return upper;
  const keys = new Map(lower.keys);
  for (const [name, key] of upper.keys) {
    const below = keys.get(name);
    keys.set(name, below ? { at: key.at, value: merge(below.value, key.value) } : key);
  }
  return { ...upper, keys };
}

/** The plain value, for the schema. */
export function plain(tree: Tree): unknown {
  if (tree.kind === 'value') return tree.value;
  if (tree.kind === 'list') return tree.items.map(plain);
  return Object.fromEntries([...tree.keys].map(([name, key]) => [name, plain(key.value)]));
}

/** A tree of plain values that all come from `at`. */
export function treeOf(value: unknown, at: number = builtIn, path = ''): Tree {
  if (Array.isArray(value))
    return { kind: 'list', at, path, items: value.map((item, index) => treeOf(item, at, join(path, index))) };
  if (typeof value === 'object' && value !== null) {
    const keys = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([name, inner]): [string, Key] => [name, { at, value: treeOf(inner, at, join(path, name)) }]);
    return { kind: 'map', at, path, keys: new Map(keys) };
  }
  const known = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return { kind: 'value', at, path, value: known ? value : null };
}

/** The value at a path of keys and list positions. */
export function get(tree: Tree | undefined, ...path: readonly (string | number)[]): Tree | undefined {
  let found = tree;
  for (const part of path) {
    if (found?.kind === 'map') found = found.keys.get(String(part))?.value;
    else if (found?.kind === 'list') found = found.items[Number(part)];
    else return undefined;
  }
  return found;
}

/** The text at a path, when it is text. */
export function textAt(tree: Tree | undefined, ...path: readonly (string | number)[]): string | undefined {
  const found = get(tree, ...path);
  return found?.kind === 'value' && typeof found.value === 'string' ? found.value : undefined;
}

/** The nearest place that exists on the way to `path`: the key when it is there, else the innermost value around it. */
export function positionOf(tree: Tree, path: readonly (string | number)[], key: boolean): number {
  const parent = get(tree, ...path.slice(0, -1));
  const last = path.at(-1);
  if (last === undefined) return tree.at;
  if (!parent) return positionOf(tree, path.slice(0, -1), true);
  const entry = parent.kind === 'map' ? parent.keys.get(String(last)) : undefined;
  if (entry) return key ? entry.at : entry.value.at;
  const item = parent.kind === 'list' ? parent.items[Number(last)] : undefined;
  return item ? item.at : positionOf(tree, path.slice(0, -1), true);
}

/** The tree without the value at `path`. */
export function without(tree: Tree, path: readonly (string | number)[]): Tree {
  const [first, ...rest] = path;
  if (first === undefined) return tree;
  if (tree.kind === 'list')
    return {
      ...tree,
      items: tree.items.flatMap((item, index) => {
        if (index !== Number(first)) return [item];
        return rest.length ? [without(item, rest)] : [];
      }),
    };
  if (tree.kind !== 'map') return tree;
  const keys = new Map(tree.keys);
  const key = keys.get(String(first));
  if (key && rest.length) keys.set(String(first), { at: key.at, value: without(key.value, rest) });
  else keys.delete(String(first));
  return { ...tree, keys };
}

/** The tree with `change` applied to the value at `path`, if there is one; `*` matches every item or key. */
export function change(tree: Tree, path: readonly string[], how: (found: Tree) => Tree): Tree {
  const [first, ...rest] = path;
  if (first === undefined) return how(tree);
  if (tree.kind === 'list') return { ...tree, items: tree.items.map(item => change(item, rest, how)) };
  if (tree.kind !== 'map') return tree;
  const keys = new Map(tree.keys);
  for (const [name, key] of keys)
    if (first === '*' || first === name) keys.set(name, { at: key.at, value: change(key.value, rest, how) });
  return { ...tree, keys };
}

/** Every innermost value with its dotted path; an empty map or list counts as one. */
export function leaves(tree: Tree, path = ''): { path: string; tree: Tree }[] {
  if (tree.kind === 'list' && tree.items.length)
    return tree.items.flatMap((item, index) => leaves(item, join(path, index)));
  if (tree.kind === 'map' && tree.keys.size)
    return [...tree.keys].flatMap(([name, key]) => leaves(key.value, join(path, name)));
  return [{ path, tree }];
}

export function join(path: string, part: string | number): string {
  return path ? `${path}.${part}` : String(part);
}
