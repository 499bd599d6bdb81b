// Chapters announced, as a whole program: what each receiver gets, never twice, killed anywhere, and a feed whose ids stay.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFeed } from '../../lib/announce/feed/read.ts';
import { startTask } from '../support/book/book.ts';
import { secrets, standIns } from '../support/announce/stand-ins.ts';

const providers = await standIns();
const folder = mkdtempSync(join(tmpdir(), 'bookops-announce-'));
test.after(async () => {
  await providers.stop();
  rmSync(folder, { recursive: true });
});
const url = `${providers.url}/2/field-guide`;
const hook = `${providers.url}/hook/s3cret-path`;
const settings = (to: string) => `hosts: { here: local }
apps:
  writebook:
    host: here
    repo: ./repo
    runtime: process
    process: { start: exec bin/boot }
    health: { ready: http://127.0.0.1:9/up }
    writebook:
      announce:
        url: ${url}
        title: Field Guide & Co.
        author: Ana
        feed: public/feed.xml
        to:
${to}
    environments: { staging: { root: ${folder}/root } }
`;
const toots = `          toots: { kind: mastodon, server: '${providers.url}/mastodon', token: { env: MASTODON_TOKEN } }`;
const sky = `          sky: { kind: bluesky, server: '${providers.url}/bsky', handle: ana.test, password: { env: BLUESKY_PASSWORD } }`;
const letters = `          letters: { kind: buttondown, server: '${providers.url}/buttondown', key: { env: BUTTONDOWN_KEY } }`;
const hooked = '          hooked: { kind: webhook, url: { file: hook.txt } }';
const everywhere = [toots, sky, letters, hooked].join('\n');

const write = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const read = (path: string) => readFileSync(join(folder, path), 'utf8');
const record = 'content/.bookops/writebook-staging-book-2.announced';
const imported: Record<string, object> = {};
/** As an import leaves it behind. */
function chapter(path: string, title: string, text: string, leaf: number, day = '2026-11-01') {
  write(`content/${path}`, `---\ntitle: ${JSON.stringify(title)}\n---\n\n${text}\n`);
  imported[path] = {
    leaf,
    made: `${day}T10:00:00.000000Z`,
    kind: 'Page',
    title,
    body: '',
    theme: null,
    caption: null,
    image: null,
  };
  write('content/.bookops/writebook-staging-book-2.json', JSON.stringify({ serial: 1, files: imported }));
}
const announce = (...words: string[]) => startTask(folder, 'announce', ['content', ...words], { env: secrets }).ended;
const json = async (...words: string[]) => {
  const { code, stdout, stderr } = await announce(...words, '--json');
  return {
    code,
    stderr,
    json: JSON.parse(stdout || '{}') as {
      announcements: { chapter: string; to: string; state: string; what: string }[];
      error?: { message: string };
    },
  };
};
const counts = () => Object.values(providers.has).map(one => one.length);
const feed = () => readFeed(read('public/feed.xml'), 'feed.xml');
const long = `${'Ein Satz über Flüsse &amp; \\<Boote>, @alle {{ subscriber.email }} \\*Sterne\\*. '.repeat(30)}`;

write('ops.yml', settings(everywhere));
write('hook.txt', `${hook}\n`);
chapter('01-arrival.md', 'Arrival', '# Arrival\n\nThe boat came late.', 11);
chapter('02-house.md', 'The House', 'A house.', 12, '2026-11-20');
chapter('03-part/_section.md', 'Part', '', 13);

test('without --send, the first run tells what it would note, asks nobody and writes nothing', async () => {
  const { code, stdout, stderr } = await announce();
  assert.is(code, 0, stderr);
  assert.match(
    stdout,
    /nothing to announce[^]*2 chapters were there before the first run[^]*feed\.xml: is new[^]*--send does it/,
  );
  assert.equal([providers.asked, counts()], [[], [0, 0, 0, 0]]);
  assert.throws(() => read(record), /ENOENT/);
});

test('the first run with --send notes what is there, for its owner alone, and writes the feed', async () => {
  const { code, stderr } = await announce('--send');
  assert.is(code, 0, stderr);
  assert.equal(counts(), [0, 0, 0, 0]);
  assert.is(statSync(join(folder, record)).mode & 0o777, 0o600);
  assert.is(statSync(join(folder, 'public/feed.xml')).mode & 0o777, 0o644);
  const { id, entries } = feed();
  assert.match(id, /^tag:127\.0\.0\.1,\d{4}-\d\d-\d\d:book\/2$/);
  assert.equal(
    entries.map(one => [one.id, one.title, one.updated]),
    [
      [`${id}/page/12/20261120100000000000`, 'The House', '2026-11-20T10:00:00Z'],
      [`${id}/page/11/20261101100000000000`, 'Arrival', '2026-11-01T10:00:00Z'],
    ],
  );
});

