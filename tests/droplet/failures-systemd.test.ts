// Everything that can go wrong in a deploy of a systemd app: the old version serves, nothing is lost, and the log says what happened.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileFaults } from '../support/faults/server-faults-files.ts';
import { knownFaults } from '../support/faults/server-faults-known.ts';
import { faultWords, moments } from '../support/faults/server-faults.ts';
import { bibliothecaOnDroplet, bibliothecaPlace } from '../support/sites/bibliotheca.ts';
import { ended, explanationOf, inLine, isLive, look, stayedBut } from '../support/sites/look.ts';

const { droplet, app, site } = await bibliothecaOnDroplet('failing');
const place = bibliothecaPlace('staging');
const unit = '/etc/systemd/system/bibliotheca-staging.service';
/** With five servers on two cores a start takes three seconds; only what never gets ready is waited for to the end. */
const deadline = (seconds: number) => site.rewrite(text => text.replace(/deadline: \d+s/, `deadline: ${seconds}s`));
deadline(30);
const now = () => look(droplet, place);
const deploy = (sha: string) => site.task('deploy', '--env', 'staging', '--sha', sha);

/** Deploys what cannot go live, and sees that only the log has changed, by one line that tells why. */
async function gives(sha: string, why: RegExp): Promise<string> {
  const before = await now();
  const said = ended(await deploy(sha), 1);
  const line = stayedBut(before, await now(), 'reverted');
  assert.match(inLine(line, 'reason') ?? '', why);
  const told = explanationOf(said);
  assert.match(told.join('\n'), why);
  assert.ok(told.length > 0 && told.length <= 25, `${told.length} lines:\n${told.join('\n')}`);
  return said.stderr;
}

test('the version that has to survive all this is live', async () => {
  ended(await deploy(app.good1), 0);
  isLive(await now(), app.good1, '');
});

test('a migration that fails half-way leaves the database as it was', async () => {
  const told = await gives(app.badMigration, /Migrate the database/);
  assert.match(told, 'there is no shelf to put the books on');
});

test("rows of the table of faults: the keeper's tail is killed, or all of its journal that names its steps", async () => {
  const words = faultWords({ ...place, unit: place.unit });
  for (const part of ["the keeper's tail is killed while a migration", 'a journal without titles']) {
    const fault = [...knownFaults, ...fileFaults].find(one => one.title.startsWith(part));
    assert.ok(fault);
    const before = await now();
    const running = site.start('deploy', '--env', 'staging', '--sha', app.badMigration);
    await running.until(moments[fault.at]);
    await droplet.root(`${words}\n${fault.strike}`);
    ended(await running.ended, 1);
    stayedBut(before, await now(), 'lost');
  }
});

test('an app that exits at once is told as that, and not as one that never gets ready', async () => {
  const told = await gives(app.exitsAtOnce, /exited right after its start: unit bibliotheca-staging\.service is/);
  assert.match(told, 'bibliotheca.circulation');
  const seconds = Number(/✖ Wait until \w+ is ready \(([\d.]+)s\)/.exec(told)?.[1]);
  console.log(`noticed after ${seconds} s`);
  assert.ok(seconds <= 12, `${seconds} s`);
});

test('an app that never gets ready says why', async () => {
  deadline(8);
  await gives(app.neverReady, /answers 503/);
  deadline(30);
});

test('a disk that fills up while the release is unpacked costs nothing', async () => {
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', app.repo, '-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', ...words], {
      encoding: 'utf8',
    }).trim();
  git('checkout', '-q', '-b', 'large', 'main');
  writeFileSync(`${app.repo}/scan.bin`, randomBytes(6_000_000));
  git('add', 'scan.bin');
  git('commit', '-q', '-m', 'Scan a book');
  const large = git('rev-parse', 'HEAD');
  git('checkout', '-q', 'main');
  const releases = `${place.root}/releases`;
  await droplet.root(`mkdir /mnt/small && mount -t tmpfs -o size=3m none /mnt/small && cp -a ${releases}/. /mnt/small/ &&
    chown --reference=${releases} /mnt/small && chmod --reference=${releases} /mnt/small && mount --bind /mnt/small ${releases}`);
  const pid = 'systemctl show -p MainPID --value bibliotheca-staging';
  const was = (await droplet.root(pid)).stdout;
  await gives(large, /No space left|Wrote only/);
  assert.is((await droplet.root(pid)).stdout, was, 'it was not even stopped');
  const log = (await droplet.root(`cat ${releases}/releases.log; umount ${releases} /mnt/small`)).stdout;
  await droplet.root(`printf %s '${Buffer.from(log).toString('base64')}' | base64 -d >${releases}/releases.log`);
});

