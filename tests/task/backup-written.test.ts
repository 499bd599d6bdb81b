// For half a minute an app writes without a rest, and each backup of it comes back whole and as of the moment when it was taken.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeData } from '../support/backup/data.ts';
import { writeAndRestore, type Round } from '../support/backup/write-and-restore.ts';
import { startWriter } from '../support/backup/writer.ts';

const seconds = process.env['BOOKOPS_TORTURE'] === '1' ? 600 : 30;
/** Other tests want the processor too. */
const pause = process.env['BOOKOPS_TORTURE'] === '1' ? 0 : 5;

test(`${seconds} seconds of writing, backing up and restoring`, async () => {
  const data = makeData();
  writeFileSync(join(data.uploads, 'page'), 'a page');
  const writer = await startWriter(data.database, 50);
  const rounds: Round[] = [];
  try {
    const end = performance.now() + seconds * 1000;
    for (let began = performance.now(); began < end || rounds.length < 4; began = performance.now()) {
      rounds.push(await writeAndRestore(data, writer, rounds.length));
      await new Promise(done => setTimeout(done, Math.max(0, Math.min(began + pause * 1000, end) - performance.now())));
    }
  } finally {
    await writer.stop();
    data.clean();
  }
  assert.ok(rounds.length >= 4, `only ${rounds.length} rounds`);
  assert.ok(
    rounds.every(({ highest }, index) => highest > (rounds[index - 1]?.highest ?? 0)),
    'they are not of later and later moments',
  );
});
test.run();
