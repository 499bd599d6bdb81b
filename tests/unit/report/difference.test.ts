// What a plan shows of a file that would change.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { difference } from '../../../lib/report/difference.ts';

const lines = (...texts: string[]) => texts.map(text => `${text}\n`).join('');

test('only changed lines with three around them, as diff -u; nothing when both are equal', () => {
  const before = lines('a', 'b', 'c', 'd', 'e', 'f', 'g', '', '');
  assert.is(difference(before, before, '/x'), '');
  assert.is(
    difference(before, before.replace('b', 'B'), '/x'),
    '--- /x on the server\n+++ /x from ops.yml\n@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e',
  );
  assert.match(difference('', lines('a'), '/x'), '@@ -0,0 +1,1 @@\n+a');
  assert.match(difference('a', lines('a'), '/x'), '-a\n\\ No newline at end of file\n+a');
});

test.run();
