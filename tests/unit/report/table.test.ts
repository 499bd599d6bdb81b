// Tables and widths: columns stay aligned with any script, and no row is wider than its terminal.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { table } from '../../../lib/report/table.ts';
import { columns, cut, visible } from '../../../lib/report/safe-text.ts';

test('columns are aligned, also behind wide and painted text', () => {
  const text = table(
    [
      ['app', '\x1b[32mlive\x1b[39m', '1'],
      ['本屋', 'x', '2'],
      ['e\u0301', '🎉', '3'],
    ],
    80,
    ['name', 'state', 'n'],
  );
  assert.is(text, 'name  state  n\napp   \x1b[32mlive\x1b[39m   1\n本屋  x      2\ne\u0301     🎉     3');
});

test('a row wider than the terminal gives up letters of its widest cells only', () => {
  const text = table(
    [
      ['staging', 'x'.repeat(100), 'y'.repeat(30)],
      ['production', 'short', 'z'],
    ],
    40,
  );
  const [first, second] = text.split('\n');
  assert.is(columns(first ?? ''), 40);
  assert.match(first ?? '', /^staging {5}x+… {2}y+…$/);
  assert.match(second ?? '', /^production {2}short +z$/);
});

test('a table goes to a pipe uncut, and a cell never breaks its row', () => {
  assert.is(table([['x'.repeat(500)]], Infinity).length, 500);
  assert.is(table([['a\nb\tc\x1b[2Jd', 'e']], 80), 'a b cd  e');
  assert.is(table([], 80), '');
  assert.is(table([['a'], ['b', 'c']], 80), 'a\nb  c');
});

test('a cell of a million characters costs no time', () => {
  const started = performance.now();
  const text = table([['x'.repeat(1_000_000), 'y'.repeat(999_990), 'z']], 80);
  assert.is(columns(text), 80);
  assert.ok(performance.now() - started < 2000);
});

test('nor does one that is not ASCII take all memory', () => {
  for (const letter of ['本', '🎉', 'e\u0301']) {
    const text = table([[letter.repeat(300_000), 'x']], 80);
    assert.ok([79, 80].includes(columns(text)), `${columns(text)}`);
  }
});

test('any width is respected, however narrow', () => {
  for (let width = '… … …'.length + 2; width < 60; width++)
    for (const line of table(
      [
        ['abcdefgh', '本本本本本本', 'x'.repeat(40)],
        ['a', 'b', 'c'],
      ],
      width,
    ).split('\n'))
      assert.ok(columns(line) <= width, `${width}: ${line}`);
});

test('text is cut by columns, not by code units', () => {
  assert.equal(
    [cut('本屋本屋', 5), cut('abc', 3), cut('abcd', 3), cut('👩‍👩‍👧x', 2), cut('a', 0)],
    ['本屋…', 'abc', 'ab…', '…', ''],
  );
});

test('control characters are written out, colours and cursor movements dropped, text of all languages kept', () => {
  assert.is(visible('a\x1b[31mred\x1b[0m!\x07\x00\x7f'), 'ared!\\x07\\x00\\x7f');
  assert.is(visible('x\u202ey\u2028z\ufeff'), 'x\\u202ey\\u2028z\\ufeff');
  assert.is(visible('10%\r20%\r\nnext\r'), '10%\\x0d20%\nnext');
  const fine = 'Grüße\t本屋 🎉 👩‍👩‍👧 العربية\n';
  assert.is(visible(fine), fine);
});
test.run();
