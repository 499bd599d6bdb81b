// tasks/upstream-sync.ts as a person runs it, against repositories on this machine and a stand-in for GitHub.
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startGitHub } from '../support/github/github.ts';
import { ended } from '../support/sites/look.ts';
import { layout, makeClone, makePatched, styles, text } from '../support/upstream/upstream.ts';

const token = `canary-${process.pid}-of-github`;
const github = await startGitHub(token);
const all = makePatched(
  [
    'pull_request:',
    '  token: { env: GH_TOKEN }',
    `  url: ${github.url}`,
    'files: { app/custom.css: brand/custom.css }',
  ],
  { GH_TOKEN: token },
);
const { site, own, upstream, scratch, temporary, first } = all;
test.after(() => {
  github.close();
  all.remove();
});
// as a person has it whose clone came from GitHub; the files are here
own.git('remote', 'set-url', 'origin', 'https://github.com/ana/book.git');
own.git('config', `url.${all.origin}.insteadOf`, 'https://github.com/ana/book.git');

const sync = (...words: string[]) => site.task('upstream-sync', '--env', 'staging', '--no-build', ...words);
const origin = makeClone(all.origin, scratch);
const pushed = () => origin.git('rev-parse', '--verify', '--quiet', 'refs/heads/upstream-sync');
const push = (...words: string[]) => upstream.git('push', '--quiet', ...words, 'origin', 'main');
const refsOf = () => own.git('for-each-ref', 'refs/heads', 'refs/remotes', 'refs/tags');
const worktree = join(scratch, 'branch');

/** Three patches: a line of the styles, a renamed file, the layout. */
async function patched(): Promise<void> {
  ended(await site.task('patch', 'make', '--env', 'staging', '--base', 'v1.0'), 0);
  const folder = join(scratch, 'opened');
  ended(await site.task('patch', 'open', folder, '--env', 'staging'), 0);
  const work = makeClone(folder, scratch);
  work.commit('[css] Auto margins\n\n# not a comment\n\nSigned-off-by: A <a@b>\n', { 'app/styles.css': styles.replace('margin: 0', 'margin: auto') }); // prettier-ignore
  renameSync(join(folder, 'app/old-name.css'), join(folder, 'app/new-name.css'));
  work.commit('[css] A better name', { 'app/dos.txt': 'one\r\nzwei\r\nthree\r\n' });
  work.commit('[view] Analytics', { 'app/layout.html.erb': layout.replace('</head>', '  <%= render "analytics" %>\n</head>'), 'app/cover.png': Buffer.from([0x89, 0x50, 0, 7, 7]) }); // prettier-ignore
  ended(await site.task('patch', 'make', '--env', 'staging', '--clone', folder), 0);
  own.commit('Patches');
  own.git('push', '--quiet', 'origin', 'main');
}

test('nothing new', async () => {
  await patched();
  const before = refsOf();
  const said = ended(await sync('--json'), 0);
  assert.equal([said.json['isNew'], said.json['pushed'], github.requests.length], [false, false, 0]);
  assert.is(refsOf(), before);
});

const hostile = 'Fixes #12 closes GH-3 @ana \u001b[31m](http://x) ```` <img> https://github.com/a/b/issues/1';

