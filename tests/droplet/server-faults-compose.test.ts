// The table of faults on a compose server, each in the middle of a deploy, and ways out after changes: with BOOKOPS_TORTURE=1; else only the table is read.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { faultyOnDroplet } from './sites/faulty.ts';
import { recoverAfterChanges } from './sites/recovered.ts';
import { disturbServer, faultsOf } from './sites/server-faults.ts';

if (process.env['BOOKOPS_TORTURE'] === '1') {
  const all = await faultyOnDroplet('compose');
  disturbServer(all);
  recoverAfterChanges(all);
} else
  test('each row has a name of its own', () => {
    const titles = faultsOf('compose').map(one => one.title);
    assert.ok(titles.length > 60);
    assert.equal(titles, [...new Set(titles)]);
  });

test.run();
