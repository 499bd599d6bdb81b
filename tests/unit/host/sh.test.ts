// Every value becomes exactly one word of shell text, whatever it contains, in bash and in dash.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { all, lines, quote, script, sh, written } from '../../../lib/host/sh.ts';
import { Secret } from '../../../lib/secret.ts';
import { hostile, seeded } from '../../support/faults/hostile.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-sh-'));
const canary = join(folder, 'PWNED');
const shells = ['bash', 'dash', 'sh'].filter(name => spawnSync('which', [name]).status === 0);

/** What a shell makes of a script that prints NUL-ended words. */
function printed(shell: string, text: string): string[] {
  const out = execFileSync(shell, ['-s'], { input: text, cwd: folder, maxBuffer: 1e9 });
  return out.toString().split('\0').slice(0, -1);
}

const awkward = ['two words', "it's", '"', '$(id -u)', '`id`', 'a;b', '*', '?', '[a]', '-n', '--', '~', '~root', 'line\nbreak', '\n', 'ends\n', '“ü”', '\\', "\\'", '!', '#no', 'a=b', '=b', '{a,b}', ' ', '\t', '\r', '0', '%s', '$HOME', '>x', '&', '日本', '\x01', '\u2028', "'''", `'"'"'`]; // prettier-ignore

test('awkward values arrive intact, one by one and as a list, in every shell', () => {
  assert.ok(shells.includes('bash') && shells.includes('dash'), 'both shells are needed here');
  for (const shell of shells) {
    assert.equal(printed(shell, sh`printf '%s\\0' ${awkward}`.text), awkward);
    for (const one of awkward) assert.equal(printed(shell, sh`printf '%s\\0' ${one}`.text), [one]);
  }
});

test('10,000 generated values arrive intact and run nothing', () => {
  const random = seeded(20261120);
  const values = Array.from({ length: 10_000 }, () => hostile(random, canary));
  for (const shell of shells.slice(0, 2)) {
    const seen = printed(shell, lines(...values.map(value => sh`printf '%s\\0' ${value}`)).text);
    assert.is(seen.length, values.length);
    for (const [index, value] of values.entries())
      if (seen[index] !== value)
        assert.unreachable(`${shell} made ${JSON.stringify(seen[index])} of ${JSON.stringify(value)}`);
  }
  assert.not(existsSync(canary));
});

test('a value never becomes an option, an assignment or a command by itself', () => {
  assert.equal(printed('bash', sh`x=1; printf '%s\\0' ${'PATH=/x'} "$x"`.text), ['PATH=/x', '1']);
  assert.is(quote('PATH=/x'), 'PATH=/x'); // a word after the first: no assignment
  assert.is(spawnSync('bash', ['-c', sh`${'x=$(touch PWNED)'}`.text], { cwd: folder }).status, 127);
  assert.is(spawnSync('bash', ['-c', sh`${'=x'}`.text], { cwd: folder }).status, 127);
  assert.not(existsSync(canary));
});

test('numbers are words, a command within a command is spliced as it is', () => {
  assert.is(sh`sleep ${0.5}`.text, 'sleep 0.5');
  assert.is(sh`sudo ${sh`rm ${'a b'}`}`.text, "sudo rm 'a b'");
  assert.is(sh`bash -c ${sh`rm ${"it's"}`.text}`.text, `bash -c 'rm '\\''it'\\''\\'\\'''\\''s'\\'''`);
  assert.equal(printed('bash', sh`bash -c ${sh`printf '%s\\0' ${"it's"}`.text}`.text), ["it's"]);
});

test('joined commands stand on lines of their own, or only run when those before did well', () => {
  assert.is(lines(sh`a`, undefined, false, sh`b`).text, 'a\nb');
  assert.is(spawnSync('bash', ['-c', all(sh`true`, sh`false`, sh`touch ${canary}`).text]).status, 1);
  assert.not(existsSync(canary));
});

test('an empty, missing, odd or secret value throws before any shell sees it', () => {
  const bad = (value: unknown) => {
    try {
      void sh`rm -rf ${value as string}/cache`;
    } catch (error) {
      assert.instance(error, TypeError);
      return (error as Error).message;
    }
    throw new Error(`${String(value)} was taken`);
  };
  for (const value of [
    '',
    undefined,
    null,
    true,
    {},
    Symbol('x'),
    5n,
    'a\0b',
    'half \ud83d',
    [''],
    [undefined],
    [['a']],
    new Secret('top'),
    [new Secret('top')],
  ]) {
    const message = bad(value);
    assert.not.match(message, 'top');
  }
  assert.throws(() => written(' \n'), TypeError);
  assert.throws(() => written('a\0'), TypeError);
  assert.is(script('x').text, 'x');
});

test('NaN and Infinity are no numbers of a command', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => quote(value), TypeError);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
