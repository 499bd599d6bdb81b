// Restored data in the place of the present: cut off after any command, the way back leaves all as it was, also when it is walked twice.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { swapDatabase, swapFiles, type Replacement } from '../../../../lib/backup/restore/stage-data.ts';
import type { Step } from '../../../../lib/plan/step.ts';
import { listing } from '../../../support/book/book.ts';
import { sample } from '../../../support/target/targets.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bookops-put-back-'));
test.after(() => rmSync(scratch, { recursive: true, force: true }));
const prelude = readFileSync(new URL('../../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
const stamp = '20261121T030000Z';

/** A root with data, and what was brought beside them. `empty`: there is nothing yet that could be moved aside. */
function makeRoot(empty: boolean): { root: string; back: Replacement } {
  const root = join(mkdtempSync(join(scratch, 'root-')), "it's");
  const shared = join(root, 'shared');
  mkdirSync(join(shared, `.restored-${stamp}/shared/uploads/deep`), { recursive: true });
  writeFileSync(join(shared, `.restored-${stamp}/shared/uploads/deep/then`), 'then');
  writeFileSync(join(shared, `.restored-${stamp}/shared/cover`), 'a cover of then');
  writeFileSync(join(shared, `book.db.restored-${stamp}`), 'the database of then');
  if (!empty) {
    mkdirSync(join(shared, 'uploads'));
    writeFileSync(join(shared, 'uploads/now'), 'now');
    symlinkSync('uploads/now', join(shared, 'cover'));
    for (const end of ['', '-wal', '-shm']) writeFileSync(join(shared, `book.db${end}`), `now${end}`);
  }
  const database = {
    kind: 'sqlite' as const,
    file: join(shared, 'book.db'),
    as: undefined,
    exclusive: true,
    snapshots: join(root, 'snapshots'),
    keep: 1,
  };
  const files = { include: ['shared/uploads', 'shared/cover'], exclude: [], as: undefined };
  const target = { ...sample({ database, backup: { stores: [], keep: undefined, files } }), root };
  return { root, back: { target, stamp, database, paths: files.include } };
}

function run(text: string, upTo?: number): number | null {
  // a bash that dies before its nth command, as a server that goes down does
  const dying = upTo === undefined ? '' : `n=0; trap "((n++ < ${upTo})) || kill -9 \\$\\$" DEBUG; `;
  const cut = text.replace('set -euo pipefail; shopt', `${dying}set -euo pipefail; shopt`);
  return spawnSync('bash', ['-c', `${prelude}\n${cut}`], { encoding: 'utf8' }).status;
}

/** Without times: the roots are copied for each round. */
const data = (root: string) =>
  Object.entries(listing(join(root, 'shared')))
    .filter(([name]) => !name.includes('restored-'))
    .map(([name, is]) => `${name} ${is.replace(/ [\d.]+ /, ' ')}`);

for (const [what, stepOf] of [
  ['database', (back: Replacement): Step => swapDatabase(back, back.database ?? (assert.unreachable() as never))],
  ['files', swapFiles],
] as const)
  for (const empty of [false, true])
    test(`the ${what}${empty ? ', where there were none,' : ''} at any point of the exchange and of the way back`, () => {
      const { root, back } = makeRoot(empty);
      const kept = join(scratch, `kept-${what}-${String(empty)}`);
      cpSync(root, kept, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      const again = () => {
        rmSync(root, { recursive: true });
        cpSync(kept, root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      };
      const { run: forward, undo } = stepOf(back);
      assert.ok(undo);
      const before = data(root);
      let points = 0;
      for (; points < 80; points++) {
        again();
        const code = run(forward.text, points);
        // the way back is cut off too, once, somewhere
        run(undo.text, points % 9);
        assert.is(run(undo.text), 0, `way back after ${points}`);
        assert.equal(data(root), before, `after ${points} commands`);
        assert.is(run(undo.text), 0);
        assert.equal(data(root), before);
        if (code === 0) break;
      }
      assert.ok(points > 8 && points < 80, String(points));
      again();
      assert.is(run(forward.text), 0);
      const read = (name: string) => readFileSync(join(root, 'shared', name), 'utf8');
      if (what === 'database') assert.is(read('book.db'), 'the database of then');
      else assert.equal([read('uploads/deep/then'), read('cover')], ['then', 'a cover of then']);
    });

test.run();
