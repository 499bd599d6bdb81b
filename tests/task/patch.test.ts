// tasks/patch.ts as a person runs it: patches made, made again, applied, opened to be changed, and what no patch can hold.
import { chmodSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ended } from '../support/sites/look.ts';
import { bytesIn, layout, makeClone, makePatched, styles, text } from '../support/upstream/upstream.ts';

const all = makePatched();
const { site, own, first, scratch, temporary } = all;
test.after(() => all.remove());
const patch = (...words: string[]) => site.task('patch', ...words, '--env', 'staging');
const folder = join(own.folder, 'patches/book');

/** Messages that mail programs and editors of git are known to change. */
const messages = [
  '[css] [view] A wider page\n\n# a line that looks like a comment\n\nSigned-off-by: Ana <ana@books.test>\n',
  '# the subject itself begins with it\n\n-- >8 --\nbelow the scissors\n# ------------------------ >8 ------------------------\nand these\n',
  'Re: [PATCH 3/4] ünïcode 中文 “subject”\n\n--\nsig\n>From here\n',
  'A subject\nof two lines\n\nbody\n\nCo-authored-by: Bo <bo@books.test>\nFixes: #12\n',
];

test('a pin comes first: without it, nothing is guessed', async () => {
  const said = ended(await patch('check'), 3);
  assert.match(said.stderr, 'patches/book/upstream-commit is not in');
  assert.match(said.stderr, 'patch.ts make --base');
  assert.match(ended(await patch('make', '--base', 'v9'), 2).stderr, 'has no branch or tag called "v9"');
  const made = ended(await patch('make', '--base', 'v1.0'), 0);
  assert.match(made.stdout, `patches/book/: 0 patches on ${first.slice(0, 7)}\n  ~ upstream-commit\n`);
  assert.is(readFileSync(join(folder, 'upstream-commit'), 'utf8'), `${first}\n`);
});

