// The files beside a chapter that it shows or links to, each with its place in the text.
import type { Root } from 'mdast';
import { startOf, walk } from './rules/candidate.ts';

/** `path` is relative to the chapter, without an anchor; `at` is an offset in the text. */
export type RelativeLink = { kind: 'image' | 'chapter'; path: string; at: number };

/** Addresses with a scheme, from the root, and anchors alone are none; nor is anything in code. */
export function relativeLinks(root: Root): RelativeLink[] {
  const found: RelativeLink[] = [];
  walk(root, node => {
    if (node.type !== 'image' && node.type !== 'link' && node.type !== 'definition') return;
    const [path = ''] = node.url.split(/[?#]/, 1);
    if (!path || /^(?:[a-z][a-z0-9+.-]*:|\/|\\)/i.test(path)) return;
    const kind = node.type === 'image' ? 'image' : 'chapter';
    if (kind === 'image' || /\.md$/i.test(path)) found.push({ kind, path: decodedPath(path), at: startOf(node) });
  });
  return found;
}

/** As it was typed when its percent signs are no escapes. */
export function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
