// A deploy that goes on watching: what visitors get is read from the proxy's log, and a version that treats them worse is taken back.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Load } from '../support/droplet/load.ts';
import { ended } from '../support/sites/look.ts';
import { visitorsOnDroplet, visitorsRoot } from '../support/sites/visitors.ts';

const all = await visitorsOnDroplet('watch', { runtime: 'systemd', switch: 'maintenance' });
const { droplet, site, app } = all;
const deploy = (sha: string, ...more: string[]) => site.task('deploy', '--env', 'production', '--sha', sha, ...more);
const current = async () => (await droplet.root(`cat ${visitorsRoot}/releases/current_release`)).stdout.trim();

let load: Load | undefined;
/** They come until the test is over; those that a failing test left behind would keep this program from ending. */
async function visitors(): Promise<void> {
  await load?.stop();
  load = all.visit({ perSecond: 20, slow: 0, sockets: 0, uploadsPerSecond: 3, page: 'maintenance' });
  await new Promise(resolve => setTimeout(resolve, 4000));
}
test.after(async () => {
  await load?.stop();
});

test.before(async () => {
  await site.task('site', 'apply', '--env', 'production');
  await droplet.root(
    `ln -sfn ${visitorsRoot}/proxy/site.conf /etc/nginx/sites-enabled/visitors-production.conf; systemctl reload nginx`,
  );
  ended(await deploy(app.good1), 0);
});

test('a log that may not be read is said before anything is deployed', async () => {
  // as logrotate leaves it after the first night
  await droplet.root(
    'gpasswd -d deploy adm; cd /var/log/nginx; chgrp adm visitors*; chmod 640 visitors-production.access.log',
  );
  const said = ended(await deploy(app.good2, '--watch', '5s'), 1);
  assert.match(said.stderr, '/var/log/nginx/visitors-production.access.log cannot be read');
  assert.match(said.stderr, 'usermod -aG adm');
  assert.is(await current(), app.good1);
});

test('visitors are watched, and a version that treats them as before stays', async () => {
  await droplet.root('usermod -aG adm deploy');
  await visitors();
  const said = ended(await deploy(app.good2, '--watch', '6s', '--json'), 0);
  const { watched } = said.json as { watched: { seconds: number; after: { requests: number; errors: number } } };
  assert.ok(watched.seconds >= 6 && watched.after.requests > 60, JSON.stringify(watched));
  // one that began during the maintenance may end after it
  assert.ok(watched.after.errors < 3, JSON.stringify(watched));
  await load?.stop();
});

test('a version that answers with errors, though its probes are well, is taken back while it is watched', async () => {
  // the minute before must not have errors of maintenance in it
  await droplet.root(': >/var/log/nginx/visitors-production.access.log');
  await visitors();
  const said = ended(await deploy(app.failsUploads, '--watch', '60s'), 1);
  await load?.stop();
  assert.match(said.stderr, /errors or response times rose after \w+: \d+ of \d+ answers were errors/);
  assert.match(said.stderr, `serves ${app.good2.slice(0, 7)}`);
  assert.is(await current(), app.good2);
  const log = (await droplet.root(`tail -n 2 ${visitorsRoot}/releases/releases.log`)).stdout.split('\n');
  assert.match(log[0] ?? '', new RegExp(`sha=${app.failsUploads} .* action=deploy .* outcome=live`));
  assert.match(log[1] ?? '', new RegExp(`sha=${app.good2} .* action=rollback .* outcome=live`));
});
test.run();
