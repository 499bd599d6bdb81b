// Causes in blocks: fences, comments, headings, tables, rules, quotes side by side, footnotes, HTML.
import type { Nodes, Parents, Table } from 'mdast';
import { isShownByWritebook } from '../writebook-view.ts';
import {
  endOf,
  lineEnd,
  lineStart,
  lineText,
  startOf,
  walk,
  type Candidate,
  type Edit,
  type Page,
} from './candidate.ts';
import type { MarkdownCode } from './explanations.ts';

type Add = (code: MarkdownCode, node: Nodes, edits?: Edit[], keepsGithub?: boolean) => void;

export function blockCandidates({ source, root }: Page): Candidate[] {
  const found: Candidate[] = [];
  const add: Add = (code, node, edits = [], keepsGithub = true) =>
    found.push({ code, from: startOf(node), to: endOf(node), edits, keepsGithub });
  if (source.includes('\r')) {
    const edits = [...source.matchAll(/\r\n?/g)].map(({ index, 0: end }) => edit(index, index + end.length, '\n'));
    found.push({ code: 'line-ends', from: 0, to: source.length, edits, keepsGithub: true });
  }
  const definitions = new Set<string>();
  walk(root, (node, parents) => {
    const from = startOf(node);
    const end = endOf(node);
    if (node.type === 'code') fence(source, node, add);
    else if (node.type === 'html') html(source, node, parents, add);
    else if (node.type === 'heading') heading(source, node, add);
    else if (node.type === 'thematicBreak') {
      if (lineText(source, from, -1).trim()) add('rule-after-text', node, emptyLines(source, from, end));
    } else if (node.type === 'blockquote') {
      if (/^>\s*\[!(?:note|tip|important|warning|caution)\]/i.test(source.slice(from, end))) add('alert', node);
      add('list-lines', node, emptyLines(source, from, end));
    } else if (node.type === 'tableCell') for (const pipe of pipes(source, node)) add('table-pipe', node, [pipe]);
    else if (node.type === 'table') table(source, node, add);
    else if (node.type === 'footnoteReference' || node.type === 'footnoteDefinition') add('footnote', node);
    else if (node.type === 'definition') {
      const again = definitions.has(node.identifier);
      definitions.add(node.identifier);
      const until = Math.min(source.length, lineEnd(source, end) + 1);
      if (again) add('definition-twice', node, [edit(lineStart(source, from), until, '')]);
    }
    const siblings: Nodes[] = parents.at(-1)?.children ?? [];
    const next = siblings[siblings.indexOf(node) + 1];
    const apart = `<!-- -->${lineBreak(source)}${lineBreak(source)}`;
    if (next && (node.type === 'blockquote' || node.type === 'list') && /^(?:blockquote|list|code)$/.test(next.type)) {
      const at = lineStart(source, startOf(next));
      add('joined', next, [edit(at, at, apart)]);
      if (at < startOf(next))
        add('joined', next, [edit(startOf(next), startOf(next), `${apart}${source.slice(at, startOf(next))}`)]);
    }
  });
  return found;
}

function edit(from: number, to: number, text: string): Edit {
  return { from, to, text };
}

function lineBreak(source: string): string {
  return source.includes('\r\n') ? '\r\n' : '\n';
}

function fence(source: string, node: Nodes, add: Add): void {
  const from = startOf(node);
  const [whole, mark, word] = /^(`{3,}|~{3,})[ \t]*(\S+)[ \t]+\S[^\r\n]*/.exec(source.slice(from, endOf(node))) ?? [];
  if (whole && mark && word) add('fence-info', node, [edit(from, from + whole.length, mark + word)]);
  add('list-lines', node, emptyLines(source, from, endOf(node)));
}

function html(source: string, node: Nodes & { type: 'html' }, parents: Parents[], add: Add): void {
  const from = startOf(node);
  const end = endOf(node);
  const text = source.slice(from, end);
  const around = emptyLines(source, from, end);
  for (const [, tag = ''] of text.matchAll(/<\/?([A-Za-z][\w-]*)/g))
    if (!isShownByWritebook(tag.toLowerCase())) add('html-dropped', node);
  if (!text.startsWith('<!--')) {
    const after = [...text.matchAll(/<\/[A-Za-z][\w-]*>[ \t]*\r?\n(?=[^\s<])/g)].map(({ index, 0: tag }) => {
      const at = from + index + tag.length;
      return edit(at, at, lineBreak(source));
    });
    if (after.length) add('html-block', node, after, false);
    add('html-block', node, around, false);
    return /^(?:root|blockquote|listItem)$/.test(parents.at(-1)?.type ?? '') ? add('html-block', node) : undefined;
  }
  add('comment-in-text', node, around);
  const top = parents[1];
  if (top && top.type !== 'footnoteDefinition') {
    const gap = `${lineBreak(source)}${lineBreak(source)}`;
    add('comment-in-text', node, [edit(from, end, ''), edit(endOf(top), endOf(top), `${gap}${text}`)]);
  }
}

function heading(source: string, node: Nodes, add: Add): void {
  const from = startOf(node);
  const end = endOf(node);
  const begin = lineStart(source, from);
  if (/^ {1,3}$/.test(source.slice(begin, from))) add('heading-indent', node, [edit(begin, from, '')]);
  const text = source.slice(from, end);
  if (text.startsWith('#')) {
    const [, hashes = ''] = /[^#\s](#+)[ \t]*$/.exec(text) ?? [];
    const at = from + text.trimEnd().length - hashes.length;
    if (hashes) add('heading-hash', node, [edit(at, at + hashes.length, '&#35;'.repeat(hashes.length))]);
    return;
  }
  const breaks = [...text.matchAll(/[ \t]*\r?\n[ \t>]*/g)].slice(0, -1);
  const joins = breaks.map(({ index, 0: found }) => edit(from + index, from + index + found.length, ' '));
  if (joins.length) add('heading-lines', node, joins);
}

/** One whose header has such a pipe is a table for Writebook only when all is corrected at once. */
function table(source: string, node: Table, add: Add): void {
  const around = emptyLines(source, startOf(node), endOf(node));
  const cells = node.children.flatMap(row => row.children).filter(cell => pipes(source, cell).length);
  const [first] = cells;
  const all = cells.flatMap(cell => pipes(source, cell));
  if (first) add('table-pipe', first, all);
  if (first && around.length) add('table-pipe', first, [...around, ...all]);
  add('table-row', node, around);
}

function pipes(source: string, cell: Nodes): Edit[] {
  const from = startOf(cell);
  const found = source.slice(from, endOf(cell)).matchAll(/(`+)([^`]*\\\|[^`]*)\1|\\\|/g);
  return [...found].map(({ index, 0: whole, 2: code }) => {
    const escaped = code?.trim().replaceAll('&', '&amp;').replaceAll('\\|', '&#124;').replaceAll('<', '&lt;');
    const text = escaped === undefined ? '&#124;' : `<code>${escaped}</code>`;
    return edit(from + index, from + index + whole.length, text);
  });
}

/** An empty line before the line of `from` and after that of `to`, where there is none. */
function emptyLines(source: string, from: number, to: number): Edit[] {
  const newline = lineBreak(source);
  const begin = lineStart(source, from);
  const after = lineEnd(source, to) + 1;
  const prefix = /^[ \t]*/.exec(lineText(source, from, 0))?.[0] ?? '';
  const above = lineText(source, from, -1).trim() && prefix.length === from - begin;
  const below = after < source.length && lineText(source, to, 1).trim();
  return [...(above ? [edit(begin, begin, newline)] : []), ...(below ? [edit(after, after, newline)] : [])];
}
