// Causes in what GitHub shows as plain text: characters that Writebook reads as marks, links or tags.
import type { Nodes } from 'mdast';
import { endOf, startOf, walk, type Candidate, type Page } from './candidate.ts';
import type { MarkdownCode } from './explanations.ts';

/** A pattern of the source, and what to write for it; `keeps`: GitHub shows it as before. */
type Rule = { code: MarkdownCode; pattern: RegExp; keeps: boolean; write: (match: RegExpMatchArray) => string };

const words = (match: RegExpMatchArray, at: number) => match[at] ?? '';
const rules: Rule[] = [
  { code: 'backslash', pattern: /\\(["$%',/;?@])/g, keeps: true, write: match => words(match, 1) },
  {
    code: 'image-size',
    pattern: /!\[([^\]\n]*)\]\((\S+)[ \t]+=(\d*)x(\d*)\)/g,
    keeps: false,
    write: match => {
      const size = (name: string, value: string) => value && ` ${name}="${value}"`;
      const alt = words(match, 1).replaceAll('"', '');
      return `<img src="${words(match, 2)}" alt="${alt}"${size('width', words(match, 3))}${size('height', words(match, 4))}>`;
    },
  },
  { code: 'link-space', pattern: /\[(?=[^\]\n]+\]\s*[([])/g, keeps: true, write: () => '\\[' },
  {
    code: 'mark',
    pattern: /==(?=[^\s=\d])([^=\n]*[^\s=])==/g,
    keeps: false,
    write: match => `<mark>${words(match, 1)}</mark>`,
  },
  { code: 'mark', pattern: /==/g, keeps: true, write: () => '\\==' },
  {
    code: 'strong',
    pattern: /(\*\*|(?<![\p{L}\p{N}])__)(?=\S)((?:(?!\1)[^\n])*?\S)\1/gu,
    keeps: false,
    write: match => `<strong>${words(match, 2)}</strong>`,
  },
  { code: 'sign', pattern: /[*_~[<&:=`]/g, keeps: true, write: match => `\\${match[0]}` },
  {
    code: 'sign',
    pattern: /@|\bw(?=ww\.)|:(?=\/\/)|[&<]/g,
    keeps: true,
    write: match => `&#${match[0].charCodeAt(0)};`,
  },
];

export function signCandidates({ source, root }: Page): Candidate[] {
  const found: Candidate[] = [];
  walk(root, (node, parents) => {
    if (node.type === 'paragraph' || node.type === 'heading' || node.type === 'tableCell')
      found.push(...spacedLinks(source, node));
    if (node.type !== 'text' || !parents.length) return;
    const start = startOf(node);
    const text = source.slice(start, endOf(node));
    for (const { code, pattern, keeps, write } of rules)
      for (const match of text.matchAll(pattern)) {
        const from = start + match.index;
        const to = from + match[0].length;
        found.push({ code, from, to, edits: [{ from, to, text: write(match) }], keepsGithub: keeps });
      }
  });
  return found;
}

/** GitHub has made a link of the bare address already, so it is not in one piece of text. */
function spacedLinks(source: string, node: Nodes): Candidate[] {
  const text = source.slice(startOf(node), endOf(node));
  const pattern = /(?<![!\\])(\[[^\]\n]+\])\s+(\((?:[\w./#:-]*[/.#])[\w./#:-]*\))/g;
  return [...text.matchAll(pattern)].map(match => {
    const from = startOf(node) + match.index;
    const to = from + match[0].length;
    const edits = [{ from, to, text: words(match, 1) + words(match, 2) }];
    return { code: 'link-space', from, to, edits, keepsGithub: false };
  });
}
