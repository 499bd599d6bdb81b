// Whether the files that a restored database names are among the restored files: checked by SQLite itself, which sees both.
import type { Check } from '../../finding.ts';
import { randomBytes } from 'node:crypto';
import { sqlite3 } from '../../host/environment.ts';
import { sh, type Command } from '../../host/sh.ts';

/** How many of those that are missing are named. */
const mostNamed = 20;

/** Longest time for the question. */
const seconds = 120;

const text = (value: string) => `'${value.replaceAll("'", "''")}'`;

/**
 * Asks the database in `file`, which is only read, and looks below `folder`. A row that is NULL names no file; one that
 * leads out of the folder, or names a folder, is missing like any other that is not there.
 */
export function referencesCommand(query: string, file: string, folder: string): Command {
  // a name of chance, so that no query can mean it
  const own = `refs_${randomBytes(8).toString('hex')}`;
  const tidy = `replace(replace(path, '/./', '/'), '//', '/')`;
  const sql = `PRAGMA trusted_schema = OFF;
CREATE TEMP TABLE ${own} AS SELECT DISTINCT CAST(path AS TEXT) AS path FROM (
WITH ${own}_rows(path) AS (
${query.trim().replace(/;+$/, '')}
)
SELECT path FROM ${own}_rows) WHERE path IS NOT NULL;
CREATE TEMP TABLE ${own}_missing AS SELECT path FROM ${own}
WHERE CASE WHEN path LIKE './%' THEN substr(${tidy}, 3) ELSE ${tidy} END NOT IN
(SELECT substr(name, 3) FROM fsdir('.', ${text(folder)}) WHERE (mode & 61440) IN (32768, 40960));
SELECT 'asked ' || count(*) FROM ${own};
SELECT 'missing ' || count(*) FROM ${own}_missing;
SELECT 'path ' || json_quote(path) FROM (SELECT path FROM ${own}_missing ORDER BY path LIMIT ${mostNamed});`;
  return sh`why=$(timeout ${seconds} ${sqlite3} -readonly ${file} ${sql} 2>&1) || { code=$?; printf 'failed %s %s\\n' "$code" "$({ grep -m 1 -i error <<<"$why" || tail -n 1 <<<"$why"; } | head -c 300)"; exit 0; }
printf '%s\\n' "$why"`;
}

/** What the command said; `missing` are lines for people. */
export function readReferences(said: string): Check & { brief: string; missing: string[] } {
  const name = 'files that the database names';
  const word = (what: string) => new RegExp(`^${what} (\\d+)$`, 'm').exec(said)?.[1];
  const [asked, count] = [word('asked'), word('missing')];
  if (asked === undefined || count === undefined) {
    const [, code, why = ''] = /^failed (\d+) (.*)$/m.exec(said) ?? [];
    const found = code === '124' ? `no answer within ${seconds} s` : `the query failed: ${why || 'no answer'}`;
    return { name, good: false, found, brief: found, missing: [] };
  }
  const missing = said.split('\n').flatMap(line => {
    if (!line.startsWith('path ')) return [];
    const path: unknown = JSON.parse(line.slice('path '.length));
    return typeof path === 'string' ? [path] : [];
  });
  const all = `${asked}, all there`;
  if (count === '0') return { name, good: true, found: all, brief: all, missing };
  const brief = `${count} of ${asked} are missing`;
  const named = missing.map(path => JSON.stringify(path));
  if (Number(count) > missing.length) named.push(`and ${Number(count) - missing.length} more`);
  return { name, good: false, found: `${brief}: ${named.join(', ')}`, brief, missing: named };
}
