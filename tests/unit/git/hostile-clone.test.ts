// A folder or a commit of somebody else as the app's clone: nothing in it says what runs on this machine, and no link in it
// leads a deploy out of the release.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { verifyTree } from '../../../lib/git/commit-tree.ts';
import { archiveOf, fileAt, resolveCommit, verifyIsClean, verifyIsShared } from '../../../lib/git/clone.ts';
import { failure } from '../../support/failing.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-somebody-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const canary = join(folder, 'canary');
/** Leaves a trace when anything starts it, and hands on what it is given. */
const program = join(folder, 'program');
writeFileSync(program, `#!/bin/sh\necho "$0 $*" >>'${canary}'\ncat\n`);
chmodSync(program, 0o755);

const git = (repo: string, ...words: string[]) =>
  execFileSync('git', ['-C', repo, '-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();

function clone(name: string, files: Record<string, string | { link: string }>): { repo: string; sha: string } {
  const repo = join(folder, name);
  mkdirSync(repo, { recursive: true });
  git(repo, 'init', '-q', '-b', 'main');
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(repo, path, '..'), { recursive: true });
    if (typeof content === 'string') writeFileSync(join(repo, path), content);
    else symlinkSync(content.link, join(repo, path));
  }
  git(repo, 'add', '-A', '-f');
  git(repo, 'commit', '-q', '-m', 'one');
  return { repo, sha: git(repo, 'rev-parse', 'HEAD') };
}

/** All that a plan and a deploy ask git for. */
async function everything(repo: string): Promise<Buffer> {
  const sha = await resolveCommit(repo, 'main');
  await verifyIsClean(repo, sha).catch(() => {});
  await verifyIsShared(repo, sha).catch(() => {});
  await fileAt(repo, sha, 'page.txt');
  await resolveCommit(repo, 'mian').catch(() => {});
  return buffer(archiveOf(repo, sha));
}

/** Each names the program for something that git may come to do. */
const settings = [
  ['core.fsmonitor', program],
  ['core.pager', program],
  ['core.editor', program],
  ['core.sshCommand', program],
  ['core.askPass', program],
  ['core.alternateRefsCommand', program],
  ['filter.mine.clean', program],
  ['filter.mine.smudge', program],
  ['filter.mine.process', program],
  ['filter.Other.clean', `${program} %f`],
  ['filter.Other.required', 'true'],
  ['filter.lfs.smudge', `${program} -- %f`],
  ['diff.external', program],
  ['diff.mine.textconv', program],
  ['diff.mine.command', program],
  ['tar.tar.command', program],
  ['tar.tar.gz.command', program],
  ['tar.gz.command', program],
  ['gpg.program', program],
  ['gpg.ssh.program', program],
  ['log.showSignature', 'true'],
  ['credential.helper', program],
  ['alias.status', `!${program}`],
  ['alias.archive', `!${program}`],
  ['pager.status', program],
  ['uploadpack.packObjectsHook', program],
] as const;

test('settings that a clone brings along start nothing, in its own file, in one of its tree and in that of a worktree', async () => {
  const { repo } = clone('settings', { 'page.txt': 'one $Format:%G?$\n', 'tree.config': '', '.githooks/x': '' });
  writeFileSync(join(repo, 'tree.config'), '');
  for (const [key, value] of settings) {
    git(repo, 'config', '--file', join(repo, 'tree.config'), key, value);
    git(repo, 'config', key, value);
  }
  git(repo, 'config', 'include.path', '../tree.config');
  const hooks = ['post-index-change', 'post-checkout', 'reference-transaction', 'pre-auto-gc'];
  for (const place of [join(repo, '.git/hooks'), join(repo, '.githooks')])
    for (const hook of hooks) {
      mkdirSync(place, { recursive: true });
      cpSync(program, join(place, hook));
    }
  git(repo, 'config', 'core.hooksPath', '.githooks');
  rmSync(canary, { force: true });
  // unlike with the last commit, so that the contents have to be compared
  writeFileSync(join(repo, '.git/info/attributes'), '* filter=mine diff=mine\n*.txt filter=Other\n');
  appendFileSync(join(repo, 'page.txt'), '');
  chmodSync(join(repo, 'page.txt'), 0o600);
  writeFileSync(join(repo, 'page.txt'), 'two $Format:%G?$\n');

  const packed = await everything(repo);
  assert.is(existsSync(canary), false);
  const listed = execFileSync('tar', ['-xzOf', '-', 'page.txt'], { input: packed, encoding: 'utf8' });
  assert.is(listed, 'one $Format:%G?$\n');

  // the same are seen to start it when git is called as everybody does
  for (const words of [['status'], ['archive', '--format=tar.gz', '-o', '/dev/null', 'main']]) {
    rmSync(canary, { force: true });
    try {
      git(repo, ...words);
    } catch {
      // what the program answers is not what git wants to hear
    }
    assert.ok(existsSync(canary), words.join(' '));
  }
});

