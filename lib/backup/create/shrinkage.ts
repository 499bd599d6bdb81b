// Detects that much is gone since the previous backup: most often a sign that the backup is of the wrong thing.
import { filesBytes, type Manifest } from '../manifest.ts';
import { ofTable } from '../../database/row-counts.ts';

/** Below this many rows, half of them may go on any day. */
const fewRows = 50;
const fewBytes = 1_000_000;

/** One sentence each; nothing when there is no backup before. */
export function shrunkSince(
  before: Manifest | undefined,
  now: Pick<Manifest, 'bucket' | 'database' | 'files' | 'parts' | 'release'>,
): string[] {
  if (!before) return [];
  const found: string[] = [];
  if (before.database && !now.database) found.push('the database no longer exists');
  for (const [table, rows] of Object.entries(before.database?.tables ?? {})) {
    if (!now.database) break;
    const left = ofTable(now.database.tables, table);
    // another release may have migrated a small one away
    if (left === undefined && (rows >= fewRows || before.release === now.release))
      found.push(`the table ${table} no longer exists`);
    else if (left !== undefined && rows >= fewRows && left < rows / 2)
      found.push(`the table ${table} has ${left} rows and had ${rows}`);
  }
  const [was, is] = [filesBytes(before), filesBytes(now)];
  // fewer folders in ops.yml are meant
  if (now.files && before.files?.include.join('\0') === now.files.include.join('\0') && was >= fewBytes && is < was / 2)
    found.push(`the files are ${is} bytes and were ${was}`);
  const [had, has] = [before.bucket?.objects ?? 0, now.bucket?.objects ?? 0];
  const same = before.bucket && before.bucket.from === now.bucket?.from && before.bucket.prefix === now.bucket.prefix;
  if (same && had >= fewRows && has < had / 2) found.push(`the bucket has ${has} objects and had ${had}`);
  return found;
}
