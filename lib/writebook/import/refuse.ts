// What stops an import before anything is written.
import { Failure } from '../../errors.ts';
import type { FolderProblem } from '../folder/chapter.ts';
import type { BrowserDifference } from './differences.ts';
import type { ImportPlan } from './plan.ts';
import { problemText } from './show-plan.ts';

/** @throws Failure 3 with file and line of each */
export function refuseProblems(problems: readonly FolderProblem[]): void {
  if (!problems.length) return;
  const many = problems.length > 1 ? `${problems.length} faults` : 'a fault';
  throw new Failure(3, `the folder has ${many}, so nothing was written`, {
    detail: problems.map(problemText).join('\n'),
  });
}

/** @throws Failure 1 with their differences, when pages were changed here and in the browser */
export function refuseConflicts({ decisions }: ImportPlan, differences: readonly BrowserDifference[]): void {
  const conflicts = decisions.filter(one => one.does === 'conflict');
  if (!conflicts.length) return;
  const pages = conflicts.length > 1 ? `${conflicts.length} pages were` : `${conflicts[0]?.path} was`;
  throw new Failure(1, `${pages} changed here and in the browser, so nothing was written`, {
    detail: differences.flatMap(one => (one.does === 'conflict' ? [one.difference] : [])).join('\n'),
    advice:
      '--take ours writes the folder’s text over the browser’s; --pull --take theirs brings the browser’s into the folder; --pull --take merge joins both there',
  });
}
