// Parses YAML into a tree with positions; aliases are expanded within a limit, so that a small file cannot become a huge one.
import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { messageOf } from '../errors.ts';
import type { Problem } from './problems.ts';
import { join, merge, type Tree } from './tree.ts';

const mostValues = 50_000;
const deepest = 40;

export type Reading = { tree: Tree | undefined; problems: Problem[] };

export function readYaml(text: string): Reading {
  const problems: Problem[] = [];
  try {
    // `merge` makes `<<: *shared` work as people expect it from YAML 1.1.
    const document = parseDocument(text, { merge: true, logLevel: 'error', prettyErrors: false });
    for (const error of document.errors)
      if (error.message.includes('call stack')) throw new RangeError('it is nested too deeply');
    for (const error of document.errors)
      problems.push({ at: error.pos[0], path: '', text: saidPlainly(error.code, error.message) });
    if (problems.length) return { tree: undefined, problems };
    if (!document.contents) return { tree: { kind: 'map', at: 0, path: '', keys: new Map() }, problems };
    return { tree: treeMaker(problems)(document.contents, ''), problems };
  } catch (error) {
    return { tree: undefined, problems: [{ at: 0, path: '', text: `this YAML cannot be read: ${messageOf(error)}` }] };
  }
}

function treeMaker(problems: Problem[]): (node: unknown, path: string) => Tree {
  const anchors = new Map<string, unknown>();
  const open = new Set<unknown>();
  let values = 0;

  return function make(node: unknown, path: string, at = start(node)): Tree {
    const nothing: Tree = { kind: 'value', at, path, value: null };
    const say = (text: string): Tree => {
      problems.push({ at, path, text });
      return nothing;
    };
    if (++values > mostValues) throw new RangeError(`with its aliases it has more than ${mostValues} values`);
    if (open.size > deepest) throw new RangeError('it is nested too deeply');
    if (isAlias(node)) {
      const meant = anchors.get(node.source);
      if (open.has(meant)) return say(`*${node.source} contains itself`);
      return meant ? make(meant, path) : say(`*${node.source} has no anchor &${node.source} before it`);
    }
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor) anchors.set(node.anchor, node);
    if (isScalar(node)) return scalar(node.value, node.source, nothing, say);
    if (!isMap(node) && !isSeq(node)) return nothing;

    open.add(node);
    const tree: Tree = isMap(node)
      ? { kind: 'map', at, path, keys: new Map() }
      : { kind: 'list', at, path, items: node.items.map((item, index) => make(item, join(path, index))) };
    let shared: Tree | undefined;
    if (isMap(node) && tree.kind === 'map')
      for (const pair of node.items) {
        if (!isScalar(pair.key)) {
          problems.push({ at: start(pair.key), path, text: 'a key must be a plain word' });
          continue;
        }
        const name = pair.key.source ?? String(pair.key.value);
        const key = start(pair.key);
        if (name === '<<') {
          const other = make(pair.value, path);
          for (const map of other.kind === 'list' ? other.items : [other])
            if (map.kind === 'map') shared = shared ? merge(map, shared) : map;
            else problems.push({ at: key, path, text: '<< needs a map, or a list of maps' });
        } else if (['__proto__', 'prototype', 'constructor'].includes(name)) {
          problems.push({ at: key, path: join(path, name), text: 'this name is not possible' });
        } else tree.keys.set(name, { at: key, value: make(pair.value, join(path, name), start(pair.value) || key) });
      }
    open.delete(node);
    return shared && tree.kind === 'map' ? { ...merge(shared, tree), at, path } : tree;
  };
}

function scalar(value: unknown, source: string | undefined, tree: Tree, say: (text: string) => Tree): Tree {
  if (typeof value === 'number' && String(value) !== source)
    return say(`put this in quotes: YAML reads ${source} as the number ${value}`);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return { kind: 'value', at: tree.at, path: tree.path, value };
  return tree;
}

function start(node: unknown): number {
  const range = isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range : undefined;
  return range?.[0] ?? 0;
}

function saidPlainly(code: string, message: string): string {
  if (code === 'DUPLICATE_KEY') return 'duplicate key';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: ops.yml is one';
  if (code === 'TAB_AS_INDENT') return 'a tab: YAML is indented with spaces';
  return message.split('\n')[0] ?? message;
}
