// The app's clone: which commit a name means, whether others can find it, and its archive without the work tree.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { archiveOf, fileAt, hasCommit, resolveCommit, verifyIsClean, verifyIsShared } from '../../../lib/git/clone.ts';
import { failure } from '../../support/failing.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops-it's git-"));
const repo = join(folder, 'the clone');
const git = (...words: string[]) => {
  const made = spawnSync('git', ['-C', repo, '-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {
    encoding: 'utf8',
  });
  assert.is(made.status, 0, made.stderr);
  return made.stdout.trim();
};
spawnSync('git', ['init', '-q', '--bare', join(folder, 'origin.git')]);
spawnSync('git', ['init', '-q', '-b', 'main', repo]);
const commit = (text: string) => {
  writeFileSync(join(repo, 'page.txt'), text);
  git('add', '.');
  git('commit', '-q', '-m', text);
  return git('rev-parse', 'HEAD');
};
const pushed = commit('one');
git('tag', '-a', 'v1', '-m', 'first');
git('remote', 'add', 'origin', join(folder, 'origin.git'));
git('push', '-q', 'origin', 'main');
const unpushed = commit('two');

test('branches, tags, remote branches and short SHAs name a commit, annotated tags too', async () => {
  for (const name of ['v1', 'origin/main', pushed, pushed.slice(0, 8), 'main~1'])
    assert.is(await resolveCommit(repo, name), pushed);
  assert.is(await resolveCommit(repo, 'main'), unpushed);
});

test('a name that git does not know is refused with exit 2 and the nearest one', async () => {
  const refused = await failure(resolveCommit(repo, 'mian'));
  assert.is(refused.exit, 2);
  assert.is(refused.advice, 'did you mean main?');
  assert.is((await failure(resolveCommit(folder, 'main'))).exit, 3);
  assert.is((await failure(resolveCommit(join(folder, 'nowhere'), 'main'))).exit, 3);
});

test('a tree or a file is no commit', async () => {
  assert.is((await failure(resolveCommit(repo, 'main^{tree}'))).exit, 2);
  assert.is((await failure(resolveCommit(repo, 'main:page.txt'))).exit, 2);
});

test('a commit that is on no remote branch is refused, one that is pushed is not', async () => {
  await verifyIsShared(repo, pushed);
  const refused = await failure(verifyIsShared(repo, unpushed));
  assert.is(refused.exit, 1);
  assert.match(refused.advice ?? '', '--unpushed');
});

test('changes in the work tree are refused when its commit is meant, and never deployed', async () => {
  await verifyIsClean(repo, unpushed);
  writeFileSync(join(repo, 'page.txt'), 'changed');
  assert.match((await failure(verifyIsClean(repo, unpushed))).detail ?? '', 'page.txt');
  await verifyIsClean(repo, pushed);
  const listed = spawnSync('tar', ['-xzOf', '-', 'page.txt'], { input: await buffer(archiveOf(repo, unpushed)) });
  assert.is(listed.stdout.toString(), 'two');
});

test('an archive of a commit that is not there breaks instead of ending short', async () => {
  assert.is(await hasCommit(repo, pushed), true);
  assert.is(await hasCommit(repo, 'f'.repeat(40)), false);
  try {
    await buffer(archiveOf(repo, 'f'.repeat(40)));
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), 'git archive');
  }
});

test('a file is read as it was in the commit', async () => {
  assert.is(await fileAt(repo, pushed, 'page.txt'), 'one');
  assert.is((await failure(fileAt(repo, pushed, 'ops/compose.yml'))).exit, 3);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
