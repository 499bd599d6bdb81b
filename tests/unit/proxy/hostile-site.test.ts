// 1,000 values that mean harm to a proxy, in domains, routes and whatever else reaches its configuration, and in messages: refused in words, or only a word.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../lib/config/load.ts';
import { Failure } from '../../../lib/errors.ts';
import { proxyOf } from '../../../lib/proxy/proxies.ts';
import { flagText, readFlag } from '../../../lib/maintenance/flag.ts';
import { maintenanceJson, pageOf, readMessage } from '../../../lib/maintenance/page.ts';
import { hostile, pick, seeded } from '../../support/faults/hostile.ts';
import { doors, hostileSites, nginxShape, opsOf } from '../../support/faults/hostile-sites.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-hostile-site-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'ops.yml');

async function rendered(ops: string): Promise<string> {
  writeFileSync(file, ops);
  const target = (await loadConfig(file)).targets[0];
  assert.ok(target);
  return proxyOf(target).text;
}

/** Lines of a Caddyfile by how deep they stand and what they begin with. */
const caddyShape = (text: string) => {
  let depth = 0;
  const lines = text.split('\n').filter(line => line.trim() && !line.trim().startsWith('#'));
  return lines
    .map(line => {
      if (line.trim() === '}') depth--;
      const [name = '', ...words] = line.trim().split(/\s+/);
      const shape = `${depth} ${depth ? name.replace(/\d+$/, '') : 'site'} ${words.length}`;
      if (line.endsWith('{')) depth++;
      return shape;
    })
    .toSorted();
};

for (const [proxy, shapeOf] of [
  ['nginx', nginxShape],
  ['caddy', caddyShape],
] as const)
  test(`no value of ops.yml says anything to ${proxy} but itself`, async () => {
    const ordinary = shapeOf(await rendered(opsOf(proxy)));
    assert.ok(ordinary.length > 40, String(ordinary.length));
    const refused = new Map<string, number>();
    let taken = 0;
    for (const { door, value } of hostileSites(1000, join(folder, 'PWNED'))) {
      const shown = `${door} ${JSON.stringify(value)}`;
      try {
        assert.equal(shapeOf(await rendered(opsOf(proxy, { door, value }))), ordinary, shown);
        taken++;
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        assert.is(error.exit, 3, shown);
        const words = `${error.message}\n${error.detail ?? ''}`;
        assert.match(words, /ops\.yml:\d+:\d+: [^]{15}|cannot stand in the configuration of/, `${shown}: ${words}`);
        refused.set(door, (refused.get(door) ?? 0) + 1);
      }
    }
    for (const door of doors) assert.ok((refused.get(door) ?? 0) > 25, `${door}: ${refused.get(door)}`);
    assert.ok(taken > 40, `${taken} were taken, so it was seen what becomes of those`);
  });

test('a file that says more than ordinary ones has another shape', async () => {
  const text = await rendered(opsOf('nginx'));
  for (const harm of ['; return 200 x', ' other.test', '; } server { listen 81'])
    assert.not.equal(nginxShape(text.replace(' staging.book.example.org', `$&${harm}`)), nginxShape(text), harm);
});

test('no message is more than text in the page, the JSON and the flag', () => {
  const random = seeded(11);
  const maintenance = { flag: '/x/ON', page: '/x/maintenance.html', source: undefined };
  const tags = (page: string) => page.match(/<[^>]*>/g) ?? [];
  const ordinary = tags(pageOf(maintenance, { message: 'moving' }));
  const harm = [
    '<script>alert(1)</script>',
    '</p>',
    '<!--',
    '{{ until }}',
    '{% raw %}',
    '$&',
    '"',
    "'",
    '&lt;',
    '\\',
    '%',
  ];
  let taken = 0;
  for (let count = 0; count < 1000; count++) {
    const text = pick(random, harm) + hostile(random, join(folder, 'PWNED'), { nul: true }) + pick(random, harm);
    let message;
    try {
      message = readMessage(text);
    } catch (error) {
      assert.ok(error instanceof Failure && error.exit === 2, text);
      continue;
    }
    taken++;
    const page = pageOf(maintenance, { message });
    assert.equal(tags(page), ordinary, message);
    const [, told = ''] = /<p dir="auto">(.*)<\/p>/.exec(page) ?? [];
    const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
    assert.is(
      told.replaceAll(/&([\w#]+);/g, (_, name: string) => names[name] ?? ''),
      message,
    );
    assert.is(JSON.parse(maintenanceJson({ message })).message, message);
    const flag = flagText('ana@laptop', undefined, message);
    assert.not.match(flag, /\n/);
    assert.equal(
      [readFlag(`1\n${flag}\n`, new Date()).message, readFlag(`1\n${flag}\n`, new Date()).until],
      [message, undefined],
    );
  }
  assert.ok(taken > 300, String(taken));
});
test.run();
