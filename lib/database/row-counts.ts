// The rows and the highest key of each table, as a host reports them, and their comparison with the manifest.
import type { DatabaseFacts } from './facts.ts';
import type { Check } from '../finding.ts';
import { Failure } from '../errors.ts';

type Tables = Pick<DatabaseFacts, 'tables' | 'highWater'>;

/** Lines `table ["name",rows,highest]`. @throws Failure 1 */
export function readTables(text: string): Tables {
  const tables: [string, number][] = [];
  const highWater: [string, number][] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('table ')) continue;
    const found: unknown = JSON.parse(line.slice('table '.length));
    const [name, rows, highest]: unknown[] = Array.isArray(found) ? found : [];
    if (typeof name !== 'string' || typeof rows !== 'number') throw new Failure(1, `not a count of a table: ${line}`);
    tables.push([name, rows]);
    if (typeof highest === 'number') highWater.push([name, highest]);
  }
  return { tables: Object.fromEntries(tables), highWater: Object.fromEntries(highWater) };
}

/** Of one table; a table may be called constructor. */
export function ofTable(counts: Record<string, number>, name: string): number | undefined {
  return Object.hasOwn(counts, name) ? counts[name] : undefined;
}

export function compareRows(counts: Tables, wanted: Tables): Check {
  const names = [...new Set([...Object.keys(wanted.tables), ...Object.keys(counts.tables)])];
  const odd = names.flatMap(name => {
    const [is, was] = [ofTable(counts.tables, name), ofTable(wanted.tables, name)];
    if (is !== was) return [`${name} has ${is ?? 'no'} rows and had ${was ?? 'none'}`];
    return ofTable(counts.highWater, name) === ofTable(wanted.highWater, name) ? [] : [`${name} ends at another row`];
  });
  const rows = Object.values(counts.tables).reduce((sum, one) => sum + one, 0);
  return {
    name: 'rows',
    good: odd.length === 0,
    found: odd.length ? odd.slice(0, 5).join('; ') : `${rows} in ${names.length} tables, as in the manifest`,
  };
}
