// What a reader sees of Markdown on GitHub, with the place in the source of every word.
import type { Nodes, Parents, Root } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { readHtml } from './html-view.ts';
import { createView, type ShownWord, type View } from './visible.ts';

const tags: Partial<Record<Nodes['type'], string>> = {
  paragraph: 'p',
  blockquote: 'blockquote',
  listItem: 'li',
  emphasis: 'em',
  strong: 'strong',
  delete: 'del',
};

type MarkdownReading = { source: string; view: View; links: Map<string, { url: string }> };

/** The syntax tree, as GitHub reads it. */
export function parseMarkdown(source: string): Root {
  return fromMarkdown(source, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
}

export function viewOnGithub(source: string, root?: Root): ShownWord[] {
  const view = createView(() => false);
  readOnGithub(source, view, root);
  return view.seen;
}

export function readOnGithub(source: string, view: View, root: Root = parseMarkdown(source)): void {
  const links = new Map<string, { url: string }>();
  const collect = (node: Nodes): void => {
    if (node.type === 'definition' && !links.has(node.identifier)) links.set(node.identifier, node);
    if ('children' in node) node.children.forEach(collect);
  };
  collect(root);
  for (const child of root.children) read({ source, view, links }, child);
}

function read(reading: MarkdownReading, node: Nodes): void {
  const { view, source, links } = reading;
  const at = node.position?.start.offset ?? 0;
  const end = node.position?.end.offset ?? at;
  const inside = (parent: Parents, tag: string, attributes: Record<string, string> = {}) => {
    view.open(tag, attributes, at);
    for (const child of parent.children) read(reading, child);
    view.close(tag, end);
  };
  const image = (url: string, alt: string | null | undefined) => view.open('img', { src: url, alt: alt ?? '' }, at);
  const tag = tags[node.type];
  switch (node.type) {
    case 'text':
      return view.text(node.value, placesIn(source, at, end));
    case 'inlineCode':
      view.open('code', {}, at);
      view.text(node.value, placesIn(source, at, end));
      return view.close('code', end);
    case 'code':
      view.open('pre', {}, at);
      view.text(node.value, () => at);
      return view.close('pre', end);
    case 'html':
      return readHtml(node.value, view, at, source.startsWith(node.value, at));
    case 'break':
      return view.open('br', {}, at);
    case 'thematicBreak':
      return view.open('hr', {}, at);
    case 'heading':
      return inside(node, `h${node.depth}`);
    case 'list':
      return inside(node, node.ordered ? 'ol' : 'ul', node.ordered ? { start: String(node.start ?? 1) } : {});
    case 'listItem': {
      view.open('li', {}, at);
      if (typeof node.checked === 'boolean') view.open('checkbox', node.checked ? { checked: '' } : {}, at);
      for (const child of node.children) read(reading, child);
      return view.close('li', end);
    }
    case 'table': {
      view.open('table', {}, at);
      for (const [index, row] of node.children.entries()) {
        view.open('tr', {}, row.position?.start.offset ?? at);
        for (let column = 0; column < (node.children[0]?.children.length ?? 0); column++) {
          const cell = row.children[column];
          const place = cell?.position?.start.offset ?? row.position?.end.offset ?? at;
          const side = node.align?.[column];
          view.open(index ? 'td' : 'th', side ? { align: side } : {}, place);
          for (const child of cell?.children ?? []) read(reading, child);
          view.close(index ? 'td' : 'th', place);
        }
      }
      return view.close('table', end);
    }
    case 'link':
      return inside(node, 'a', { href: node.url });
    case 'linkReference':
      return inside(node, 'a', { href: links.get(node.identifier)?.url ?? '' });
    case 'image':
      return image(node.url, node.alt);
    case 'imageReference':
      return image(links.get(node.identifier)?.url ?? '', node.alt);
    case 'footnoteReference':
      return view.open('footnote', {}, at);
    case 'footnoteDefinition':
      return inside(node, 'note');
    default:
      if (tag && 'children' in node) inside(node, tag);
  }
}

/** Finds words one after the other; what is written otherwise in the source, as `&amp;`, is where the word before it was. */
function placesIn(source: string, from: number, to: number): (word: string) => number {
  let at = from;
  return word => {
    const found = source.indexOf(word, at);
    if (found < 0 || found >= to) return at;
    at = found + word.length;
    return found;
  };
}
