// Cuts a long chapter at its headings into segments that both renderings read on their own, so that a check of each stays short.
import type { Root } from 'mdast';
import { parseMarkdown, viewOnGithub } from './github-view.ts';
import { endOf, startOf } from './rules/candidate.ts';
import type { ShownWord } from './visible.ts';
import { viewInWritebook } from './writebook-view.ts';

/** What both show of a text. */
export type BothViews = { root: Root; github: ShownWord[]; writebook: ShownWord[] };

/** `from` is its offset; `shared`: the definitions of links in the rest of the text, which are read with it. */
export type Segment = { from: number; text: string; shared: string; views: BothViews };

const shortest = 1500;

export function bothViews(text: string, root: Root = parseMarkdown(text)): BothViews {
  return { root, github: viewOnGithub(text, root), writebook: viewInWritebook(text) };
}

/** One segment with all of it when cutting would change what is seen. `views`: of the whole. */
export function segmentsOf(source: string, views: BothViews): Segment[] {
  const whole = [{ from: 0, text: source, shared: '', views }];
  if (source.length < 2 * shortest || source.includes('\r')) return whole;
  const { children } = views.root;
  const starts = [0];
  for (const node of children) {
    const at = startOf(node);
    const isFar = at - (starts.at(-1) ?? 0) > shortest;
    if (node.type === 'heading' && isFar && source.startsWith('\n\n', at - 2)) starts.push(at);
  }
  if (starts.length === 1) return whole;
  const definitions = children.filter(node => node.type === 'definition');
  const segments = starts.map((from, index): Segment => {
    const to = starts[index + 1] ?? source.length;
    const others = definitions.filter(node => startOf(node) < from || startOf(node) >= to);
    const links = others.map(node => source.slice(startOf(node), endOf(node)));
    const shared = links.length ? `\n\n${links.join('\n')}\n` : '';
    const text = source.slice(from, to);
    return { from, text, shared, views: bothViews(text + shared) };
  });
  const isSame = (of: 'github' | 'writebook') => {
    const parts = segments.flatMap(segment => segment.views[of]);
    return parts.length === views[of].length && parts.every(({ shown }, at) => shown === views[of][at]?.shown);
  };
  return isSame('github') && isSame('writebook') ? segments : whole;
}