test('a filter that only the clone names is said, when the commit wants it; git-lfs of this machine is none', async () => {
  const { repo, sha } = clone('filtered', { 'page.txt': 'one\n', '.gitattributes': '*.png filter=crypt -text\n' });
  await verifyTree(repo, sha, []);
  const second = clone('filtered-too', { 'page.txt': 'one\n', '.gitattributes': '*.png filter=crypt -text\n' });
  git(second.repo, 'config', 'filter.crypt.smudge', program);
  const refused = await failure(verifyTree(second.repo, second.sha, []));
  assert.is(refused.exit, 3);
  assert.match(refused.message, 'the filter crypt');
  const third = clone('filtered-lfs', { 'page.txt': 'one\n', '.gitattributes': '*.png filter=lfs -text\n' });
  git(third.repo, 'config', 'filter.lfs.smudge', 'git-lfs smudge -- %f');
  git(third.repo, 'config', 'filter.lfs.process', 'git-lfs filter-process');
  await verifyTree(third.repo, third.sha, []);
});

test('a folder that somebody committed is no clone, however much it looks like a repository', async () => {
  const inner = clone('inner', { 'page.txt': 'one\n' });
  git(inner.repo, 'config', 'core.fsmonitor', program);
  const { repo } = clone('outer', { 'ops.yml': '', 'vendor/app/HEAD': 'ref: refs/heads/main\n' });
  rmSync(join(repo, 'vendor'), { recursive: true });
  cpSync(join(inner.repo, '.git'), join(repo, 'vendor/app'), { recursive: true });
  git(repo, 'add', '-A', '-f');
  git(repo, 'commit', '-q', '-m', 'a repository as files');
  rmSync(canary, { force: true });
  // also when only part of it is, and from below
  cpSync(join(repo, 'vendor/app'), join(repo, 'vendor/deep/er'), { recursive: true });
  git(repo, 'add', '-f', 'vendor/deep/er/HEAD');
  for (const place of ['vendor/app', 'vendor/deep/er', 'vendor', 'vendor/app/refs', '.git/hooks']) {
    const refused = await failure(resolveCommit(join(repo, place), 'main'));
    assert.is(refused.exit, 3, place);
  }
  symlinkSync('vendor/app', join(repo, 'link'));
  assert.is((await failure(resolveCommit(join(repo, 'link'), 'main'))).exit, 3);
  // a copy that brought its .git along, which git itself would never write
  cpSync(inner.repo, join(repo, 'copied'), { recursive: true });
  git(
    repo,
    'update-index',
    '--add',
    '--cacheinfo',
    `100644,${git(repo, 'hash-object', '-w', 'ops.yml')},copied/page.txt`,
  );
  assert.is((await failure(resolveCommit(join(repo, 'copied'), 'main'))).exit, 3);
  assert.is(existsSync(canary), false);
});

