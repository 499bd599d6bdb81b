// Whether each full-text index of a restored SQLite database agrees with the texts that it keeps: SQLite's own check of the whole database looks into them only from 3.44 on.
import type { Check } from '../../finding.ts';
import { sqlite3 } from '../../host/environment.ts';
import { sh, type Command } from '../../host/sh.ts';

const name = 'full-text indexes';

/** Statements, one a line; a table whose name has a line break is left out. */
const statements = `SELECT 'INSERT INTO ' || word || '(' || word || ') VALUES(''integrity-check'')'
FROM (SELECT '"' || replace(name, '"', '""') || '"' AS word FROM sqlite_master
WHERE type = 'table' AND lower(sql) GLOB 'create virtual table*using fts[345]*' AND instr(name, char(10)) = 0 ORDER BY name);`;

/** Asks the database in `file`, a scratch copy: the question is written as an INSERT, and taken back. */
export function fullTextCommand(file: string): Command {
  return sh`${sqlite3} -readonly ${file} ${statements} | while IFS= read -r ask; do
  why=$(${sqlite3} ${file} "BEGIN; $ask; ROLLBACK" 2>&1) && echo good || printf 'bad %s %s\\n' "$(base64 -w0 <<<"$ask")" "$(tail -n 1 <<<"$why" | head -c 300)"
done`;
}

/** @returns undefined for a database without any. What this sqlite3 has no module or tokenizer for is told, and is no fault. */
export function readFullText(said: string): Check | undefined {
  const lines = said.split('\n').filter(Boolean);
  if (!lines.length) return undefined;
  const told = lines.flatMap(line => {
    const [, encoded = '', why = ''] = /^bad (\S+) (.*)$/.exec(line) ?? [];
    if (!encoded) return [];
    const [, table = ''] = /^INSERT INTO "(.*)"\(/.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
    return [
      {
        unknown: /no such (?:module|tokenizer)|unknown tokenizer/i.test(why),
        says: `${table.replaceAll('""', '"')}: ${why}`,
      },
    ];
  });
  const [bad, unknown] = [told.filter(one => !one.unknown), told.filter(one => one.unknown)];
  if (bad.length) return { name, good: false, found: bad.map(one => one.says).join('; ') };
  const agree = lines.length - unknown.length;
  const parts = [
    agree > 0 && `${agree} checked, with the texts that they keep`,
    ...unknown.map(one => `not looked at: ${one.says}`),
  ];
  return { name, good: true, found: parts.filter(Boolean).join('; ') };
}
