// Compares the words that a reader sees of a chapter on GitHub with those of a page that was made of it, whatever they look like.
import { differencesOf } from '../differences.ts';
import { readOnGithub } from '../github-view.ts';
import { readHtml } from '../html-view.ts';
import { lineAndColumn } from '../line-and-column.ts';
import type { ShownWord } from '../visible.ts';
import { createWords } from './words.ts';

/** `line` counts from 1, in the Markdown. Of what differs first: what each shows there, '' for nothing. */
export type WordDifference = { line: number; github: string; writebook: string };

// words behind the first one that differs: enough to see where both go on together
const near = 400;

/** @returns undefined when both show the same words @throws RangeError for text that is nested thousands of levels deep */
export function differentWords(markdown: string, html: string): WordDifference | undefined {
  const [github, writebook] = [createWords(), createWords()];
  readOnGithub(markdown, github);
  readHtml(html, writebook);
  const [left, right] = [github.seen, writebook.seen];
  let at = 0;
  while (at < left.length && left[at]?.shown === right[at]?.shown) at++;
  if (at === left.length && at === right.length) return undefined;
  const part = (words: ShownWord[]) => words.slice(at, at + near);
  const [first] = differencesOf(part(left), part(right));
  if (!first) return undefined;
  const from = left[at]?.at ?? left.at(-1)?.at ?? 0;
  return {
    line: lineAndColumn(markdown)(from).line,
    github: someOf(first.github),
    writebook: someOf(first.writebook),
  };
}

function someOf(words: string[]): string {
  const text = words.slice(0, 6).join(' ');
  return words.length > 6 || text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
