// The faults of a server in turn, and ways out of exit 6 after ops.yml changed meanwhile: the switch there and back, other probes, a unit with another name.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../droplet/program.ts';
import { onlyServes } from './blue-green.ts';
import { env, faultyOnDroplet, isCalm, isTrue, migrates, see, type Faulty, type Runtime } from './faulty.ts';
import { ended } from './look.ts';
import { disturbServer, faultsOf, wanted } from './server-faults.ts';
import type { Said } from './site.ts';

const accept = ['--accept', 'visitors/production'];
const unit = 'bibliotheca-visitors';

/** Declares all of it with BOOKOPS_TORTURE=1; else the table is only read. */
export async function testServerFaults(runtime: Runtime): Promise<void> {
  if (process.env['BOOKOPS_TORTURE'] === '1') {
    const all = await faultyOnDroplet(runtime);
    disturbServer(all);
    recoverAfterChanges(all);
  } else
    test('each row has a name of its own', () => {
      const titles = faultsOf(runtime).map(one => one.title);
      assert.ok(titles.length > 60);
      assert.equal(titles, [...new Set(titles)]);
    });
}

/** Declares them; the site of `all` serves a good release with the switch `maintenance`, and does again at their end. */
function recoverAfterChanges(all: Faulty): void {
  if (!wanted.test('changes of ops.yml')) return;
  const { site, app, disturb, runtime } = all;
  const compose = runtime === 'compose';
  /** What an undo cannot do without. */
  const [hinder, mend] = compose
    ? ['chmod 600 /run/docker.sock', 'chmod 660 /run/docker.sock']
    : ['no_sudo', 'sudo_again'];
  const run = async (script: string) => {
    const said = await disturb(`set -e\n${script}`);
    assert.is(said.code, 0, said.stderr);
  };
  const task = async (name: string, code: number, ...words: string[]) =>
    ended(await site.task(name, ...env, ...words), code);
  const switchTo = (how: string) =>
    site.rewrite(text =>
      text
        .replace(/switch: \S+/, `switch: ${how}`)
        .replace(/, exclusive: false/, '')
        .replace('keep: 3 }', how === 'blue-green' ? 'keep: 3, exclusive: false }' : 'keep: 3 }')
        .replace(/WRITERS: '\w+'/, `WRITERS: '${how === 'blue-green' ? 'many' : 'one'}'`),
    );

  /** A deploy of what never gets ready, whose way back is hindered. */
  async function stuck(): Promise<Said> {
    migrates(all, 'good', 4);
    await run('echo 2 >$home/patience; chown deploy: $home/patience');
    const running = site.start('deploy', ...env, '--sha', app.neverReady);
    await running.until(/ … Wait until/);
    await run(hinder);
    const said = ended(await running.ended, 6);
    assert.match(said.stderr, 'tasks/recover.ts --env production --app visitors');
    migrates(all, 'good', 20);
    return said;
  }

  test(`${runtime}: a switch that becomes hold and is stuck lets visitors in again, by the same way back`, async () => {
    switchTo('hold');
    await task('deploy', 0, '--sha', app.good1);
    const before = await see(all);
    await stuck();
    // ops.yml changed its mind since: what is left is undone as it was begun
    switchTo('maintenance');
    await task('recover', 6);
    await run(mend);
    await task('recover', 0);
    await isCalm(all, 30);
    assert.equal(await see(all).then(({ serves, rows, migrated }) => [serves, rows, migrated]), [
      before.serves,
      before.rows,
      before.migrated,
    ]);
    await isTrue(all, app.good1);
    await run('[ ! -e $root/proxy/hold ]');
  });

  test(`${runtime}: blue-green, where the old version served all along, goes back or is accepted`, async () => {
    switchTo('blue-green');
    if (compose) await task('deploy', 0, '--sha', app.good2);
    else {
      const text = ended(await site.task('config', 'unit', ...env), 0).stdout;
      await all.droplet.write(`/etc/systemd/system/${unit}@.service`, text);
      await run(`sed -i s/WRITERS=one/WRITERS=many/ $root/shared/.env; systemctl daemon-reload
        systemctl disable -q ${unit}; systemctl enable -q ${unit}@blue ${unit}@green`);
      await task('deploy', 0, '--sha', app.good2);
    }
    await onlyServes(all, app.good2);
    await stuck();
    const shown = await task('recover', 0, '--plan');
    assert.match(shown.stdout, `${app.good2.slice(0, 7)} (`);
    await run(mend);
    await task('recover', 0);
    await onlyServes(all, app.good2);
    await stuck();
    assert.is((await task('recover', 0, ...accept, '--json')).json['sha'], app.good2);
    await run(mend);
    assert.is((await see(all)).serves, app.good2);
    await task('deploy', 0, '--sha', app.good3);
    await onlyServes(all, app.good3);
  });

  test(`${runtime}: blue-green with other probes than those that were passed`, async () => {
    const asked = /(ready: \{ url: 'http:\/\/127\.0\.0\.1:\d+\/)\w+'/;
    site.rewrite(text => text.replace(asked, `$1shelves'`));
    await stuck();
    // no release answers what is asked today, and what serves is still known
    const shown = await task('recover', 0, '--plan', '--json');
    assert.is((shown.json['now'] as { sha: string }).sha, app.good3);
    await run(mend);
    await task('recover', 0);
    assert.is((await see(all)).serves, app.good3);
    // what was live before passes by what it passed then
    await task('rollback', 0);
    assert.is((await see(all)).serves, app.good2);
    await stuck();
    assert.is((await task('recover', 0, ...accept, '--json')).json['sha'], app.good2);
    await run(mend);
    site.rewrite(text => text.replace(asked, `$1readyz'`));
    await task('deploy', 0, '--sha', app.good1);
    await onlyServes(all, app.good1);
  });

  test(`${runtime}: the switch that came back to maintenance is stuck, and leaves no colour behind`, async () => {
    switchTo('maintenance');
    if (!compose)
      await run(`systemctl enable -q ${unit}; systemctl disable -q ${unit}@blue ${unit}@green
        sed -i s/WRITERS=many/WRITERS=one/ $root/shared/.env`);
    await stuck();
    await run(mend);
    await task('recover', 0);
    await onlyServes(all, app.good1);
    await task('deploy', 0, '--sha', app.good2);
    await isTrue(all, app.good2);
    await run('[ ! -e $root/blue ] && [ ! -e $root/green ] && [ ! -e $root/proxy/green ]');
    await task('rollback', 0);
    await isTrue(all, app.good1);
  });

  if (compose) return;
  test('systemd: a unit that has another name in ops.yml than the one that runs', async () => {
    const other = 'bibliotheca-readers';
    await stuck();
    site.rewrite(text => text.replace(`unit: ${unit}`, `unit: ${other}`));
    await run(mend);
    // what is left names the unit of then
    await task('recover', 0);
    await isTrueBy(unit, app.good1);
    // nobody stopped the other one, which has the port
    const text = ended(await site.task('config', 'unit', ...env), 0).stdout;
    await all.droplet.write(`/etc/systemd/system/${other}.service`, text);
    await run('systemctl daemon-reload');
    migrates(all, 'good', 4);
    await task('deploy', 1, '--sha', app.good2);
    await isTrueBy(unit, app.good1);
    migrates(all, 'good', 20);
    await run(`systemctl disable -q --now ${unit}; systemctl enable -q ${other}`);
    await task('deploy', 0, '--sha', app.good2);
    await isTrueBy(other, app.good2);
    await stuck();
    // what could not be stopped is what runs, whatever it answers, and a person says so
    assert.is((await task('recover', 0, ...accept, '--json')).json['sha'], app.neverReady);
    await run(mend);
    await task('maintenance', 0, 'off');
    await task('rollback', 0);
    await isTrueBy(other, app.good2);
  });

  /** The same as isTrue, of a unit that is not the one of the table. */
  async function isTrueBy(name: string, sha: string): Promise<void> {
    await until('visitors are served', 30, async () => ((await see(all)).serves === sha ? true : undefined));
    await run(`[ ! -e $home/journal ]; [ ! -e $root/maintenance/MAINTENANCE_ON ]; [ "$(cat $releases/current_release)" = ${sha} ]
      [ "$(systemctl is-active ${name})" = active ]; [ "$(cat $root/current/REVISION)" = ${sha} ]`);
  }
}
