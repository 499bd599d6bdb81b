// All possible causes of differences in a text, those first whose correction says most.
import type { Nodes, Root } from 'mdast';
import { blockCandidates } from './blocks.ts';
import { endOf, startOf, type Candidate, type Page } from './candidate.ts';
import { listCandidates } from './lists.ts';
import { signCandidates } from './signs.ts';
import { spanCandidates } from './spans.ts';

export function candidatesOf(page: Page): Candidate[] {
  const spans = [...listCandidates(page), ...spanCandidates(page), ...signCandidates(page)];
  const regions = betweenTags(page.root);
  const isWithin = ({ from, to }: Candidate) => regions.some(region => region.from <= from && to <= region.to);
  const known = blockCandidates(page).filter(one => !isWithin(one) || !one.edits.length);
  return [
    ...known,
    ...spans.map((one): Candidate => (isWithin(one) ? { ...one, code: 'html-block' } : one)),
    ...regions,
  ];
}

/** Markdown between a tag and its closing tag, which GitHub reads and Writebook shows as it is. */
function betweenTags(root: Root): Candidate[] {
  return root.children.flatMap((node, index) => {
    if (node.type !== 'html') return [];
    const [, tag] = /^<([a-z][\w-]*)/i.exec(node.value) ?? [];
    if (!tag || node.value.includes(`</${tag}`)) return [];
    const isEnd = (one: Nodes) => one.type === 'html' && one.value.includes(`</${tag}`);
    const end = root.children.slice(index + 1).find(isEnd);
    return end
      ? [{ code: 'html-block' as const, from: startOf(node), to: endOf(end), edits: [], keepsGithub: true }]
      : [];
  });
}
