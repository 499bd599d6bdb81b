// The writebook section of ops.yml: teasers and announcements as a person writes them, and what is refused.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../lib/config/load.ts';
import { Failure } from '../../../lib/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-config-'));
test.after(() => rmSync(folder, { recursive: true }));
const load = async (section: string) => {
  const file = join(folder, 'ops.yml');
  writeFileSync(
    file,
    `hosts: { here: local }
apps:
  book:
    host: here
    repo: .
    runtime: process
    process: { start: exec bin/boot }
    health: { ready: http://127.0.0.1:9/up }
    writebook:
      ${section.replaceAll('\n', '\n      ')}
    environments: { staging: { root: /srv/book } }
`,
  );
  return (await loadConfig(file)).find('book', 'staging').writebook;
};
const refusal = async (section: string) => {
  try {
    await load(section);
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  throw new Error('this was accepted');
};

test('numbers and titles name books and chapters; what is not said is left to the task', async () => {
  const found = await load(
    'teasers: { book: 2, into: Samples, words: 300, chapters: [12, The Island], read_on: more }',
  );
  assert.equal(found?.teasers, {
    book: '2',
    into: 'Samples',
    words: 300,
    chapters: ['12', 'The Island'],
    title: undefined,
    readOn: 'more',
    link: undefined,
  });
  assert.is(found?.announce, undefined);
});

test('an announcement knows its book by its address; files are relative to ops.yml', async () => {
  const found = await load(`announce:
  url: https://book.example/2/field-guide/
  title: Guide
  author: Ana
  feed: public/feed.xml
  to:
    sky: { kind: bluesky, handle: ana.test, password: { file: sky.txt } }
    toots: { kind: mastodon, server: https://social.example/, token: { env: TOKEN } }`);
  const { url, book, feed, receivers } = found?.announce ?? {};
  assert.equal([url, book, feed], ['https://book.example/2/field-guide', 2, join(folder, 'public/feed.xml')]);
  assert.equal(receivers, [
    {
      name: 'sky',
      kind: 'bluesky',
      server: 'https://bsky.social',
      handle: 'ana.test',
      password: { file: join(folder, 'sky.txt') },
    },
    {
      name: 'toots',
      kind: 'mastodon',
      server: 'https://social.example',
      token: { env: 'TOKEN' },
      visibility: 'public',
    },
  ]);
});

test('secrets in the file, addresses of no book and unknown kinds are refused, with the place', async () => {
  const about = 'announce: { url: https://b.example/2/x, title: T, author: A, to: { one:';
  const wrong: [string, RegExp][] = [
    [
      `${about} { kind: mastodon, server: https://s.example, token: abc } } }`,
      /to\.one\.token.*must say where the secret is/,
    ],
    [`${about} { kind: x, token: { env: T } } } }`, /to\.one\.kind.*must be mastodon, bluesky, buttondown or webhook/],
    [
      'announce: { url: https://b.example/field-guide, title: T, author: A }',
      /url.*must end in the book’s number and slug/,
    ],
    ['announce: { url: https://b.example/2/x, title: T }', /author.*is missing/],
    ['teasers: { link: shop.example }', /link.*must be an address/],
    ['teasers: { words: 0 }', /words.*must be at least 1/],
  ];
  for (const [section, says] of wrong) assert.match(await refusal(section), says);
});

test.run();