test('a unit that cannot start is named, and when its undo cannot start it either, a person is needed', async () => {
  const before = await now();
  await droplet.asDeploy(`echo 2 >${place.root}/releases/.keeper/patience`);
  await droplet.root(
    `cp ${unit} /root/unit; sed -i 's|^ExecStart=.*|ExecStart=/usr/bin/gunicorn-that-is-not-there|' ${unit}; systemctl daemon-reload`,
  );
  const said = ended(await deploy(app.good2), 6);
  const told = explanationOf(said);
  assert.ok(told.length <= 25, told.join('\n'));
  assert.match(told.join('\n'), /the unit bibliotheca-staging does not start|gunicorn-that-is-not-there/);
  const stuck = await now();
  assert.is(inLine(stuck.log.at(-1), 'outcome'), 'stuck');
  assert.equal(
    [stuck.current, stuck.linked, stuck.database, stuck.flag],
    [before.current, before.linked, before.database, place.flag],
  );
  await droplet.root(`mv /root/unit ${unit}; systemctl daemon-reload; rm ${place.root}/releases/.keeper/patience`);
  const next = ended(await site.task('restart', '--env', 'staging'), 0);
  assert.match(next.stderr, 'settling');
  const after = await now();
  assert.equal({ ...after, log: [] }, { ...before, log: [] });
  assert.equal(after.log.slice(0, -1), stuck.log);
});

test('a start that only the new release fails is undone', async () => {
  // the unit cannot start in this release: gunicorn is asked to import a module that is not there, and systemd sees it at once
  await droplet.root(
    `sed -i 's|^ExecStart=|ExecStartPre=/bin/sh -c "! grep -q ${app.good2} REVISION"\\nExecStart=|' ${unit}; systemctl daemon-reload`,
  );
  await gives(app.good2, /the unit bibliotheca-staging does not start/);
  await droplet.root(`sed -i '/^ExecStartPre=.bin.sh/d' ${unit}; systemctl daemon-reload`);
});

test('a unit at the limit of its starts is started all the same, forward and back', async () => {
  // one start in ten minutes, of a program that ends with a failure when it is told to end: systemd then tells of that, not of the limit
  const more = '/run/systemd/system/bibliotheca-staging.service.d';
  await droplet.root(`mkdir -p ${more}
    printf '[Unit]\\nStartLimitIntervalSec=600\\nStartLimitBurst=1\\n[Service]\\nExecStopPost=/bin/false\\n' >${more}/limit.conf; systemctl daemon-reload`);
  await gives(app.badMigration, /Migrate the database/);
  deadline(8);
  await gives(app.neverReady, /answers 503/);
  deadline(30);
  ended(await site.task('restart', '--env', 'staging'), 0);
  await droplet.root(`rm -r ${more}; systemctl daemon-reload`);
});

test('after all that the next deploy works, beside folders that have its name already', async () => {
  const sha7 = app.good2.slice(0, 7);
  await droplet.root(
    `cd ${place.root}/releases && for s in $(seq 0 40); do install -d -o bib -g bib "$(date -u -d "+$s seconds" +%Y%m%d_%H%M%S)_${sha7}"; done`,
  );
  ended(await deploy(app.good2), 0);
  const after = await now();
  isLive(after, app.good2, app.good1);
  assert.match(inLine(after.log.at(-1), 'release') ?? '', /_2$/);
  assert.equal(after.folders.length, 2);
});
test.run();
