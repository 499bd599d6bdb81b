// tasks/check-chapters.ts as an author runs it, and as CI does.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'bookops-chapters-'));
test.after(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string | Buffer) => {
  mkdirSync(join(folder, 'content/images'), { recursive: true });
  writeFileSync(join(folder, 'content', name), text);
};
const read = (name: string) => readFileSync(join(folder, 'content', name), 'utf8');

function check(...words: string[]) {
  const program = ['--import', import.meta.resolve('tsx'), join(root, 'tasks/check-chapters.ts'), ...words];
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  return spawnSync('node', program, { cwd: folder, encoding: 'utf8', env });
}

const river = '---\ntitle: The River\n---\n# The River\n\nIt began in\n1984. *It **ended**.*\n';
const asked = river.replace('1984.', '1984\\.').replace('*It **ended**.*', '_It **ended**._');

test('what would be shown differently is told by line and column, with exit 1, and nothing is written', () => {
  write('01-the-river.md', river);
  write('notes.txt', '1984. is not a chapter');
  const { status, stdout, stderr } = check('content');
  assert.is(status, 1, stderr);
  assert.match(stdout, 'content/01-the-river.md:7:1 number-at-start Writebook takes a number');
  assert.match(stdout, 'content/01-the-river.md:7:7 emphasis ');
  assert.match(stdout, '2 findings in 1 chapter; 2 of them can be rewritten: --fix');
  assert.is(read('01-the-river.md'), river);
});

test('--plan shows the change, --fix makes it', () => {
  const plan = check('content', '--fix', '--plan');
  assert.is(plan.status, 1);
  assert.match(plan.stdout, '-1984. *It **ended**.*\n+1984\\. _It **ended**._');
  assert.is(read('01-the-river.md'), river);
  chmodSync(join(folder, 'content/01-the-river.md'), 0o640);
  const { status, stdout } = check('content', '--fix');
  assert.is(status, 0);
  assert.match(stdout, 'nothing is shown differently in 1 chapter; 2 were rewritten in 1 of them');
  assert.is(read('01-the-river.md'), asked);
  assert.is(statSync(join(folder, 'content/01-the-river.md')).mode & 0o777, 0o640);
  assert.equal(readdirSync(join(folder, 'content')).toSorted(), ['01-the-river.md', 'images', 'notes.txt']);
});

test('front matter and files that are not there are told too, for programs as one object', () => {
  write('02-the-bridge.md', '---\ntitle: B\ntags: x\n---\n![a](images/no.png) [b](01-the-river.md#x) [c](03-no.md)\n');
  write('03-part.md', '---\ntitle: Part\nclass: Section\n---\n1984. stays as it is\n');
  const { status, stdout } = check('content', '--json');
  assert.is(status, 1);
  const { chapters, findings, rewritten } = JSON.parse(stdout);
  assert.equal([chapters, rewritten], [3, []]);
  const told = findings.map(({ file, line, column, code }: Record<string, unknown>) => [file, line, column, code]);
  assert.equal(told, [
    ['content/02-the-bridge.md', 3, 1, 'front-matter'],
    ['content/02-the-bridge.md', 5, 1, 'image-missing'],
    ['content/02-the-bridge.md', 5, 44, 'chapter-missing'],
  ]);
});

test('nothing outside of the folder is read or written, and no text reaches the terminal as a command', () => {
  const outside = join(folder, 'outside.md');
  writeFileSync(outside, river);
  symlinkSync(outside, join(folder, 'content/04-link.md'));
  write('05-hostile.md', '[^1]: \u001b[31m$(id) `id` #{1}\n\n\u001b]0;title\u0007 x[^1]\n');
  const { stdout } = check('content', '--fix');
  assert.is(readFileSync(outside, 'utf8'), river);
  assert.not.match(stdout, /\u001b|\u0007/);
});

test('a wrong call and a file that is not UTF-8 are refused before anything is written', () => {
  assert.is(check('nowhere').status, 2);
  assert.is(check('content', '--plan').status, 2);
  write('06-latin.md', Buffer.from([0xe9, 0x0a]));
  write('07-open.md', river);
  const { status, stderr } = check('content', '--fix');
  assert.is(status, 3);
  assert.match(stderr, '06-latin.md is not UTF-8');
  assert.is(read('07-open.md'), river);
});

test.run();