test('what is new is listed, applied and pushed as one branch with one pull request; again, nothing is done', async () => {
  upstream.commit(hostile, { 'app/styles.css': styles.replace('ink: black', 'ink: navy') });
  upstream.commit('Third', {
    'app/old-name.css': text('A', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    'db/migrate/20261120_add.rb': 'x',
    'Gemfile.lock': text('GEM', '  specs:', '    rails (8.0.2)', '    puma (6.5)', '      nested (1.1)'),
  });
  upstream.git('tag', '--annotate', 'v1.1', '--message', 'What is new\n\nEverything, @ana');
  push();
  upstream.git('push', '--quiet', 'origin', 'v1.1');
  const tip = upstream.git('rev-parse', 'HEAD');

  const before = refsOf();
  const plan = ended(await sync('--plan'), 0);
  assert.match(plan.stdout, `Upstream sync: book ${first.slice(0, 7)} → ${tip.slice(0, 7)}\n1 migration\n`);
  assert.match(plan.stdout, 'would push upstream-sync');
  assert.not.match(plan.stdout, '\u001b');
  assert.not.ok(origin.git('for-each-ref', 'refs/heads/upstream-sync'));
  assert.equal(
    github.calls.filter(call => !call.startsWith('GET')),
    [],
  );

  const done = ended(await sync('--json'), 0);
  assert.equal(github.faults, []);
  assert.is(done.json['pushed'], true);
  const news = done.json['news'] as { bumps: unknown[]; tags: { name: string }[]; migrations: string[] };
  assert.equal(news.bumps, [
    { file: 'Gemfile.lock', name: 'puma', to: '6.5' },
    { file: 'Gemfile.lock', name: 'rails', from: '8.0.1', to: '8.0.2' },
    { file: 'Gemfile.lock', name: 'rake', from: '13.0' },
  ]);
  assert.equal([news.tags.map(({ name }) => name), news.migrations], [['v1.1'], ['db/migrate/20261120_add.rb']]);
  const sha = pushed();
  assert.is(sha, done.json['commit']);
  assert.is(origin.git('rev-parse', 'upstream-sync~'), origin.git('rev-parse', 'main'));
  const message = origin.git('log', '-1', '--format=%B', 'upstream-sync');
  assert.is(message, `Upstream sync: ${first.slice(0, 7)} to ${tip.slice(0, 7)}\n\nUpstream-Commit: ${tip}`);
  assert.is(origin.git('show', 'upstream-sync:patches/book/upstream-commit'), tip);
  assert.match(origin.git('show', 'upstream-sync:patches/book/0001-css-Auto-margins.patch'), /Subject: \[css\] Auto margins\n\n# not a comment\n\nSigned-off-by: A <a@b>\n/); // prettier-ignore
  assert.equal(origin.git('diff', '--name-only', 'main', 'upstream-sync').split('\n').filter(path => !path.startsWith('patches/book/')), []); // prettier-ignore
  assert.is(refsOf(), before, 'the clone has no branch of it');
  assert.equal(readdirSync(temporary), []);

  const [request] = github.requests;
  assert.is(github.requests.length, 1);
  assert.is(request?.title, `Upstream sync: book ${first.slice(0, 7)} → ${tip.slice(0, 7)}`);
  const body = request?.body ?? '';
  const [, fence = ''] = /\n(`{5,})text\n(?:[^]*?)Fixes #/.exec(body) ?? [];
  assert.ok(fence, 'the fence is longer than the backticks in it');
  assert.match(body, 'Fixes #\u200b12 closes GH-\u200b3 @\u200bana ');
  assert.match(body, 'https:\u200b//github.com/a/b/issues/1');
  assert.not.match(body, '\u001b');
  assert.not.match(body, /#\d|@ana/);

  // the patches of the branch apply to the new commit, and the rename followed upstream's change
  own.git('worktree', 'add', '--quiet', '--detach', worktree, await fetched(sha));
  mkdirSync(join(scratch, 'elsewhere'));
  const told = [await sync('--json'), await sync('--json')].map(said => ended(said, 0).json);
  assert.equal(told.map(one => [one['pushed'], (one['pullRequest'] as { outcome: string }).outcome]), [[false, 'up to date'], [false, 'up to date']]); // prettier-ignore
  assert.is(pushed(), sha);
  assert.equal(
    github.calls.filter(call => !call.startsWith('GET')),
    ['POST /repos/ana/book/pulls'],
  );
  assert.not.match(done.stdout + done.stderr + plan.stderr, token);
});

async function fetched(sha: string): Promise<string> {
  own.git('fetch', '--quiet', 'origin', 'upstream-sync');
  return sha;
}

test('the branch of the sync is what a check takes, and the rename has followed upstream’s change', async () => {
  own.git('worktree', 'remove', '--force', worktree);
  own.git('checkout', '--quiet', '--detach', pushed());
  ended(await site.task('patch', 'check', '--env', 'staging'), 0);
  const folder = join(scratch, 'synced');
  ended(await site.task('patch', 'open', folder, '--env', 'staging'), 0);
  assert.is(readFileSync(join(folder, 'app/new-name.css'), 'utf8').slice(0, 2), 'A\n');
  assert.is(readFileSync(join(folder, 'app/dos.txt'), 'utf8'), 'one\r\nzwei\r\nthree\r\n');
  own.git('checkout', '--quiet', 'main');
});

test('more of upstream updates the branch and the same pull request', async () => {
  upstream.commit('Fourth', { new: '1' });
  push();
  const said = ended(await sync('--json'), 0);
  assert.equal([said.json['pushed'], (said.json['pullRequest'] as { outcome: string }).outcome], [true, 'updated']);
  assert.is(github.requests.length, 1);
  assert.match(github.requests[0]?.title ?? '', upstream.git('rev-parse', '--short=7', 'HEAD'));
});

test('GitHub’s refusals are told with what to do, and the next run makes good what is missing', async () => {
  upstream.commit('Fifth', { new: '2' });
  push();
  github.fail('PATCH', 403);
  const said = ended(await sync(), 1);
  assert.match(said.stderr, 'GitHub did not change pull request 7 in ana/book (status 403)');
  assert.match(said.stderr, 'pull-requests: write');
  const next = ended(await sync('--json'), 0);
  assert.equal([next.json['pushed'], (next.json['pullRequest'] as { outcome: string }).outcome], [false, 'updated']);
  site.rewrite(ops => ops.replace('GH_TOKEN', 'HOME'));
  assert.match(ended(await sync(), 3).stderr, 'GitHub does not accept the token for ana/book');
  site.rewrite(ops => ops.replace('env: HOME', 'env: GH_TOKEN'));
  // closed by a person without merging it: it stays closed until there is something new
  Object.assign(github.requests[0] ?? {}, { state: 'closed' });
  assert.match(ended(await sync(), 0).stdout, 'pull request 7 for .* was closed without being merged'.slice(0, 18));
  assert.is(github.requests.length, 1);
  upstream.commit('Sixth', { new: '3' });
  push();
  assert.match(ended(await sync(), 0).stdout, 'pull request 8 is opened: https://github.com/ana/book/pull/8');
});

test('a conflict is told with file, patch and both sides, and changes nothing', async () => {
  const [branch, refs, calls] = [pushed(), refsOf(), github.calls.length];
  const before = upstream.git('rev-parse', 'HEAD');
  upstream.commit('Margins \u001b[2Jof our own', { 'app/styles.css': styles.replace('margin: 0', 'margin: 3em'), 'app/layout.html.erb': undefined }); // prettier-ignore
  push();
  const said = ended(await sync(), 1);
  assert.match(said.stderr, '0001-css-Auto-margins.patch ([css] Auto margins) conflicts with upstream at');
  assert.match(said.stderr, /0001-css-Auto-margins\.patch: app\/styles\.css: changed on both sides\n +upstream: \w+ Margins of our own\n(.*\n)* +upstream has:\n +margin: 3em;\n +the patch wants:\n +margin: auto;\n/); // prettier-ignore
  assert.not.match(said.stderr, '\u001b');
  upstream.commit('Back', { 'app/styles.css': styles });
  push();
  const gone = ended(await sync('--json'), 1);
  assert.match(gone.stderr + gone.stdout, 'app/layout.html.erb: changed by the patch, and gone from upstream');
  assert.equal([pushed(), refsOf()], [branch, refs]);
  assert.equal(
    github.calls.slice(calls).filter(call => !call.startsWith('GET')),
    [],
  );
  assert.equal(readdirSync(temporary), []);
  assert.equal(readdirSync(join(own.folder, '.git')).filter(name => /rebase|MERGE|CHERRY|worktrees/.test(name)), ['worktrees'].filter(name => readdirSync(join(own.folder, '.git')).includes(name))); // prettier-ignore
  upstream.git('reset', '--quiet', '--hard', before);
  push('--force');
});

test('commits that others put on the branch are not replaced', async () => {
  const other = join(scratch, 'other');
  own.git('worktree', 'add', '--quiet', '--detach', other, await fetched(pushed()));
  const { commit, git } = makeClone(other, scratch);
  const theirs = commit('By hand', { note: '1' });
  git('push', '--quiet', 'origin', 'HEAD:upstream-sync');
  upstream.commit('Seventh', { new: '4' });
  push();
  const said = ended(await sync(), 1);
  assert.match(said.stderr, 'upstream-sync has 1 commits by others, which a new sync would replace');
  assert.match(said.stderr, 'By hand');
  assert.is(pushed(), theirs);
  origin.git('update-ref', '-d', 'refs/heads/upstream-sync');
});

test('an upstream that rewrote its history is told, and the pin that it threw away still builds', async () => {
  upstream.git('checkout', '--quiet', '--orphan', 'again');
  upstream.commit('All anew', { 'app/styles.css': styles.replace('black', 'red') });
  upstream.git('branch', '--force', 'main', 'again');
  push('--force');
  for (const tag of ['v1.0', 'v1.1']) upstream.git('push', '--quiet', '--delete', 'origin', tag);
  const bare = makeClone(all.bare, scratch);
  bare.git('reflog', 'expire', '--expire=now', '--all');
  bare.git('gc', '--quiet', '--prune=now');
  const plan = ended(await sync('--plan'), 0);
  assert.match(plan.stdout, /upstream rewrote its history: 1 commits that \w{7} has are no longer in it/);
  own.git('gc', '--quiet', '--prune=now');
  ended(await site.task('patch', 'check', '--env', 'staging'), 0);

  // a clone of somebody else never had it
  const fresh = join(scratch, 'fresh');
  mkdirSync(fresh);
  const clone = makeClone(fresh, scratch);
  clone.git('clone', '--quiet', all.origin, '.');
  site.rewrite(ops => ops.replace(`repo: ${own.folder}`, `repo: ${fresh}`));
  const said = ended(await site.task('patch', 'check', '--env', 'staging'), 1);
  assert.match(
    said.stderr,
    `${first.slice(0, 7)}, which the patches apply to, is neither in ${fresh} nor at ${all.bare}`,
  );
  const [, advice = ''] = /git -C <that> push (\S+ \S+)/.exec(said.stderr) ?? [];
  own.git('push', '--quiet', ...advice.split(' '));
  ended(await site.task('patch', 'check', '--env', 'staging'), 0);
  site.rewrite(ops => ops.replace(`repo: ${fresh}`, `repo: ${own.folder}`));
});

writeFileSync(join(scratch, 'unused'), '');
test.run();
