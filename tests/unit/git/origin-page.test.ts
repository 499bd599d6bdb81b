// The page of a repository from the address of its remote: what may be printed on every image.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { forgePage } from '../../../lib/git/clone.ts';

test('every form of a forge’s address is one page, and no login is in it', () => {
  const page = 'https://github.com/ana/book';
  for (const address of [
    'https://github.com/ana/book.git',
    'https://github.com/ana/book/',
    'https://x-access-token:canary@github.com/ana/book.git',
    'git@github.com:ana/book.git',
    'ssh://git@github.com:2222/ana/book.git',
    'git://github.com/ana/book',
  ])
    assert.is(forgePage(address), page, address);
  assert.is(forgePage('https://git.example.org:8443/ana/book'), 'https://git.example.org:8443/ana/book');
  assert.is(forgePage('http://git.lan/ana/book.git'), 'http://git.lan/ana/book');
});

test('an address that is no page is none', () => {
  for (const address of [
    '/srv/git/book.git',
    '../book',
    'file:///srv/book',
    'C:\\book',
    '',
    'ext::sh -c x',
    'https://',
  ])
    assert.is(forgePage(address), undefined, address);
});

test.run();
