// Backups of a database that is written to all the time, each restored at once and held against what was committed by then.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Data } from './data.ts';
import type { Lap, Writer } from './writer.ts';

export type Round = {
  /** Committed before the backup began, highest in what came back, committed when it had ended. */
  before: number;
  highest: number;
  after: number;
  /** Of the step that copies the database. */
  snapshotSeconds: number;
  /** What the writer went through during the backup. */
  lap: Lap;
};

/** @throws at the first that is not whole, or is of another moment than one between its start and its end. */
export async function writeAndRestore(data: Data, writer: Writer, round: number): Promise<Round> {
  await writer.lap();
  const before = writer.committed();
  const { code, stdout, stderr } = await data.run('backup', ['--json']);
  // the commit that is not noted yet
  const after = writer.committed() + 1;
  const lap = await writer.lap();
  assert.is(code, 0, stderr);
  const { id, manifest } = JSON.parse(stdout);
  const [, seconds] = /✔ Copy the database as it is now \(([\d.]+)s\)/.exec(stderr) ?? [];
  assert.ok(seconds, stderr);

  const out = join(data.folder, `round-${round}`);
  const restored = await data.run('restore', [id, '--to', out]);
  assert.is(restored.code, 0, restored.stderr);
  const ask = (text: string) =>
    execFileSync('sqlite3', [join(out, 'database.sqlite'), text], { encoding: 'utf8' }).trim();
  assert.is(ask('PRAGMA integrity_check'), 'ok');
  const [highest = 0, count = 0] = ask('SELECT max(number), count(*) FROM rising').split('|').map(Number);
  rmSync(out, { recursive: true });
  assert.is(count, highest, 'there is a gap');
  assert.equal([manifest.database.tables.rising, manifest.database.highWater.rising], [count, highest]);
  assert.ok(
    before <= highest && highest <= after,
    `round ${round}: it ends at ${highest}, and ${before} were committed before it and ${after} after it`,
  );
  return { before, highest, after, snapshotSeconds: Number(seconds), lap };
}
