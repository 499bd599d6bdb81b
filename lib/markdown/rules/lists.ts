// Causes in lists: how far nested items are indented, where numbers begin, boxes to tick, lines that only look like items.
import type { List, ListItem, Nodes } from 'mdast';
import { endOf, lineStart, startOf, walk, type Candidate, type Edit, type Page } from './candidate.ts';
import type { MarkdownCode } from './explanations.ts';

export function listCandidates({ source, root }: Page): Candidate[] {
  const found: Candidate[] = [];
  const add = (code: MarkdownCode, from: number, to: number, edits: Edit[], keepsGithub = true) =>
    found.push({ code, from, to, edits, keepsGithub });
  walk(root, (node, parents) => {
    const from = startOf(node);
    if (node.type === 'list') {
      const outer = !parents.some(parent => parent.type === 'list' || parent.type === 'blockquote');
      const begin = lineStart(source, from);
      if (outer) {
        const edits = reindented(source, node);
        const apart = begin ? [{ from: begin, to: begin, text: '\n' }] : [];
        const brackets = edits.length ? innerBrackets(source, node) : [];
        if (brackets.length) add('list-indent', from, endOf(node), [...edits, ...brackets]);
        if (edits.length) add('list-indent', from, endOf(node), edits);
        if (begin) add('list-lines', from, endOf(node), apart);
        if (begin && edits.length) add('list-indent', from, endOf(node), [...apart, ...edits]);
        if (begin && brackets.length) add('list-indent', from, endOf(node), [...apart, ...edits, ...brackets]);
      }
      numbers(source, node, add);
    }
    if (node.type === 'listItem' && typeof node.checked === 'boolean') {
      const mark = /\[([ xX])\]/.exec(source.slice(from, endOf(node)));
      const at = from + (mark?.index ?? 0);
      add('task-list', at, at + 3, [{ from: at, to: at + 3, text: mark?.[1] === ' ' ? '☐' : '☑' }], false);
    }
    const paragraph = parents.findLast(parent => parent.type === 'paragraph');
    if (node.type === 'text' && paragraph)
      for (const line of source.slice(from, endOf(node)).matchAll(/(^|\n)([ \t>]*)(?:(\d+)(?=\.)|[*+-](?=\s)|#+)/g)) {
        const [whole, newline = '', spaces = '', digits = ''] = line;
        if (!newline && from !== startOf(paragraph)) continue;
        const at = from + line.index + newline.length + spaces.length;
        const escape = at + digits.length;
        const code = digits ? 'number-at-start' : whole.endsWith('#') ? 'hash-at-start' : 'item-in-text';
        add(code, at, at + 1, [{ from: escape, to: escape, text: '\\' }]);
      }
  });
  return found;
}

type Add = (code: MarkdownCode, from: number, to: number, edits: Edit[], keepsGithub?: boolean) => void;

function numbers(source: string, list: List, add: Add): void {
  if (!list.ordered) return;
  const from = startOf(list);
  const [, digits = '', sign = ''] = /^(\d+)([.)])/.exec(source.slice(from, from + 12)) ?? [];
  const end = from + digits.length;
  if (digits.length >= 3) add('number-at-start', from, end, [{ from: end, to: end, text: '\\' }], false);
  const brackets = list.children.flatMap(item => bracket(source, item));
  if (sign === ')') add('list-bracket', from, endOf(list), brackets);
  if (sign === ')') add('list-bracket', from, endOf(list), []);
  if (Number(digits) !== 1) add('list-start', from, end, []);
}

function bracket(source: string, item: ListItem): Edit[] {
  const from = startOf(item);
  const digits = /^\d+(?=\))/.exec(source.slice(from, from + 12))?.[0].length;
  return digits ? [{ from: from + digits, to: from + digits + 1, text: '.' }] : [];
}

/** Of the list and of all lists in it. */
function innerBrackets(source: string, list: List): Edit[] {
  return list.children.flatMap(item => [
    ...bracket(source, item),
    ...item.children.flatMap(child => (child.type === 'list' ? innerBrackets(source, child) : [])),
  ]);
}

/** Each line of the list with four spaces for each level that it is in. */
function reindented(source: string, list: List): Edit[] {
  const begin = lineStart(source, startOf(list));
  const first = list.position?.start.line ?? 1;
  const lines = source.slice(begin, endOf(list)).split('\n');
  /** Of each line: how many items it is within, and at which column the text of the innermost begins. */
  const levels = lines.map(() => ({ depth: 0, column: 0, begins: false }));
  const enter = (node: Nodes, depth: number): void => {
    if (node.type === 'listItem') {
      const column = contentColumn(source, node);
      const from = (node.position?.start.line ?? first) - first;
      const to = (node.position?.end.line ?? first) - first;
      for (let line = from; line <= to; line++) {
        const level = levels[line];
        if (level && line > from) Object.assign(level, { depth, column, begins: false });
        else if (level && !level.begins) Object.assign(level, { depth: depth - 1, begins: true });
      }
    }
    const deeper = node.type === 'list' ? depth + 1 : depth;
    if ('children' in node) for (const child of node.children) enter(child, deeper);
  };
  enter(list, 0);

  let at = begin;
  return lines.flatMap((line, index) => {
    const { depth, column, begins } = levels[index] ?? { depth: 0, column: 0, begins: true };
    const spaces = /^[ \t]*/.exec(line)?.[0] ?? '';
    const from = at;
    at += line.length + 1;
    const width = spaces.replaceAll('\t', '    ').length;
    const wanted = ' '.repeat(4 * depth + (begins ? 0 : Math.max(0, width - column)));
    return !line.trim() || wanted === spaces ? [] : [{ from, to: from + spaces.length, text: wanted }];
  });
}

/** In spaces from the start of the line. */
function contentColumn(source: string, item: ListItem): number {
  const at = startOf(item);
  const [marker = '-', spaces = ''] = /^(?:[*+-]|\d+[.)])( *)/.exec(source.slice(at, at + 20)) ?? [];
  const width = spaces.length >= 1 && spaces.length <= 4 ? marker.length : marker.trim().length + 1;
  return at - lineStart(source, at) + width;
}
