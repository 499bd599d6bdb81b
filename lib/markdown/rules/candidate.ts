// A possible cause of a difference, with the change of the source that would end it; the check keeps those that prove true.
import type { Nodes, Parents, Root } from 'mdast';
import type { MarkdownCode } from './explanations.ts';

/** Offsets in the source. */
export type Edit = { from: number; to: number; text: string };

export type Candidate = {
  code: MarkdownCode;
  from: number;
  to: number;
  /** Empty when there is no way of writing it that both show alike. */
  edits: Edit[];
  /** Whether the edits leave what GitHub shows as it was; otherwise they say what was probably meant. */
  keepsGithub: boolean;
};

export type Page = { source: string; root: Root };

/** `parents`: from the root down. */
export type Visit = (node: Nodes, parents: Parents[]) => void;

export function walk(root: Root, visit: Visit): void {
  const go = (node: Nodes, parents: Parents[]) => {
    visit(node, parents);
    if ('children' in node) for (const child of node.children) go(child, [...parents, node]);
  };
  go(root, []);
}

export function startOf(node: Nodes): number {
  return node.position?.start.offset ?? 0;
}

export function endOf(node: Nodes): number {
  return node.position?.end.offset ?? 0;
}

/** The source with the edits, which do not overlap. */
export function applyEdits(source: string, edits: readonly Edit[]): string {
  let text = '';
  let at = 0;
  for (const edit of inOrder(edits)) {
    text += source.slice(at, edit.from) + edit.text;
    at = edit.to;
  }
  return text + source.slice(at);
}

/** Where an offset of the edited source was before the edits. */
export function offsetBefore(edits: readonly Edit[], offset: number): number {
  let shift = 0;
  for (const { from, to, text } of inOrder(edits)) {
    if (from + shift >= offset) break;
    if (from + shift + text.length > offset) return Math.min(to, from + (offset - from - shift));
    shift += text.length - (to - from);
  }
  return offset - shift;
}

export function overlap(edits: readonly Edit[], others: readonly Edit[]): boolean {
  return edits.some(one => others.some(other => one.from < other.to && other.from < one.to));
}

function inOrder(edits: readonly Edit[]): Edit[] {
  return [...edits].sort((one, other) => one.from - other.from || one.to - other.to);
}

/** Where the line of this offset begins. */
export function lineStart(source: string, at: number): number {
  return source.lastIndexOf('\n', at - 1) + 1;
}

/** Where its line break is, or the end of the text. */
export function lineEnd(source: string, at: number): number {
  const end = source.indexOf('\n', at);
  return end < 0 ? source.length : end;
}

/** The line of this offset, the one before with -1, the one after with 1. */
export function lineText(source: string, at: number, which: -1 | 0 | 1): string {
  const begin = lineStart(source, at);
  const end = lineEnd(source, at);
  if (which < 0) return begin ? source.slice(lineStart(source, begin - 1), begin - 1) : '';
  return which > 0 ? source.slice(end + 1, lineEnd(source, end + 1)) : source.slice(begin, end);
}
