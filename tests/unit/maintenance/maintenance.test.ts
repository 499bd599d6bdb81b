// What maintenance makes of addresses, times and messages, and what it writes into page, JSON and flag.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../lib/errors.ts';
import { remoteAddress } from '../../../lib/maintenance/allow.ts';
import { flagText, readFlag } from '../../../lib/maintenance/flag.ts';
import { maintenanceJson, pageOf, readMessage } from '../../../lib/maintenance/page.ts';
import { readUntil } from '../../../lib/maintenance/end-time.ts';

const refuses = (what: () => unknown, shown: string) =>
  assert.throws(what, (error: unknown) => error instanceof Failure && error.exit === 2, shown);
const built = { flag: '/x/ON', page: '/x/maintenance.html', source: undefined };
const folder = mkdtempSync(join(tmpdir(), 'bookops-maintenance-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const own = (page: string) => {
  writeFileSync(join(folder, 'own.html'), page);
  return { ...built, source: join(folder, 'own.html') };
};

test('an address is written as nginx writes it', () => {
  const pairs = [
    ['203.0.113.4', '203.0.113.4'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::1', '::1'],
    ['2001:DB8::4', '2001:db8::4'],
    ['2001:0db8:0000:0000:0000:0000:0000:0004', '2001:db8::4'],
    ['2001:db8:0:1:0:0:1:0', '2001:db8:0:1::1:0'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::', 'fe80::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::ffff:203.0.113.4', '203.0.113.4'],
    ['::FFFF:cb00:7104', '203.0.113.4'],
    ['::ffff:0:1', '0.0.0.1'],
  ];
  for (const [given = '', written] of pairs) assert.is(remoteAddress(given), written, given);
});

test('what is no single address is refused, ranges by name', () => {
  const wrong =
    '1.2.3 1.2.3.4.5 1.2.3.256 01.2.3.4 1.2.3.04 1.2.3.4. .1.2.3.4 1.2.3.-4 0x7f.0.0.1 2130706433 127.1 :: ::2 ::1.2.3.4 1::2::3 12345::1 fe80::1%eth0 [::1] :1 book.example.org ../MAINTENANCE_ON ٣.1.1.1';
  for (const text of ['', ' ', '1.2.3.4 ', ' ::1', '1.2.3.4\n', ...wrong.split(' ')])
    refuses(() => remoteAddress(text), text);
  for (const text of ['203.0.113.0/24', '2001:db8::/32', '203.0.113.4-203.0.113.9', '203.0.113.*'])
    assert.throws(() => remoteAddress(text), /is a range/, text);
});

test('a time is one of today, one with a date, or so long from now', () => {
  assert.equal(readUntil('18:30'), { at: '18:30' });
  assert.equal(readUntil('2026-11-21T08:05'), { at: '2026-11-21 08:05' });
  assert.equal(
    [readUntil('2h'), readUntil('90m'), readUntil('1.5s')],
    [{ after: 7200 }, { after: 5400 }, { after: 2 }],
  );
  const wrong = [
    '',
    '1830',
    '24:00',
    '18:60',
    '8:30',
    '18:30:00',
    '2026-11-21',
    '2026-11-21 18:30',
    '2026-11-21T18:30Z',
    'tomorrow',
    '-2h',
    '2d',
    '900h',
    '18:30\n',
    '18:30; id',
    '"18:30"',
  ];
  for (const text of wrong) refuses(() => readUntil(text), text);
});

test('a message is one paragraph of at most 300 characters', () => {
  assert.is(readMessage('  Moving house.  '), 'Moving house.');
  assert.is(readMessage('é😀'.repeat(150)).length, 450);
  for (const text of [
    '',
    '  ',
    'a\nb',
    'a\rb',
    'a\0',
    'a\x1b[2J',
    'a\u2028b',
    'a\ud800',
    'x'.repeat(301),
    'x'.repeat(10_000),
  ])
    refuses(() => readMessage(text), text.slice(0, 20));
});

test('nothing in a message becomes part of the page', () => {
  const hostile = `<script>alert(1)</script></p><p>"'&amp; $& $1 {{ until }} {{message}} \${x} \``;
  const page = pageOf(built, { message: hostile, until: { iso: '2026-11-21T18:30+01:00', words: '18:30 <CET>' } });
  const [, told] = /<p dir="auto">(.*)<\/p>/.exec(page) ?? [];
  assert.is(
    told,
    '&lt;script&gt;alert(1)&lt;/script&gt;&lt;/p&gt;&lt;p&gt;&quot;&#39;&amp;amp; $&amp; $1 {{ until }} {{message}} ${x} `',
  );
  assert.match(page, '18:30 &lt;CET&gt;');
  assert.is(page.match(/<script/g)?.length, 1, 'its own');
});

test('the built-in page has a language and needs nothing from elsewhere, and says nothing it does not know', () => {
  const page = pageOf(built);
  assert.match(page, /<html lang="en">/);
  assert.not.match(page, /\{\{|\}\}|Expected back|https?:|\bsrc=|@import|url\(|<link|animation|transition/);
  assert.is(page.match(/<p[ >]/g)?.length, 1);
  assert.match(pageOf(built, { message: 'Moving' }), /<p dir="auto">Moving<\/p>/);
});

test('a page of one’s own may have the placeholders, and its other braces stay', () => {
  const vue = '<p>{{ app.title }}</p><p>{% if %}</p><script>`${{ a: 1 }}`</script>';
  assert.is(pageOf(own(vue), { message: 'x' }), vue);
  const all = own(
    '<title>{{message}}</title><p class=a>Because: <b>{{ message }}</b>.</p><pre>{{ until }}</pre><p>End</p>',
  );
  assert.is(pageOf(all), '<title></title><pre></pre><p>End</p>');
  assert.is(
    pageOf(all, { message: '<x>', until: { iso: '', words: '18:30' } }),
    '<title>&lt;x&gt;</title><p class=a>Because: <b>&lt;x&gt;</b>.</p><pre>18:30</pre><p>End</p>',
  );
  assert.throws(() => pageOf({ ...built, source: join(folder, 'none.html') }), /cannot be read/);
});

test('the JSON is one line with what is known', () => {
  const message = 'a "quoted"\\ </script>';
  const until = { iso: '2026-11-21T18:30+01:00', words: '18:30 CET' };
  assert.equal(JSON.parse(maintenanceJson({ message, until })), { error: 'maintenance', message, until: until.iso });
  assert.equal(JSON.parse(maintenanceJson()), { error: 'maintenance', message: 'Back in a moment' });
  assert.not.match(maintenanceJson({ message }), /\n/);
});

test('the flag is read back as it was written, whatever the message is', () => {
  const now = new Date('2026-11-21T17:00:00Z');
  const made = now.getTime() / 1000 - 300;
  for (const message of [
    undefined,
    'moving',
    `"it's" \\ until=2030-01-01 message="x"`,
    'ends with \\',
    '😀'.repeat(300),
  ])
    for (const until of [undefined, '2026-11-21T18:30+01:00', '2026-11-21T17:59+01:00']) {
      const read = readFlag(`${made}\n${flagText('ana@laptop', until, message)}\n`, now);
      assert.equal([read.by, read.until, read.message, read.minutes], ['ana@laptop', until, message, 5]);
      assert.is(read.isOver, until === '2026-11-21T17:59+01:00');
    }
  const told = readFlag(`${made}\n${flagText('ana@laptop', '2026-11-21T18:30+01:00', 'moving')}`, now);
  assert.is(told.words, 'on for 5 min: by ana@laptop, until 2026-11-21 18:30 +01:00: moving');
});

test('the flag of a deploy, and that of another tool, says what it says', () => {
  const now = new Date(1_000_000_000_000);
  assert.is(
    readFlag('999999940\nby ana@laptop: deploy of 1234567\n', now).words,
    'on for 1 min: by ana@laptop: deploy of 1234567',
  );
  assert.is(readFlag('999999940\nby ana@laptop: deploy of 1234567\n', now).by, 'ana@laptop');
  assert.is(readFlag('1000000000\n', now).words, 'on for 0 min');
  assert.is(readFlag('1000000000\nrestoring\nthe backup\n', now).words, 'on for 0 min: restoring the backup');
});
test.run();
