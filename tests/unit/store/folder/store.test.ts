// A folder as a store: what every store has to do, and what a killed upload leaves.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { folderStore } from '../../../../lib/store/folder/store.ts';
import { conforms } from '../../../support/store/conformance.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bookops-store-'));
test.after(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;

conforms(test, 'folder', async () => folderStore('disk', join(scratch, `store${++count}`)));

test('what a killed upload left is not listed, and swept only below its prefix', async () => {
  const folder = join(scratch, 'killed');
  const store = folderStore('disk', folder);
  for (const place of ['a/1', 'b/1']) {
    mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, place, '.unfinished-0123'), 'half');
  }
  const listed = [];
  for await (const one of store.list('')) listed.push(one);
  assert.equal(listed, []);
  assert.is(await store.sweep('a/'), 1);
  assert.equal([readdirSync(join(folder, 'a/1')), readdirSync(join(folder, 'b/1'))], [[], ['.unfinished-0123']]);
});

test('a key cannot lead out of the folder', async () => {
  const store = folderStore('disk', join(scratch, 'keys'));
  for (const key of ['../x', 'a/../../x', '/etc/x', 'a//b', '', 'a/.hidden'])
    await store.get(key).then(
      () => assert.unreachable(key),
      (error: unknown) => assert.instance(error, TypeError, key),
    );
});
test.run();
