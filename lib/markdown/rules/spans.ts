// Causes within a line that GitHub reads as more than text: emphasis, line breaks, links, addresses, images.
import type { Nodes } from 'mdast';
import { isLinkInWritebook } from '../writebook-view.ts';
import { endOf, startOf, walk, type Candidate, type Edit, type Page } from './candidate.ts';
import type { MarkdownCode } from './explanations.ts';

type Add = (code: MarkdownCode, node: Nodes, edits: Edit[], keepsGithub?: boolean) => void;

export function spanCandidates({ source, root }: Page): Candidate[] {
  const found: Candidate[] = [];
  const add: Add = (code, node, edits, keepsGithub = true) =>
    found.push({ code, from: startOf(node), to: endOf(node), edits, keepsGithub });
  walk(root, node => {
    const from = startOf(node);
    const end = endOf(node);
    const text = source.slice(from, end);
    if (node.type === 'break' && text.startsWith('\\'))
      add('backslash-break', node, [{ from, to: from + 1, text: '  ' }]);
    else if (node.type === 'emphasis' || node.type === 'strong') emphasis(text, node, add);
    else if (node.type === 'delete' && !text.startsWith('~~')) wrap(node, 0, '~', '~', 'strikethrough', add);
    else if (node.type === 'link' && !isLinkInWritebook(node.url)) add('link-lost', node, []);
    else if (node.type === 'image' && text.startsWith('![')) image(source, node, add);
    else if (node.type === 'link' && text.startsWith('[')) address(source, node, add);
    else if (node.type === 'link' && !text.startsWith('<')) {
      add('address', node, [{ from, to: end, text: `<${text}>` }]);
      add('address', node, [{ from, to: end, text: `[${text}](${node.url})` }]);
    } else if (node.type === 'link')
      add('address', node, [{ from, to: end, text: `[${text.slice(1, -1)}](${node.url})` }]);
    else if (node.type === 'inlineCode') {
      const code = node.value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('|', '&#124;');
      const safe = code.replace(/[*_~=`[\\:@w]/g, sign => `&#${sign.charCodeAt(0)};`);
      add('sign', node, [{ from, to: end, text: `<code>${safe}</code>` }]);
    }
  });
  return found;
}

/** Puts others in the place of the first and the last `length` characters. */
function wrap(node: Nodes, length: number, before: string, after: string, code: MarkdownCode, add: Add): void {
  const from = startOf(node);
  const end = endOf(node);
  add(code, node, [
    { from, to: from + length, text: before },
    { from: end - length, to: end, text: after },
  ]);
}

function emphasis(text: string, node: Nodes, add: Add): void {
  const length = node.type === 'emphasis' ? 1 : 2;
  const other = (text.startsWith('*') ? '_' : '*').repeat(length);
  const tag = node.type === 'emphasis' ? 'em' : 'strong';
  wrap(node, length, other, other, 'emphasis', add);
  wrap(node, length, `<${tag}>`, `</${tag}>`, 'emphasis', add);
}

function image(source: string, node: Nodes & { type: 'image' }, add: Add): void {
  const from = startOf(node);
  const open = source.indexOf('](', from);
  if (open < 0 || open > endOf(node)) return;
  const plain = (node.alt ?? '')
    .replaceAll(/["<>[\]`*_\\&]/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  add('image-text', node, [{ from: from + 2, to: open, text: plain }], false);
  address(source, node, add);
}

function address(source: string, node: Nodes & { type: 'image' | 'link' }, add: Add): void {
  const end = endOf(node);
  const last = node.type === 'link' ? node.children.at(-1) : undefined;
  const open = source.indexOf('](', last ? endOf(last) : startOf(node));
  if (open < 0 || open > end) return;
  const url = node.url.replace(
    /[()\\\s"'<>]/g,
    sign => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  const title = node.title ? ` "${node.title.replaceAll('"', '&quot;')}"` : '';
  add('link-address', node, [{ from: open + 2, to: end - 1, text: url + title }], false);
}
