// Switches whose client is killed, or whose server loses its power, at each step: visitors lose nothing, and one version is left.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Load } from '../droplet/load.ts';
import { until } from '../droplet/program.ts';
import { lostNothing, onlyServes as onlyColourServes } from './blue-green.ts';
import { ended } from './look.ts';
import { bootFor } from './switching.ts';
import { onlyOneServes, visitorsDomain, visitorsRoot } from './visitors.ts';

const torture = process.env['BOOKOPS_TORTURE'] === '1';
/** Before visitors move, after they moved, and after the release was recorded; or the same of those who wait. */
const momentsOf = {
  'blue-green': [/ … Wait until /, / ✔ Route traffic to /, / … Drain and stop /],
  hold: [/ … Start /, / … Wait until /, / ✔ Record /],
};

/** Declares the tests of one runtime. */
export async function interruptSwitches(
  runtime: 'compose' | 'systemd',
  how: 'blue-green' | 'hold' = 'blue-green',
): Promise<void> {
  const moments = momentsOf[how];
  const all = await bootFor(how, runtime, 'cut');
  const onlyServes = how === 'hold' ? onlyOneServes : onlyColourServes;
  const { droplet, site, app } = all;
  const sample = runtime === 'systemd' ? moments : moments.slice(1, 2);
  const deploy = (sha: string) => site.start('deploy', '--env', 'production', '--sha', sha);
  const releases = `${visitorsRoot}/releases`;
  let serving = app.good1;
  let load: Load | undefined;

  const next = () => (serving === app.good1 ? app.good2 : app.good1);
  /** What serves once nobody works on the attempt any more. */
  const settled = async () => {
    await until('the attempt is settled', 120, async () => {
      const said = await droplet.root(
        `cd ${releases} && [ ! -e .keeper/journal ] && flock -n .keeper/lock true && ! ls -d .keeper/bookops.* /dev/shm/bookops.* 2>/dev/null && echo free`,
      );
      return said.stdout.trim() === 'free' ? true : undefined;
    }).catch(async (error: unknown) => {
      console.log((await droplet.root(`cd ${releases}/.keeper && ls -la . journal; tail -n 30 settle.log`)).stdout);
      throw error;
    });
    return (await droplet.root(`cat ${releases}/current_release`)).stdout.trim();
  };
  /** Lets a deploy come to that moment and disturbs it. False: it had ended before. */
  const cutAt = async (moment: RegExp | number, cut: (kill: () => void) => Promise<void> | void): Promise<boolean> => {
    const running = deploy(next());
    const reached = (text: string) =>
      typeof moment === 'number' ? text.includes(' … ') && text.split(' ✔ ').length > moment : moment.test(text);
    const there = await running.until(reached).then(
      () => true,
      () => false,
    );
    await cut(() => running.child.kill('SIGKILL'));
    const said = await running.ended;
    if (typeof moment !== 'number') assert.ok(there, `not reached: ${moment.source}\n${said.stderr}`);
    return there && said.code !== 0;
  };

  test.before(async () => {
    ended(await deploy(app.good1).ended, 0);
    load = all.visit({ perSecond: torture ? 200 : 70 });
  });
  test.after(async () => {
    await load?.stop();
  });

  const told = (moment: RegExp | number) => (typeof moment === 'number' ? `after ${moment} steps` : moment.source);
  for (const moment of torture ? Array.from({ length: 20 }, (_, at) => at) : sample)
    test(`${runtime}: a client killed ${told(moment)} costs no visitor anything, and one version serves`, async () => {
      load?.lap();
      const cut = await cutAt(moment, kill => kill());
      const was = serving;
      serving = await settled();
      const report = load?.lap();
      const { requests, failures, examples = [] } = report ?? {};
      console.log(
        `killed ${told(moment)}: ${cut ? '' : 'not reached, '}${serving === was ? 'the old version' : 'the new version'} serves, ${requests?.plain.asked} requests, ${failures} failed, longest ${requests?.plain.longest} s${examples.map(one => `\n  ${one}`).join('')}`,
      );
      assert.ok([app.good1, app.good2].includes(serving));
      await onlyServes(all, serving);
      if (failures)
        console.log((await droplet.root('tail -n 20 /var/log/nginx/*error.log; journalctl -q -u nginx -n 5')).stdout);
      assert.is(failures, 0);
    });

  test(`${runtime}: of all of that, visitors noticed nothing`, async () => {
    const report = await load?.stop();
    assert.ok(report);
    lostNothing(report);
  });

  // a power cut within `docker start` makes Docker 20.10 keep the port: a moment of its own
  const dark = runtime === 'systemd' ? moments.slice(1, 2) : how === 'hold' ? moments.slice(0, 1) : [];
  const cuts = [...(torture ? Array.from({ length: 20 }, (_, at) => at) : []), ...dark];
  for (const moment of cuts)
    test(`${runtime}: a server that went down ${told(moment)} comes back with one version, the one of the record`, async () => {
      const cut = await cutAt(moment, async kill => {
        await droplet.killHard();
        kill();
        await droplet.startAgain();
      });
      serving = await settled();
      // what nobody had stopped starts with the server, and takes its time
      await until('visitors are answered', 30, async () => {
        const asked = `curl -skf --resolve ${visitorsDomain}:443:127.0.0.1 https://${visitorsDomain}/version.json`;
        return (await droplet.root(asked)).code === 0 ? true : undefined;
      });
      await onlyServes(all, serving);
      console.log(`power cut ${told(moment)}: ${cut ? '' : 'not reached, '}${serving.slice(0, 7)} serves`);
    });

  if (how === 'hold') return;
  test(`${runtime}: after a reboot green serves as before, and maintenance is still on`, async () => {
    const flag = `${visitorsRoot}/maintenance/MAINTENANCE_ON`;
    const isGreen = async () => (await droplet.root(`test -e ${visitorsRoot}/proxy/green`)).code === 0;
    if (!(await isGreen())) {
      serving = next();
      ended(await deploy(serving).ended, 0);
    }
    assert.ok(await isGreen());
    ended(await site.task('maintenance', 'on', '--env', 'production', '--message', 'Moving shelves'), 0);
    const state = () =>
      droplet.root(`cat ${flag}; ls -AR ${visitorsRoot}/maintenance; sha256sum ${visitorsRoot}/maintenance/*`);
    const before = await state();
    await droplet.killHard();
    await droplet.startAgain();
    const asked = `https://${visitorsDomain}/version.json`;
    const status = () =>
      droplet.root(`curl -sk -o /dev/null -w '%{http_code}' --resolve ${visitorsDomain}:443:${droplet.ip} ${asked}`);
    assert.is((await status()).stdout, '503');
    assert.equal(await state(), before);
    await until('the app is up', 30, async () =>
      (await droplet.root('curl -sf http://127.0.0.1:4201/version.json')).code === 0 ? true : undefined,
    );
    await onlyServes(all, serving);
    assert.is((await droplet.root('systemctl --failed --plain --no-legend')).stdout, '');
    ended(await site.task('maintenance', 'off', '--env', 'production'), 0);
    assert.is((await status()).stdout, '200');
  });
}