test('a new chapter is shown first, then reaches each receiver once, within its lengths', async () => {
  chapter('04-river.md', 'Der Fluß @alle “& <b>”', long, 14, '2026-11-29');
  const shown = await announce();
  assert.is(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /new {2}04-river\.md {2}Der Fluß @alle “& <b>” {2}→ toots, sky, letters, hooked/);
  assert.match(shown.stdout, /Subject: New in “Field Guide & Co\.”: Der Fluß/);
  assert.equal(counts(), [0, 0, 0, 0]);
  const sent = await json('--send');
  assert.is(sent.code, 0, sent.stderr);
  assert.equal(
    sent.json.announcements.map(one => [one.chapter, one.to, one.state]),
    ['toots', 'sky', 'letters', 'hooked'].map(to => ['04-river.md', to, 'sent']),
  );
  assert.equal([counts(), providers.complaints], [[1, 1, 1, 1], []]);
  const link = `${url}/14/der-flu-alle-b`;
  const [{ text = '' } = {}] = providers.has.mastodon as { text?: string }[];
  assert.ok(
    text.startsWith('New in “Field Guide & Co.”: Der Fluß @\u2060alle “& <b>”\n\nEin Satz') &&
      text.endsWith(`…\n\n${link}`),
    text,
  );
  const [{ body = '', metadata } = {}] = providers.has.buttondown as { body?: string; metadata?: object }[];
  assert.match(body, String.raw`&#60;Boote&#62;, @alle \{\{ subscriber\.email \}\} \*Sterne\*\.`);
  assert.equal(metadata, { bookops: link });
  const [{ event, link: told } = {}] = providers.has.webhook;
  assert.equal([event, told], ['chapter.new', link]);
  const again = await json('--send');
  assert.equal([again.code, again.json.announcements, counts()], [0, [], [1, 1, 1, 1]]);
  assert.is(feed().entries[0]?.link, link);
});

test('what failed at one receiver waits there, with its reason; the others are sent and are not sent again', async () => {
  chapter('05-sea.md', 'The Sea', 'Salt.', 15, '2026-11-29');
  providers.fails = {
    mastodon: [{ status: 429, headers: { 'x-ratelimit-reset': '2026-11-29T19:00:00.000000Z' } }],
    buttondown: [{ status: 503 }],
    bluesky: [{ status: 400, body: `{"error":"RateLimit ${secrets.BLUESKY_PASSWORD}"}` }],
  };
  const first = await announce('--send');
  assert.is(first.code, 1, first.stderr);
  assert.match(
    first.stderr,
    /1 of 4 announced: toots allows no more requests for now, and more at 2026-11-29 19:00 UTC/,
  );
  assert.match(first.stderr, /letters: The Sea, may have been sent: letters answered 503/);
  assert.match(first.stderr, /RateLimit \[secret\]/);
  assert.equal(counts(), [1, 1, 1, 2]);
  const second = await json('--send');
  assert.is(second.code, 0, second.stderr);
  assert.equal(
    [second.json.announcements.map(one => one.to), counts()],
    [
      ['toots', 'sky', 'letters'],
      [2, 2, 2, 2],
    ],
  );
});

test('when the answer is lost, the own post is found and not sent again; a webhook is told, and sent again only when asked', async () => {
  chapter('06-fog.md', 'Fog', 'Grey.', 16, '2026-11-29');
  const lost = 'take it, and say nothing' as const;
  providers.fails = { mastodon: [lost], buttondown: [lost], bluesky: [lost], webhook: [lost] };
  assert.is((await announce('--send')).code, 4);
  assert.equal(counts(), [3, 3, 3, 3]);
  const second = await json('--send');
  assert.is(second.code, 1, second.stderr);
  assert.match(second.json.error?.message ?? '', 'not known whether hooked has this already');
  assert.equal(counts(), [3, 3, 3, 3]);
  const third = await json('--send', '--resend');
  assert.is(third.code, 0, third.stderr);
  assert.equal(counts(), [3, 3, 3, 4]);
  assert.is(providers.has.webhook.at(-1)?.['id'], providers.has.webhook.at(-2)?.['id']);
});

test('without its record, what is there already is found at the receivers', async () => {
  const kept = read(record);
  rmSync(join(folder, record));
  write('ops.yml', settings([toots, sky, letters].join('\n')));
  const { code, json: told, stderr } = await json('--send', '--since', '2026-11-29');
  assert.is(code, 0, stderr);
  assert.equal([...new Set(told.announcements.map(one => one.state))], ['found']);
  assert.equal(counts(), [3, 3, 3, 4]);
  write(record, kept);
  write('ops.yml', settings(everywhere));
});