test('what is somebody’s own goes on working: worktrees, bare clones, submodules, nested clones, links to a clone', async () => {
  const { repo, sha } = clone('own', {
    'page.txt': 'one\n',
    'long.txt': 'x'.repeat(200_000),
    '.gitattributes': 'no.txt export-ignore\nv.txt export-subst\n',
    'no.txt': '',
    'v.txt': '$Format:%H$',
  });
  git(repo, 'worktree', 'add', '-q', join(folder, 'own-tree'));
  git(folder, 'clone', '-q', '--bare', repo, join(folder, 'own.git'));
  const { repo: outer } = clone('around', { 'page.txt': 'one\n' });
  git(outer, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', repo, 'parts/own');
  git(outer, 'commit', '-q', '-m', 'with a part');
  git(outer, 'clone', '-q', repo, join(outer, 'nested'));
  symlinkSync(repo, join(folder, 'a link'));
  mkdirSync(join(folder, 'hidden'));
  git(folder, 'clone', '-q', '--bare', repo, join(folder, 'hidden/.bare'));
  writeFileSync(join(folder, 'hidden/.git'), 'gitdir: ./.bare\n');
  for (const place of ['own', 'own-tree', 'own.git', 'around/parts/own', 'around/nested', 'a link', 'hidden']) {
    const clonePlace = join(folder, place);
    assert.is(await resolveCommit(clonePlace, 'main'), sha, place);
    await verifyIsClean(clonePlace, sha);
    const packed = await buffer(archiveOf(clonePlace, sha));
    assert.equal(
      execFileSync('tar', ['-tzf', '-'], { input: packed, encoding: 'utf8' }).trim().split('\n'),
      ['.gitattributes', 'long.txt', 'page.txt', 'v.txt'],
      place,
    );
    assert.is(execFileSync('tar', ['-xzOf', '-', 'v.txt'], { input: packed, encoding: 'utf8' }), sha);
  }
  // by the environment another repository would be meant
  process.env.GIT_DIR = join(outer, '.git');
  process.env.GIT_CONFIG_COUNT = '1';
  process.env.GIT_CONFIG_KEY_0 = 'core.fsmonitor';
  process.env.GIT_CONFIG_VALUE_0 = program;
  assert.is(await resolveCommit(join(folder, 'own'), 'main', process.env), sha);
  for (const name of ['GIT_DIR', 'GIT_CONFIG_COUNT', 'GIT_CONFIG_KEY_0', 'GIT_CONFIG_VALUE_0'])
    delete process.env[name];
});

const inside = 'stays in the release';
for (const [name, links, shared, verdict] of [
  ['absolute', { pics: '/srv/x' }, ['pics/a'], 'pics'],
  ['relative', { storage: '../../shared/storage' }, ['storage/uploads'], 'storage'],
  ['two links', { a: 'b', b: '../out' }, ['a/x'], 'b'],
  ['deeper', { 'app/public': '../../up' }, ['app/public/uploads/new'], 'app/public'],
  ['up and back in by name', { a: '../release/b' }, ['a/x'], 'a'],
  ['a loop', { a: 'b', b: 'a' }, ['a/x'], 'a'],
  ['through a folder', { 'a/b': '../..' }, ['a/b/c'], 'a/b'],
  ['REVISION', { REVISION: '../../shared/victim' }, [], 'REVISION'],
  ['REVISION, absolute', { REVISION: '/etc/hostname' }, [], 'REVISION'],
  ['the place itself, which is only replaced', { pics: '/srv/x' }, ['pics'], inside],
  ['a link within', { 'app/public': '../public', 'public/x': 'y' }, ['app/public/uploads'], inside],
  ['REVISION within', { REVISION: 'VERSION' }, ['data'], inside],
  ['others lead anywhere', { 'current.log': '/var/log/app' }, ['data/x'], inside],
] as const)
  test(`a commit with links: ${name}`, async () => {
    const files = Object.fromEntries(Object.entries(links).map(([path, link]) => [path, { link }]));
    const { repo, sha } = clone(`links ${name}`, { 'page.txt': 'one\n', ...files });
    if (verdict === inside) return verifyTree(repo, sha, shared);
    const refused = await failure(verifyTree(repo, sha, shared));
    assert.is(refused.exit, 3);
    assert.match(refused.message, verdict);
  });

test('a tree with names that git itself refuses', async () => {
  const { repo } = clone('names', { 'page.txt': 'one\n' });
  const id = git(repo, 'hash-object', '-w', 'page.txt');
  const tree = (entries: [string, string, string][]) =>
    execFileSync('git', ['-C', repo, 'hash-object', '-t', 'tree', '-w', '--stdin', '--literally'], {
      input: Buffer.concat(
        entries.map(([mode, name, of]) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(of, 'hex')])),
      ),
      encoding: 'utf8',
    }).trim();
  const commit = (of: string) => git(repo, 'commit-tree', '-m', 'odd', of);
  const sub = tree([['100644', 'x', id]]);
  for (const odd of [
    tree([['40000', '..', sub]]),
    tree([['40000', '.GIT', sub]]),
    tree([
      ['120000', 'a', id],
      ['40000', 'a', sub],
    ]),
  ])
    assert.is((await failure(verifyTree(repo, commit(odd), []))).exit, 3);
});
test.run();
