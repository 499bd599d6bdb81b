// Shows what an import does, for people and for programs.
import { targetName, taskCommand, type TargetName } from '../../target/command.ts';
import type { Report } from '../../report/report.ts';
import type { BookName } from '../content.ts';
import type { PageDecision, ImportPlan } from './plan.ts';
import type { ShownDifferently } from './shown.ts';
import type { FolderProblem } from '../folder/chapter.ts';

const marks: Record<PageDecision['does'], string> = {
  create: '+',
  update: '~',
  trash: '-',
  conflict: '✖',
  edited: '!',
  left: '!',
  foreign: ' ',
  untouched: ' ',
};

const says: Record<PageDecision['does'], string> = {
  create: 'created',
  update: 'updated',
  trash: 'into the trash',
  conflict: 'changed here and in the browser',
  edited: 'edited in the browser, stays so',
  left: 'its file is gone, stays (--trash)',
  foreign: 'only in the book, stays',
  untouched: 'unchanged',
};

/** Every page that is not simply unchanged, and one line with how many there are of each kind. */
export function planText({ decisions, moves, problems }: ImportPlan, { table, paint }: Report): string {
  const colour: Partial<Record<PageDecision['does'], (text: string) => string>> = {
    create: paint.green,
    trash: paint.red,
    conflict: paint.red,
    edited: paint.yellow,
  };
  const moved = new Set(moves.map(move => String(move.leaf)));
  const isMoved = (one: PageDecision) => one.does !== 'create' && 'leaf' in one && moved.has(String(one.leaf.id));
  const shown = decisions.filter(one => (one.does !== 'untouched' && one.does !== 'foreign') || isMoved(one));
  const rows = shown.map(one => [
    (colour[one.does] ?? ((text: string) => text))(marks[one.does]),
    one.path,
    [one.does === 'untouched' ? '' : says[one.does], changesOf(one), isMoved(one) ? 'moved' : '']
      .filter(Boolean)
      .join(', '),
  ]);
  const told = problems.filter(one => !one.stops).map(one => `${paint.yellow('!')} ${problemText(one)}`);
  return [...(rows.length ? [table(rows)] : []), ...told, counted(decisions, moves.length)].join('\n');
}

/** `3 created, 1 moved, 296 unchanged` */
export function counted(decisions: readonly PageDecision[], moves: number): string {
  const counts = new Map<string, number>();
  for (const { does } of decisions) counts.set(says[does], (counts.get(says[does]) ?? 0) + 1);
  if (moves) counts.set('moved', moves);
  const words = [...Object.values(says), 'moved'].flatMap(what =>
    counts.has(what) ? [`${counts.get(what)} ${what}`] : [],
  );
  return words.join(' · ') || 'the folder has no chapters';
}

/** `content/03-dawn.md:12: the image "x.png" is missing` */
export function problemText({ path, line, says: text }: Omit<FolderProblem, 'stops'>): string {
  return `${path}${line === undefined ? '' : `:${line}`}: ${text}`;
}

// Each page has a line; `check-chapters` names the rest, and all places on a page.
const mostShown = 20;

/** @param folder as it was typed */
export function shownText({ differences, skipped }: ShownDifferently, folder: string): string[] {
  const more = differences.length - mostShown;
  const check = `${taskCommand('check-chapters')} ${/^[\w./][\w./-]*$/.test(folder) ? folder : 'of this folder'}`;
  return [
    ...differences.slice(0, mostShown).map(problemText),
    ...(more > 0 ? [`${more} more pages are shown differently`] : []),
    ...(differences.length ? [`${check} tells why, and often how to write it`] : []),
    ...(skipped.length ? [`too long to be compared with what Writebook shows: ${someOf(skipped)}`] : []),
  ];
}

function someOf(paths: readonly string[]): string {
  return paths.slice(0, mostShown).join(', ') + (paths.length > mostShown ? ' …' : '');
}

function changesOf(one: PageDecision): string {
  return 'changes' in one ? one.changes.map(part => (part === 'body' ? 'text' : part)).join(', ') : '';
}

/** The same for programs; pages that stay as they are only as a number. */
export function planJson(target: TargetName, book: BookName | null, { decisions, moves, problems }: ImportPlan) {
  return {
    app: target.app,
    environment: target.environment,
    book,
    pages: decisions
      .filter(one => one.does !== 'untouched')
      .map(one => ({
        path: one.path,
        does: one.does,
        ...('leaf' in one ? { leaf: one.leaf.id, title: one.leaf.title } : { title: one.chapter.title }),
        ...('changes' in one ? { changes: one.changes } : {}),
      })),
    moves,
    untouched: decisions.filter(one => one.does === 'untouched').length,
    notes: problems.filter(one => !one.stops),
  };
}

export function bookText(target: TargetName, { id, title }: BookName): string {
  return `“${title}” (book ${id}) of ${targetName(target)}`;
}
