// Cuts a long chapter at its headings into segments that both renderings read on their own, so that a check of each stays short.
import { parseMarkdown, viewOnGithub } from './github-view.ts';
import { endOf, startOf } from './rules/candidate.ts';
import type { ShownWord } from './visible.ts';
import { viewInWritebook } from './writebook-view.ts';

/** `from` is its offset; `shared`: the definitions of links in the rest of the text. */
export type Segment = { from: number; text: string; shared: string };

const shortest = 2000;

/** One segment with all of it when cutting would change what is seen. */
export function segmentsOf(source: string): Segment[] {
  const whole = [{ from: 0, text: source, shared: '' }];
  if (source.length < 2 * shortest || /\r/.test(source)) return whole;
  const root = parseMarkdown(source);
  const starts = [0];
  for (const node of root.children) {
    const at = startOf(node);
    if (node.type === 'heading' && at - (starts.at(-1) ?? 0) > shortest && source.slice(0, at).endsWith('\n\n'))
      starts.push(at);
  }
  if (starts.length === 1) return whole;
  const definitions = root.children.filter(node => node.type === 'definition');
  const segments = starts.map((from, index) => {
    const to = starts[index + 1] ?? source.length;
    const others = definitions.filter(node => startOf(node) < from || startOf(node) >= to);
    const shared = others.map(node => source.slice(startOf(node), endOf(node)));
    return { from, text: source.slice(from, to), shared: shared.length ? `\n\n${shared.join('\n')}\n` : '' };
  });
  const same = (view: (text: string) => ShownWord[]) => {
    const all = view(source);
    let at = 0;
    for (const { text, shared } of segments)
      for (const { shown } of view(text + shared)) if (all[at++]?.shown !== shown) return false;
    return at === all.length;
  };
  return same(viewOnGithub) && same(viewInWritebook) ? segments : whole;
}
