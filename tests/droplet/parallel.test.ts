// Many at once on a real server: one deploy runs, the others learn who holds the lock, or take turns; other targets go on beside it.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bibliothecaOnDroplet, bibliothecaPlace } from '../support/sites/bibliotheca.ts';
import { ended, inLine, isLive, look } from '../support/sites/look.ts';

const { droplet, app, site } = await bibliothecaOnDroplet('parallel');
/** Twenty are as many as two cores start in half a minute; tests/task/deploy-crowd.test.ts has them in every run. */
const [crowd, patience] = process.env['BOOKOPS_TORTURE'] === '1' ? [20, 25] : [8, 10];
const staging = () => look(droplet, bibliothecaPlace('staging'));
// sshd lets in ten strangers at a time by default and drops some of more
await droplet.root(`echo 'MaxStartups 60' >/etc/ssh/sshd_config.d/crowd.conf; systemctl reload ssh`);

test(`of ${crowd} deploys of one target one runs; the others say who holds the lock, since when and at which step`, async () => {
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good1), 0);
  // long enough that the last program starts before the first is done
  await droplet.write(
    '/etc/systemd/system/bibliotheca-staging.service.d/slow.conf',
    `[Service]\nExecStartPre=/bin/sleep ${patience}\nTimeoutStartSec=60\n`,
  );
  await droplet.root('systemctl daemon-reload');
  const all = await Promise.all(
    Array.from({ length: crowd }, () => site.task('deploy', '--env', 'staging', '--sha', app.good2, '--json')),
  );
  await droplet.root('rm -r /etc/systemd/system/bibliotheca-staging.service.d; systemctl daemon-reload');
  assert.equal(
    all.map(said => said.code).sort((one, two) => one - two),
    [0, ...Array.from({ length: crowd - 1 }, () => 5)],
  );
  for (const said of all.filter(one => one.code === 5)) {
    const { message } = said.json.error as { message: string };
    assert.match(
      message,
      new RegExp(
        `^\\S+@\\S+ holds the lock of \\S+ \\(deploy of ${app.good2.slice(0, 7)}\\) since \\d{4}-\\S+Z, at the step “[^”]+”$`,
      ),
    );
  }
  const now = await staging();
  isLive(now, app.good2, app.good1);
  assert.is(now.log.length, 2);
});

test('with --wait they take turns, and each finds what the one before it left', async () => {
  const [one, two, three] = await Promise.all([
    site.task('deploy', '--env', 'staging', '--sha', app.good3, '--wait', '2m'),
    site.task('deploy', '--env', 'staging', '--sha', app.good3, '--wait', '2m'),
    site.task('restart', '--env', 'staging', '--wait', '2m'),
  ]);
  for (const said of [one, two, three]) ended(said, 0);
  assert.is([one, two].filter(said => /serves \w+ already/.test(said.stdout)).length, 1);
  const now = await staging();
  isLive({ ...now, log: now.log.filter(line => inLine(line, 'action') === 'deploy') }, app.good3, app.good2);
  const turns = now.log.slice(2).map(line => `${inLine(line, 'action')} ${inLine(line, 'outcome')}`);
  assert.equal(new Set(turns), new Set(['deploy live', 'restart live']));
  assert.is(turns.length, 2);
});

test('staging and production do not wait for each other', async () => {
  const [there, here] = await Promise.all([
    site.task('deploy', '--env', 'production', '--sha', app.good2),
    site.task('restart', '--env', 'staging'),
  ]);
  ended(there, 0);
  ended(here, 0);
  isLive(await look(droplet, bibliothecaPlace('production')), app.good2, '');
});
test.run();
