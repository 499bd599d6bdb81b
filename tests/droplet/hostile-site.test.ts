// The hostile values of ops.yml that are taken because they are only words: the real nginx and the real Caddy read them as such.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../lib/config/load.ts';
import { Failure } from '../../lib/errors.ts';
import { proxyOf } from '../../lib/proxy/proxies.ts';
import { hostileSites, opsOf } from '../support/faults/hostile-sites.ts';
import { startDroplet } from '../support/droplet/droplet.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-hostile-site-'));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const droplet = await startDroplet('hostile');

/** What 1,000 values and the ordinary ones (the first) come to, each text once. */
async function texts(proxy: 'nginx' | 'caddy'): Promise<string[]> {
  const file = join(folder, 'ops.yml');
  const all = new Set<string>();
  for (const hostile of [undefined, ...hostileSites(1000, '/tmp/PWNED')]) {
    writeFileSync(file, opsOf(proxy, hostile));
    try {
      const { targets } = await loadConfig(file);
      if (targets[0]) all.add(proxyOf(targets[0]).text);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }
  return [...all];
}

/** Puts them on the droplet as /tmp/sites/0, 1, … */
async function place(all: string[]): Promise<void> {
  await droplet.write('/tmp/sites.json', JSON.stringify(all));
  await droplet.root(`rm -rf /tmp/sites; mkdir /tmp/sites; cd /tmp/sites
    python3 -c 'import json
for at, text in enumerate(json.load(open("/tmp/sites.json"))): open(str(at), "w").write(text)'`);
}

test('nginx takes each of them, and the sites of both examples', async () => {
  const examples = await Promise.all(
    ['arsvent', 'bibliotheca'].map(name =>
      loadConfig(new URL(`../../examples/${name}/ops.yml`, import.meta.url).pathname),
    ),
  );
  const sites = examples.flatMap(({ targets }) => targets.map(target => proxyOf(target).text));
  assert.is(sites.length, 4);
  const all = [...(await texts('nginx')), ...sites].map(text =>
    text.replaceAll(/(ssl_certificate\w*) \S+;/g, '$1 /tmp/pair.pem;'),
  );
  assert.ok(all.length > 40, String(all.length));
  await place(all);
  const said = await droplet.root(`
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout /tmp/key -out /tmp/pair.pem 2>/dev/null
    cat /tmp/key >> /tmp/pair.pem
    mkdir -p /opt/arsvent-2025/staging/proxy /opt/arsvent-2025/production/proxy
    for site in /tmp/sites/*; do
      echo "events {} http { server_names_hash_bucket_size 512; include $site; }" > /tmp/nginx.conf
      if nginx -t -c /tmp/nginx.conf 2>/tmp/why; then echo taken; else cat /tmp/why; fi
    done | sort | uniq -c`);
  assert.is(said.stdout.trim(), `${all.length} taken`, said.stdout);
  console.log(`nginx took ${all.length} sites`);
});

test('Caddy takes each of them, and sees the same handlers in all', async () => {
  const all = await texts('caddy');
  assert.ok(all.length > 40, String(all.length));
  await place(all);
  const said = await droplet.root(`
    mkdir -p /opt
    for site in /tmp/sites/*; do
      sed -i 's#import /.*#import /tmp/passwords#' $site
      echo 'ana JDJhJDE0JA==' > /tmp/passwords
      caddy adapt --config $site --adapter caddyfile 2>/tmp/why | grep -oE '"handler":"[a-z_]+"' | sort | uniq -c | tr -s ' \\n' ' '
      grep '^Error' /tmp/why; echo
    done | sort | uniq -c`);
  assert.match(said.stdout, new RegExp(`^ *${all.length} [^\\n]*"handler":"reverse_proxy"[^\\n]*\\n(?:[^\\n]*\\n)?$`));
  assert.is((await droplet.root('ls /tmp/PWNED')).code === 0, false);
  console.log(`Caddy took ${all.length} sites`);
});
test.run();