test('a changed chapter is announced when asked, once, by another link; the feed keeps its ids and the other dates', async () => {
  const before = feed();
  const text = read('public/feed.xml');
  assert.is((await announce('--send')).code, 0);
  assert.is(read('public/feed.xml'), text);
  chapter('06-fog.md', 'Thick Fog', 'Greyer.', 16, '2026-11-29');
  const told = await announce();
  assert.match(told.stdout, '1 changed since they were announced (06-fog.md): --changed announces that');
  const { code, json: sent, stderr } = await json('--send', '--changed');
  assert.is(code, 0, stderr);
  assert.equal([...new Set(sent.announcements.map(one => `${one.what} ${one.state}`))], ['changed sent']);
  assert.equal(counts(), [4, 4, 4, 5]);
  assert.match(String(providers.has.webhook.at(-1)?.['link']), /\/16\/thick-fog#changed-[0-9a-f]{8}$/);
  assert.equal((await json('--send', '--changed')).json.announcements, []);
  const after = feed();
  assert.is(after.id, before.id);
  const others = (one: typeof after) => one.entries.filter(entry => !/\/16\//.test(entry.link));
  assert.equal(others(after), others(before));
  const [was, is] = [before, after].map(one => one.entries.find(entry => /\/16\//.test(entry.link)));
  assert.equal([is?.id, is?.title], [was?.id, 'Thick Fog']);
  assert.ok((is?.updated ?? '') > (was?.updated ?? 'z'));
});

test('killed at any moment and run again, each receiver has each chapter once', async () => {
  write('ops.yml', settings([toots, sky, letters].join('\n')));
  const was = counts();
  const kills = process.env['BOOKOPS_TORTURE'] ? 40 : 4;
  for (let at = 0; at < kills; at++) {
    chapter(`1${at}-night.md`, `Night ${at}`, 'Dark.', 100 + at, '2026-11-29');
    const running = startTask(folder, 'announce', ['content', '--send'], { env: secrets });
    const wanted = providers.asked.length + 1 + ((at * 3) % 11);
    while (providers.asked.length < wanted && running.child.exitCode === null)
      await new Promise(done => setTimeout(done, 1));
    running.child.kill('SIGKILL');
    await running.ended;
    const { code, stderr } = await announce('--send');
    assert.is(code, 0, stderr);
    const now = counts();
    assert.equal(
      now.slice(0, 3),
      was.slice(0, 3).map(count => count + at + 1),
      `kill ${at}`,
    );
  }
  const lines = read(record).trimEnd().split('\n');
  assert.ok(lines.every(line => JSON.parse(line)));
  write('ops.yml', settings(everywhere));
});

test('a book that readers do not see is not announced; secrets are in no output, record or feed', async () => {
  chapter('90-end.md', 'The End', 'Over.', 90, '2026-11-29');
  providers.site.isPublished = false;
  const was = counts();
  const hidden = await announce('--send');
  assert.is(hidden.code, 1);
  assert.match(hidden.stderr, /readers would not see \S+: the book is not published/);
  assert.equal(counts(), was);
  providers.site.isPublished = true;
  providers.site.trash = ['90'];
  chapter('89-last.md', 'The Last', 'Here.', 89, '2026-11-29');
  const partly = await json('--send');
  assert.is(partly.code, 0, partly.stderr);
  assert.match(partly.stderr, /readers would not see \S+\/90\/the-end: .* it waits/);
  assert.equal(
    [...new Set(partly.json.announcements.map(one => `${one.chapter} ${one.state}`))],
    ['89-last.md sent', '90-end.md waiting'],
  );
  providers.site.trash = [];
  write('hook.txt', 'no address s3cret-path\n');
  const wrong = await announce('--send');
  assert.is(wrong.code, 3, wrong.stderr);
  chapter('91-after.md', 'After', 'All over.', 91, '2026-11-29');
  const unset = await startTask(folder, 'announce', ['content'], { env: {} }).ended;
  assert.is(unset.code, 3);
  const everything =
    [hidden, wrong, unset].map(one => one.stdout + one.stderr).join('') + read(record) + read('public/feed.xml');
  for (const secret of [...Object.values(secrets), 's3cret-path']) assert.not.ok(everything.includes(secret), secret);
});

test('a feed that is none is not overwritten, a broken record stops, and flags that make no sense are refused', async () => {
  const kept = read('public/feed.xml');
  write('public/feed.xml', '<rss/>');
  const other = await announce('--send');
  assert.is(other.code, 3);
  assert.match(other.stderr, /feed\.xml is no Atom feed: its first element is another/);
  write('public/feed.xml', kept);
  write(record, `${read(record)}{"does":"sent"}\n`);
  const broken = await announce();
  assert.is(broken.code, 3);
  assert.match(broken.stderr, /is no line of a record of announcements/);
  assert.is((await announce('--send', '--plan')).code, 2);
  assert.is((await announce('--since', 'monday')).code, 2);
});

test.run();