test('what is opened, changed and made comes back as the same commits; made again, nothing is written', async () => {
  const clone = join(scratch, 'opened');
  ended(await patch('open', clone), 0);
  const work = makeClone(clone, scratch);
  assert.is(work.git('remote', '-v').split('\n')[0], `upstream\t${all.bare} (fetch)`);
  assert.not(existsSync(join(clone, '.git/objects/info/alternates')), 'it is a clone of its own');
  renameSync(join(clone, 'app/old-name.css'), join(clone, 'app/new-name.css'));
  work.commit(messages[0] ?? '', { 'app/styles.css': styles.replace('margin: 0', 'margin: auto') });
  work.commit(messages[1] ?? '', { 'app/dos.txt': 'one\r\nzwei\r\nthree\nfour\r\n' });
  chmodSync(join(clone, 'app/layout.html.erb'), 0o755);
  work.commit(messages[2] ?? '', { 'app/cover.png': Buffer.from([0x89, 0x50, 0, 9, 9, 200]) });
  work.commit(messages[3] ?? '', { start: undefined, 'latin.txt': Buffer.from('caf\xe9 <>\n', 'latin1') });

  const plan = ended(await patch('make', '--clone', clone, '--plan'), 0);
  assert.match(plan.stdout, '4 patches on');
  assert.equal(readdirSync(folder), ['upstream-commit']);
  const made = ended(await patch('make', '--clone', clone, '--json'), 0);
  assert.equal((made.json['written'] as string[]).length, 4);
  const before = bytesIn(folder);
  assert.equal(Object.keys(before).toSorted()[0], '0001-css-view-A-wider-page.patch');
  assert.not.match(Object.values(before).join(''), /^-- \n2\.\d+/m, 'the version of git is not in it');
  assert.match(ended(await patch('make', '--clone', clone), 0).stdout, 'already: nothing to do');

  // the settings of a person change no byte
  writeFileSync(
    join(site.home, '.gitconfig'),
    '[format]\n\tsubjectPrefix = X\n\tsignature = me\n\tattach = b\n\tsignOff = true\n[diff]\n\tnoprefix = true\n\trenames = false\n\tcontext = 9\n[core]\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n\tcleanup = scissors\n[merge]\n\tconflictStyle = diff3\n',
  );
  assert.match(ended(await patch('make', '--clone', clone), 0).stdout, 'already: nothing to do');
  const checked = ended(await patch('check', '--json'), 0);
  assert.equal(checked.json['unstable'], []);
  const sum = execFileSync('bash', ['-c', 'LC_ALL=C; sha256sum *.patch | sha256sum'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.is(checked.json['sha256'], sum.slice(0, 64), 'plain tools give the same hash');

  // opened again, they are the same commits but for who committed them, and give the same files
  const again = join(scratch, 'opened-again');
  ended(await patch('open', again), 0);
  const other = makeClone(again, scratch);
  const seen = ({ git }: typeof work) => git('log', '--format=%T %an %ae %ad%n%B', `${first}..HEAD`);
  assert.is(seen(other), seen(work));
  assert.is(seen(work).split('# a line that looks like a comment').length, 2);
  ended(await patch('make', '--clone', again), 0);
  assert.equal(bytesIn(folder), before);
  assert.equal(readdirSync(temporary), []);
});

test('a branch of the repository itself will do, and patches that are gone from it are removed', async () => {
  own.git('fetch', '--quiet', join(scratch, 'opened'), 'patches:work');
  own.git('branch', '--force', 'work', 'work~2');
  const said = ended(await patch('make', '--from', 'work', '--json'), 0);
  assert.is((said.json['removed'] as string[]).length, 2);
  assert.is(readdirSync(folder).length, 3);
});

test('what no patch can hold is refused, with the commit and the line', async () => {
  const clone = join(scratch, 'opened');
  const work = makeClone(clone, scratch);
  const start = work.git('rev-parse', 'HEAD');
  const refused = async (expected: RegExp | string) => {
    const before = bytesIn(folder);
    assert.match(ended(await patch('make', '--clone', clone), 1).stderr, expected);
    assert.equal(bytesIn(folder), before);
    work.git('reset', '--quiet', '--hard', start);
  };
  work.commit('Cut\n\nabove\n---\nbelow\n', { x: '1' });
  await refused('would not survive as a patch: "---"');
  work.commit('Cut\n\nIndex: of the book\n', { x: '1' });
  await refused('would not survive as a patch: "Index: of the book"');
  work.commit('Nothing');
  await refused('changes nothing, and a patch cannot hold that');
  work.git('checkout', '--quiet', '-b', 'side', `${start}~1`);
  work.commit('Side', { y: '1' });
  work.git('checkout', '--quiet', 'patches');
  work.git('merge', '--quiet', '--no-edit', 'side');
  await refused('is a merge, and a patch cannot hold one');
  work.git('checkout', '--quiet', '--orphan', 'elsewhere');
  work.commit('Elsewhere', { z: '1' });
  assert.match(ended(await patch('make', '--clone', clone), 1).stderr, 'does not begin at');
});

test('a patch that does not apply is told with the file and the line; one that leads out of the tree is not applied', async () => {
  const [name = ''] = readdirSync(folder).filter(one => one.endsWith('.patch'));
  const good = readFileSync(join(folder, name), 'latin1');
  writeFileSync(join(folder, name), good.replace('-  margin: 0;', '-  margin: 1px;'), 'latin1');
  const said = ended(await patch('check'), 1);
  assert.match(said.stderr, `${name} does not apply to ${first.slice(0, 7)}`);
  assert.match(said.stderr, 'patch failed: app/styles.css:');
  for (const path of ['../../outside', '.git/hooks/pre-commit']) {
    writeFileSync(
      join(folder, name),
      text('From 0 Mon Sep 17 00:00:00 2001', 'From: A <a@b>', 'Date: Fri, 20 Nov 2026 12:00:00 +0000', 'Subject: x', '', `diff --git a/${path} b/${path}`, 'new file mode 100644', 'index 0000000000000000000000000000000000000000..587be6b4c3f93f93c489c0111bba5596147a26cb', '--- /dev/null', `+++ b/${path}`, '@@ -0,0 +1 @@', '+x'), // prettier-ignore
    );
    assert.match(ended(await patch('check'), 1).stderr, /invalid path|does not apply/);
  }
  writeFileSync(join(folder, name), good, 'latin1');
  ended(await patch('check'), 0);
  assert.equal(readdirSync(temporary), []);
  assert.ok(layout);
});

test.run();
