// Finds where Writebook will show a text differently from GitHub, why, and how to write it so that both agree.
import type { Root } from 'mdast';
import { differencesOf, distanceOf, type Difference } from './differences.ts';
import { parseMarkdown, viewOnGithub } from './github-view.ts';
import { lineAndColumn } from './line-and-column.ts';
import { applyEdits, offsetBefore, overlap, type Candidate, type Edit } from './rules/candidate.ts';
import { candidatesOf } from './rules/candidates.ts';
import { explanations, type MarkdownCode } from './rules/explanations.ts';
import { bothViews, segmentsOf, type Segment } from './segments.ts';
import type { ShownWord } from './visible.ts';
import { viewInWritebook } from './writebook-view.ts';

/** `line` and `column` count from 1; `fixable`: the corrected text no longer has it. */
export type MarkdownFinding = { code: MarkdownCode; line: number; column: number; says: string; fixable: boolean };

/** `fixed` is the text with everything corrected that can be; the same text when nothing can. */
export type MarkdownCheck = { findings: MarkdownFinding[]; fixed: string };

type State = { github: ShownWord[]; differences: Difference[]; distance: number };

// Each attempt reads the whole segment twice, so a huge one gets fewer.
const attemptsFor = (length: number) => Math.max(40, Math.min(1500, Math.floor(20_000_000 / length)));

/** A correction is kept only when, read by both, it leaves fewer differences. `root`: the text as GitHub reads it. */
export function checkMarkdown(source: string, root: Root = parseMarkdown(source)): MarkdownCheck {
  const views = bothViews(source, root);
  if (!differencesOf(views.github, views.writebook).length && !source.includes('[!'))
    return { findings: [], fixed: source };
  const findings: MarkdownFinding[] = [];
  const place = lineAndColumn(source);
  let fixed = '';
  for (const segment of segmentsOf(source, views)) {
    const { from, text } = segment;
    const { accepted, told } = checkSegment(segment);
    const add = (code: MarkdownCode, at: number, fixable: boolean, says: string = explanations[code]) => {
      const { line, column } = place(from + Math.min(at, text.length));
      if (!findings.some(one => one.code === code && one.line === line && (code === 'other' || one.column === column)))
        findings.push({ code, line, column, says, fixable });
    };
    for (const one of accepted) add(one.code, one.from, true);
    for (const one of told) add(one.code, one.at, false, one.says);
    fixed += applyEdits(text, editsOf(accepted));
  }
  return { findings: findings.toSorted((a, b) => a.line - b.line || a.column - b.column), fixed };
}

type Told = { code: MarkdownCode; at: number; says?: string | undefined };

function checkSegment({ text, shared, views }: Segment): { accepted: Candidate[]; told: Told[] } {
  const differences = differencesOf(views.github, views.writebook);
  let best: State = { github: views.github, differences, distance: distanceOf(differences) };
  if (!best.distance && !text.includes('[!')) return { accepted: [], told: [] };
  const all = candidatesOf({ source: text + shared, root: views.root }).filter(one => one.from <= text.length);
  const always = all.filter(one => one.code === 'alert').map(({ code, from }): Told => ({ code, at: from }));
  if (!best.distance) return { accepted: [], told: always };

  const possible = all.filter(one => one.edits.length && one.edits.every(edit => edit.to <= text.length));
  const accepted: Candidate[] = [];
  let attempts = attemptsFor(text.length);
  const accept = (ones: Candidate[]): boolean => {
    const edits = ones.flatMap(one => one.edits);
    const free =
      !overlap(edits, editsOf(accepted)) &&
      (ones.length === 1 || !ones.some((one, at) => overlap(one.edits, editsOf(ones.slice(0, at)))));
    if (!free || !best.distance || attempts-- <= 0) return false;
    const next = applyEdits(text, [...editsOf(accepted), ...edits]) + shared;
    const better = improved(
      next,
      best,
      ones.every(one => one.keepsGithub),
    );
    if (!better) return false;
    accepted.push(...ones);
    best = better;
    return true;
  };
  for (let round = 0, progress = true; progress && best.distance && round < 3; round++) {
    const open = possible.filter(
      one => !accepted.includes(one) && isNear(one, best.differences, editsOf(accepted), text),
    );
    progress = open.map(one => accept([one])).some(Boolean);
    if (best.distance)
      for (const code of new Set(open.map(one => one.code)))
        progress = accept(open.filter(one => one.code === code && !accepted.includes(one))) || progress;
  }
  return { accepted, told: [...always, ...remaining(text, best.differences, accepted, all)] };
}

/** What both show of a corrected text, when less of it differs. Redcarpet's reading is the fast one, so it is asked first. */
function improved(text: string, best: State, keepsGithub: boolean): State | undefined {
  const writebook = viewInWritebook(text);
  if (keepsGithub && distanceOf(differencesOf(best.github, writebook)) >= best.distance) return undefined;
  const github = viewOnGithub(text);
  if (keepsGithub && !isSame(best.github, github)) return undefined;
  const differences = differencesOf(github, writebook);
  const distance = distanceOf(differences);
  return distance < best.distance ? { github, differences, distance } : undefined;
}

function isSame(one: readonly ShownWord[], other: readonly ShownWord[]): boolean {
  return one.length === other.length && one.every(({ shown }, at) => shown === other[at]?.shown);
}

/** Whether it could be the cause of one of them: a cause is in the lines around, or, where it spreads, anywhere before. */
function isNear({ code, from, to }: Candidate, differences: Difference[], edits: Edit[], text: string): boolean {
  if (code === 'definition-twice' || code === 'line-ends') return true;
  return differences.some(difference => {
    const begin = offsetBefore(edits, difference.from);
    const end = offsetBefore(edits, difference.to);
    return from <= lineAfter(text, end, 3) && (to >= begin - 400 || from < begin);
  });
}

function lineAfter(text: string, at: number, lines: number): number {
  let end = at;
  for (let count = 0; count < lines && end >= 0; count++) end = text.indexOf('\n', end + 1);
  return end < 0 ? text.length : end;
}

/** What no correction ends, with the cause where it is known. */
function remaining(text: string, differences: Difference[], accepted: Candidate[], candidates: Candidate[]): Told[] {
  const edits = editsOf(accepted);
  const isCorrected = (one: Candidate) => accepted.some(({ code, from }) => code === one.code && from === one.from);
  const causes = candidates.filter(one => !one.edits.length && !isCorrected(one));
  return differences.map(difference => {
    const at = offsetBefore(edits, difference.from);
    const end = offsetBefore(edits, difference.to);
    const begin = text.lastIndexOf('\n', at - 1) + 1;
    const cause = causes.find(({ from, to }) => from <= lineAfter(text, end, 1) && to >= begin);
    if (cause) return { code: cause.code, at: cause.from };
    const words = (list: string[]) => shortened(list) || 'nothing';
    return {
      code: 'other',
      at,
      says: `GitHub shows ${words(difference.github)}, Writebook ${words(difference.writebook)}`,
    };
  });
}

function shortened(list: string[]): string {
  const words = list.map(word =>
    word
      .replace(/^[¶ │]/, '')
      .replace(/ ‹$/, '')
      .replace(/ ‹(.+)$/, ' ($1)'),
  );
  const text = words.slice(0, 6).join(' ');
  return text && `“${text.slice(0, 60)}${words.length > 6 || text.length > 60 ? '…' : ''}”`;
}

function editsOf(candidates: readonly Candidate[]): Edit[] {
  return candidates.flatMap(one => one.edits);
}
