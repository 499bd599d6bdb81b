// Everything that can go wrong in a deploy of a compose app: the old version serves, nothing is lost, and the log says what happened.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arsventOnDroplet, arsventPlace } from '../support/sites/arsvent.ts';
import { ended, explanationOf, inLine, isLive, look, stayedBut } from '../support/sites/look.ts';
import { makeSite, type Site } from '../support/sites/site.ts';

const bad = ['exitsAtOnce', 'neverReady', 'wrongVersion', 'redirects', 'badMigration'] as const;
const { droplet, registry, app, site } = await arsventOnDroplet('failing', [...bad]);
const place = arsventPlace('staging');
site.rewrite(text =>
  text.replace('deadline: 60s', 'deadline: 3s').replace('http://127.0.0.1:4273/version.json', place.asks.url),
);
const now = () => look(droplet, place);
const deploy = (sha: string, by: Site = site) => by.task('deploy', '--env', 'staging', '--sha', sha);
const backend = async () =>
  (await droplet.root(`docker inspect -f '{{.Id}} {{.State.StartedAt}}' arsvent-staging-backend-1`)).stdout;

/** Deploys what cannot go live, and sees that only the log has changed, by one line that tells why. */
async function gives(sha: string, why: RegExp, by?: Site): Promise<string> {
  const before = await now();
  const said = ended(await deploy(sha, by), 1);
  const line = stayedBut(before, await now(), 'reverted');
  const reason = inLine(line, 'reason') ?? '';
  assert.match(reason, why, `${reason}\nand not ${why.source}`);
  const told = explanationOf(said);
  assert.match(told.join('\n'), why);
  assert.ok(told.length > 0 && told.length <= 25, `${told.length} lines:\n${told.join('\n')}`);
  return said.stderr;
}

test('the version that has to survive all this is live', async () => {
  ended(await deploy(app.good1), 0);
  isLive(await now(), app.good1, '');
});

test('an image that nobody pushed, a wrong password and a silent registry are noticed before anything stops', async () => {
  const was = await backend();
  await gives(app.slowStart, /manifest unknown|not found/);
  const stranger = makeSite(readFileSync(`${site.folder}/ops.yml`, 'utf8'), { GHCR_TOKEN: 'wrong-password' });
  await gives(app.good2, /refuses the user reader/, stranger);
  await registry.stop();
  await gives(app.good2, /does not answer|connection refused/);
  await registry.start();
  assert.is(await backend(), was);
});

test('a migration that fails half-way leaves the database as it was', async () => {
  await gives(app.badMigration, /Migrate the database/);
});

test('a Docker that is away for 15 s while a migration fails is waited for on the way back', async () => {
  const before = await now();
  const running = site.start('deploy', '--env', 'staging', '--sha', app.badMigration);
  await running.until(/… Migrate the database/);
  await droplet.root('systemctl stop docker.socket docker; sleep 15; systemctl start docker.socket docker');
  const said = ended(await running.ended, 1);
  // Docker was started anew, and redis with it
  stayedBut({ ...before, redis: '' }, { ...(await now()), redis: '' }, 'reverted');
  assert.match(said.stderr, /✔ Undo: Migrate the database/);
});

test('a disk too full for the snapshot brings the old version back', async () => {
  const folder = `${place.root}/backups/backend-db`;
  await droplet.root(`mkdir -p ${folder}; mount -t tmpfs -o size=16k,mode=777 none ${folder}`);
  await gives(app.good2, /No space left|disk is full|disk full/i);
  assert.is((await droplet.root(`ls ${folder}; umount ${folder}`)).stdout, '');
});

test('an app that exits at once is told as that, and not as one that never gets ready', async () => {
  const told = await gives(app.exitsAtOnce, /exited right after its start: container \S+backend-1 exited with code 1/);
  assert.match(told, 'ERR_MODULE_NOT_FOUND');
  const seconds = Number(/✖ Wait until \w+ is ready \(([\d.]+)s\)/.exec(told)?.[1]);
  console.log(`noticed after ${seconds} s`);
  assert.ok(seconds <= 12, `${seconds} s`);
});

