// What a pull request says of an upstream: its words are shown as they are, and none of them links, mentions, closes or breaks out.
import { fromMarkdown } from 'mdast-util-from-markdown';
import { gfmFromMarkdown } from 'mdast-util-gfm';
import { gfm } from 'micromark-extension-gfm';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bumpsBetween } from '../../../../lib/upstream/sync/lock-files.ts';
import {
  brokenReferences,
  syncBody,
  syncText,
  syncTitle,
  type SyncReport,
} from '../../../../lib/upstream/sync/report.ts';

const sha = (letter: string) => letter.repeat(40);
const reportOf = (words: string[]): SyncReport => ({
  app: 'book',
  repository: 'https://github.com/ana/`x`',
  news: {
    from: sha('a'),
    to: sha('b'),
    commits: { total: words.length, listed: words.map(subject => ({ sha: 'abc1234', subject })) },
    files: words.map(path => ({ status: 'A', path })),
    migrations: words,
    bumps: words.map(name => ({ file: 'Gemfile.lock', name, from: undefined, to: '1' })),
    tags: words.map(notes => ({ name: 'v1', notes: `${notes}\n${notes}` })),
    rewritten: 0,
  },
  patches: words.map(subject => ({ patch: '0001.patch', commit: sha('c'), subject })),
  dropped: [],
  built: ['book'],
});

/** From a seed, so that a failure can be seen again. */
function generator(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
}
const pieces = ['```', '````', '~~~', '`', '\n', '\r', '\u2028', '\u0085', '@ana', '#12', 'GH-3', 'Fixes ', 'closes a/b#4', 'https://github.com/a/b/issues/5', '<!--', '<img src=x>', '</pre>', '[x](http://y)', '![x](z)', '\u001b[2J', '\u202e', '    ', '\t', '| a | b |', '# ', '> ', '- [ ] ', '\\', '&lt;', ':tada:', 'a', '中', '\0']; // prettier-ignore

const seeds = process.env['BOOKOPS_TORTURE'] ? 3000 : 100;

test('generated texts stay code in the pull request', () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const next = generator(seed);
    const words = Array.from({ length: 3 }, () => Array.from({ length: 1 + next(9) }, () => pieces[next(pieces.length)]).join('')); // prettier-ignore
    const body = syncBody(reportOf(words));
    const tree = fromMarkdown(body, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] });
    const kinds = new Map<string, number>();
    for (const node of tree.children) kinds.set(node.type, (kinds.get(node.type) ?? 0) + 1);
    assert.equal([...kinds.keys()].toSorted(), ['code', 'heading', 'paragraph'], `seed ${seed}`);
    assert.is(kinds.get('code'), kinds.get('heading'), `seed ${seed}`);
    assert.is(/.{0,20}(@\w|#\d|GH-\d|:\/\/).{0,20}/.exec(body)?.[0], undefined, `seed ${seed}`);
    assert.not.match(body + syncText(reportOf(words)), /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]/, `seed ${seed}`);
  }
});

test('a long history is cut, and the text stays within what GitHub takes', () => {
  const words = Array.from({ length: 5000 }, (_, at) => `${at} ${'x'.repeat(900)}`);
  const body = syncBody(reportOf(words));
  assert.ok(body.length < 65_536, String(body.length));
  assert.match(body, '… and 4940 more');
  assert.match(body, '### 5000 commits');
});

test('a title says from where to where; what was not built and what has migrations is said', () => {
  const report = { ...reportOf(['one']), built: undefined };
  assert.is(syncTitle(report), 'Upstream sync: book aaaaaaa → bbbbbbb');
  assert.match(syncBody(report), 'Not built and not tried out.');
  assert.match(syncBody(report), '**It has migrations**');
  assert.is(brokenReferences('a@b #x C# # 1'), 'a@\u200bb #x C# # 1');
});

test('dependencies of each kind of lock file are compared by name', () => {
  const changes = (file: string, before: string, after: string) =>
    bumpsBetween(file, before, after).map(({ name, from, to }) => `${name} ${from ?? '-'} ${to ?? '-'}`);
  const lock = (one: string) => JSON.stringify({ packages: { '': { version: '9' }, 'node_modules/@a/b': { version: one }, 'node_modules/c': { version: '1.0.0' } } }); // prettier-ignore
  assert.equal(changes('package-lock.json', lock('1.0.0'), lock('1.1.0')), ['@a/b 1.0.0 1.1.0']);
  assert.equal(changes('web/package-lock.json', 'no JSON', lock('1.1.0')), ['@a/b - 1.1.0', 'c - 1.0.0']);
  assert.equal(changes('requirements.txt', 'flask==3.0\r\nrich == 13.1\n# x==1\n', 'flask==3.1\nrich == 13.1\n'), ['flask 3.0 3.1']); // prettier-ignore
  assert.equal(changes('go.mod', 'require a.test/b v1.0.0\n', 'require (\n\ta.test/b v1.1.0\n\tc.test/d v0.1.0 // indirect\n)\n'), ['a.test/b v1.0.0 v1.1.0', 'c.test/d - v0.1.0']); // prettier-ignore
  assert.equal(changes('uv.lock', '[[package]]\nname = "a"\nversion = "1"\n', ''), ['a 1 -']);
  assert.equal(changes('Dockerfile', 'FROM --platform=x ruby:3.3 AS base\nARG RUBY_VERSION=3.3.5\n', 'FROM ruby:3.4\nARG RUBY_VERSION=3.4.7\n'), ['RUBY_VERSION 3.3.5 3.4.7', 'ruby 3.3 3.4']); // prettier-ignore
  assert.equal(changes('README.md', 'a==1', 'a==2'), []);
});

test.run();
