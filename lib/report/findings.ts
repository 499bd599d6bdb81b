// Formats findings: a table with a mark for each, and the fix below each that is not good.
import type { Finding } from '../finding.ts';
import type { Report } from './report.ts';

const marks = { good: '✔', warning: '!', failure: '✖' };

/** `store`: where it was found, a column of its own. */
export function findingsTable(
  { table, paint }: Pick<Report, 'table' | 'paint'>,
  findings: readonly (Finding & { store?: string })[],
): string {
  const colour = { good: paint.green, warning: paint.yellow, failure: paint.red };
  const rows = findings.map(({ state, store, check, says }) => [
    colour[state](marks[state]),
    ...(store === undefined ? [] : [store]),
    check,
    says,
  ]);
  // A fix is to be copied, so it is never cut to the width of the terminal as the table is.
  const fixes = findings.map(({ fix }) => fix?.split('\n').map(line => `  ${paint.cyan(`→ ${line}`)}`) ?? []);
  return table(rows)
    .split('\n')
    .flatMap((line, at) => [line, ...(fixes[at] ?? [])])
    .join('\n');
}
