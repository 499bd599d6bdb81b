// Counts in a Postgres database, in one transaction: rows, highest keys, constraints, and what a restore elsewhere needs.
import type { PostgresFacts } from '../facts.ts';
import { readTables } from '../row-counts.ts';
import { Failure } from '../../errors.ts';

/** Tables that a dump has the rows of: not those of the system, not those that an extension makes itself. */
const ours = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;

/**
 * SQL for psql, whose \\gexec counts each table by a query of its own; the last line says that the output is complete.
 * The highest key is reported for tables whose primary key is a single integer.
 */
export const counting = `SET client_encoding = 'UTF8';
SET row_security = off;
SET statement_timeout = 0;
SET search_path = pg_catalog;
SELECT 'server ' || current_setting('server_version');
SELECT 'encoding ' || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database();
SELECT 'role ' || to_json(rolname::text) FROM pg_roles WHERE oid IN (SELECT unnest(polroles) FROM pg_policy) ORDER BY rolname;
SELECT 'extension ' || to_json(extname::text) FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname;
SELECT 'constraints ' || count(*) || ' ' || count(*) FILTER (WHERE NOT k.convalidated)
FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND ${ours};
SELECT format('SELECT ''table '' || json_build_array(%L, (SELECT count(*) FROM %s), %s)', word, full_name,
  CASE WHEN key IS NULL THEN 'NULL' ELSE format('(SELECT max(%I) FROM %s)', key, full_name) END)
FROM (SELECT format('%I.%I', n.nspname, c.relname) AS full_name,
  CASE n.nspname WHEN 'public' THEN quote_ident(c.relname) ELSE format('%I.%I', n.nspname, c.relname) END AS word,
  (SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
    AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)) AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND ${ours}) AS found
ORDER BY word \\gexec
SELECT 'counted';
`;

/** Reads what `counting` printed. @throws Failure 1 for an answer that tells less than it should. */
export function readPostgres(text: string): PostgresFacts {
  const all = (name: string) =>
    text.split('\n').flatMap(line => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const [server] = all('server');
  const [encoding] = all('encoding');
  const [constraints] = all('constraints');
  if (server === undefined || encoding === undefined || constraints === undefined || !/^counted$/m.test(text))
    throw new Failure(1, 'the tables of the database could not be counted', { detail: text.slice(-1000) });
  const [count = 0, notValid = 0] = constraints.split(' ').map(Number);
  const texts = (name: string) => all(name).map(found => String(JSON.parse(found)));
  return {
    kind: 'postgres',
    // what a packager adds is in brackets
    server: server.replace(/ .*/, ''),
    encoding,
    roles: texts('role'),
    extensions: texts('extension'),
    ...readTables(text),
    constraints: { count, notValid },
  };
}