test('an app that never gets ready, one that redirects its probe and one that is another version are told apart', async () => {
  await gives(app.neverReady, /answers 503: the search index is missing/);
  await gives(app.redirects, /a redirect to https:\/\/staging\.arsvent\.test\/readyz/);
  await gives(app.wrongVersion, new RegExp(`says commitSha: "?0123456789[0-9a-f]+"?, expected "?${app.wrongVersion}`));
});

test('an undo that fails needs a person; once repaired, the next task settles it and goes on', async () => {
  const before = await now();
  const file = `${place.root}/releases/${before.folders.at(-1)}/compose.yml`;
  await droplet.asDeploy(`echo 2 >${place.root}/releases/.keeper/patience`);
  const running = site.start('deploy', '--env', 'staging', '--sha', app.neverReady);
  await running.until(/… Wait until/);
  await droplet.root(`chown root ${file}; chmod 000 ${file}`);
  const said = ended(await running.ended, 6);
  const told = explanationOf(said);
  assert.ok(told.length <= 25, told.join('\n'));
  assert.match(told.join('\n'), 'needs manual repair');
  const stuck = await now();
  assert.is(inLine(stuck.log.at(-1), 'outcome'), 'stuck');
  assert.equal([stuck.current, stuck.flag], [app.good1, place.flag]);
  assert.match(ended(await site.task('status', '--env', 'staging'), 1).stdout, 'interrupted run');
  // not repaired yet: no task makes it worse
  ended(await site.task('restart', '--env', 'staging'), 6);
  assert.equal((await now()).log, stuck.log);

  await droplet.root(`chown deploy ${file}; chmod 644 ${file}; rm ${place.root}/releases/.keeper/patience`);
  const next = ended(await site.task('restart', '--env', 'staging'), 0);
  assert.match(next.stderr, 'settling');
  const after = await now();
  assert.equal({ ...after, log: [] }, { ...before, log: [] });
  assert.equal(after.log.slice(0, -1), stuck.log);
});

test('what cannot be undone is accepted as it is: the log says it, and the target is free', async () => {
  const before = await now();
  const file = `${place.root}/releases/${before.folders.at(-1)}/compose.yml`;
  await droplet.asDeploy(`echo 1 >${place.root}/releases/.keeper/patience`);
  const running = site.start('restart', '--env', 'staging');
  await running.until(/… Stop /);
  await droplet.root(`chown root ${file}; chmod 000 ${file}`);
  ended(await running.ended, 6);
  const words = ['--accept', 'arsvent/staging', '--maintenance-off', '--json'];
  const said = ended(await site.task('recover', '--env', 'staging', ...words), 0);
  assert.equal([said.json['outcome'], said.json['sha'], said.json['maintenance']], ['accepted', app.good1, false]);
  await droplet.root(`chown deploy ${file}; chmod 644 ${file}; rm ${place.root}/releases/.keeper/patience`);
  const after = await now();
  assert.equal([after.current, after.flag, after.leftovers], [app.good1, '', []]);
  assert.equal(
    after.log.slice(before.log.length).map(line => inLine(line, 'outcome')),
    ['stuck', 'accepted'],
  );
});

test('after all that the next deploy works, beside folders that have its name already', async () => {
  const sha7 = app.good2.slice(0, 7);
  await droplet.asDeploy(
    `cd ${place.root}/releases && for s in $(seq 0 40); do mkdir "$(date -u -d "+$s seconds" +%Y%m%d_%H%M%S)_${sha7}"; done`,
  );
  ended(await deploy(app.good2), 0);
  const after = await now();
  isLive(after, app.good2, app.good1);
  assert.match(inLine(after.log.at(-1), 'release') ?? '', /_2$/);
  assert.equal(after.folders.length, 2);
});
test.run();
