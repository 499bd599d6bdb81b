// A systemd app on a real server, over ssh as a user with narrow sudo rights: Bibliotheca, from the first deploy to the last rollback.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFileSync, writeFileSync } from 'node:fs';
import { casesIn, everyCase } from '../support/env/cases.ts';
import { acceptedAlike, needlesslyRefused } from '../support/env/on-droplet.ts';
import { bibliothecaOnDroplet, bibliothecaPlace, bibliothecaRoot } from '../support/sites/bibliotheca.ts';
import { ended, explanationOf, inLine, isLive, look, stayedBut, type Look } from '../support/sites/look.ts';

const torture = process.env['BOOKOPS_TORTURE'] === '1';
/** What all read alike and we refuse all the same: docs/configuration.md says why. */
const onPurpose = [
  'a control character',
  'Compose and a shell read a $',
  'a backslash in "…"',
  'a shell reads ~',
  'ends as Windows',
  'an invisible space',
];

type Target = { healthy: boolean; sha: string };

const { droplet, app, site } = await bibliothecaOnDroplet('systemd');
const { good1, good2, good3, neverReady } = app;
const root = bibliothecaRoot.staging;
const staging = () => look(droplet, bibliothecaPlace('staging'));
const production = () => look(droplet, bibliothecaPlace('production'));
await droplet.root(`cat >>${root}/shared/.env <<'END OF ALL'\n${everyCase.text}END OF ALL`);
const sql = async (question: string) =>
  (await droplet.root(`sqlite3 -readonly ${root}/shared/bibliotheca.db "${question}"`)).stdout.trim();

/** `current` leads to the release that the log names, the unit is up, and nothing of another release runs. */
async function runsOnly(now: Look, environment: 'staging' | 'production'): Promise<void> {
  const folder = `${bibliothecaRoot[environment]}/releases/${inLine(
    now.log.findLast(line => / outcome=live /.test(line)),
    'release',
  )}`;
  assert.equal([now.linked, now.unit], [folder, 'active']);
  const unit = bibliothecaPlace(environment).unit;
  const said = await droplet.root(
    `for pid in $(cat /sys/fs/cgroup/system.slice/${unit}.service/cgroup.procs 2>/dev/null || systemctl show -p MainPID --value ${unit}); do readlink /proc/$pid/cwd; done | sort -u`,
  );
  assert.is(said.stdout.trim(), folder);
}

async function allOf(environment: 'staging' | 'production'): Promise<string> {
  const { unit } = bibliothecaPlace(environment);
  const said = await droplet.root(`
    find ${bibliothecaRoot[environment]} -printf '%p %y %m %u %s %T@ %C@ %l\\n' | sort
    find ${bibliothecaRoot[environment]} -type f -print0 | sort -z | xargs -0 sha256sum
    systemctl show -p MainPID -p NRestarts -p ActiveEnterTimestamp ${unit}`);
  return said.stdout;
}

test('the first deploy unpacks exactly the commit, as the user of the app, over one connection', async () => {
  const committed = readFileSync(`${app.repo}/wsgi.py`, 'utf8');
  writeFileSync(`${app.repo}/wsgi.py`, 'raise SystemExit("not committed")\n');
  await droplet.mark();
  const said = ended(await site.task('deploy', '--env', 'staging', '--sha', good1, '--json'), 0);
  const { connections, logins, sessions } = await droplet.sshLog();
  assert.equal([connections, logins], [1, 1]);
  assert.ok(sessions <= 8, `${sessions} sessions`);
  const refused = ended(await site.task('deploy', '--env', 'staging', '--ref', 'main'), 1);
  assert.match(refused.stderr, '--dirty');
  writeFileSync(`${app.repo}/wsgi.py`, committed);
  const now = await staging();
  isLive(now, good1, '');
  await runsOnly(now, 'staging');
  const folder = `${root}/releases/${String(said.json.release)}`;
  const there = await droplet.root(
    `cat ${folder}/REVISION; find ${folder} -mindepth 1 ! -user bib; readlink ${folder}/.env ${folder}/bibliotheca.db`,
  );
  assert.is(there.stdout, `${good1}\n${root}/shared/.env\n${root}/shared/bibliotheca.db\n`);
});

test('the app and what is run for it get what pre-flight judged, byte for byte', async () => {
  const app = await droplet.root('cat "/proc/$(systemctl show -p MainPID --value bibliotheca-staging)/environ"');
  assert.equal(casesIn(app.stdout), everyCase.values);
  const exec = ended(await site.task('exec', '--env', 'staging', '--', 'env', '-0'), 0);
  assert.equal(casesIn(exec.stdout), everyCase.values);
});

test('of lines by chance, all readers of a server read each that is accepted as we do', async () => {
  const refused = await acceptedAlike(droplet, 30, torture ? 10_000 : 1000);
  if (!torture) return;
  const needless = await needlesslyRefused(droplet, refused);
  for (const [reason, lines] of needless) console.log(`read alike and refused: ${lines.length} times ${reason}`);
  assert.equal(
    [...needless.keys()].filter(reason => !onPurpose.some(one => reason.startsWith(one))),
    [],
  );
});

test('the second deploy migrates the database and takes over', async () => {
  site.rewrite(text => text.replace('migrate: alembic', 'migrate: env -0 >shared-environ && alembic upgrade head'));
  await droplet.root('curl -s -X POST http://127.0.0.1:8081/books');
  const books = await sql('SELECT count(*) FROM books');
  await droplet.mark();
  ended(await site.task('deploy', '--env', 'staging', '--sha', good2), 0);
  const { connections, logins, sessions } = await droplet.sshLog();
  assert.equal([connections, logins], [1, 1]);
  assert.ok(sessions <= 8, `${sessions} sessions`);
  site.rewrite(text => text.replace('migrate: env -0 >shared-environ && alembic upgrade head', 'migrate: alembic'));
  const now = await staging();
  const migrated = await droplet.root(`cat ${now.linked}/shared-environ`);
  assert.equal(casesIn(migrated.stdout), everyCase.values);
  isLive(now, good2, good1);
  await runsOnly(now, 'staging');
  assert.equal([await sql('SELECT count(*) FROM books'), await sql('SELECT count(author) FROM books')], [books, '1']);
});

test('a bad release gives way to the one before it', async () => {
  site.rewrite(text => text.replace('deadline: 60s', 'deadline: 3s'));
  const before = await staging();
  ended(await site.task('deploy', '--env', 'staging', '--sha', neverReady), 1);
  const after = await staging();
  stayedBut(before, after, 'reverted');
  await runsOnly(after, 'staging');
  site.rewrite(text => text.replace('deadline: 3s', 'deadline: 60s'));
});

/** Production as the promotion left it. */
let untouched = '';

test('production only takes what staging ran, and neither touches the other', async () => {
  const refused = ended(await site.task('deploy', '--env', 'production', '--sha', good3), 1);
  assert.match(refused.stderr, 'staging never had');
  const before = await allOf('staging');
  ended(await site.task('promote', '--env', 'production'), 0);
  const now = await production();
  isLive(now, good2, '');
  await runsOnly(now, 'production');
  assert.is(await allOf('staging'), before);

  untouched = await allOf('production');
  ended(await site.task('deploy', '--env', 'staging', '--sha', good3), 0);
  isLive(await staging(), good3, good2);
  assert.is(await allOf('production'), untouched);
});

test('a rollback to the same schema needs no database', async () => {
  const before = await staging();
  ended(await site.task('rollback', '--env', 'staging'), 0);
  const now = await staging();
  isLive(now, good2, good1);
  await runsOnly(now, 'staging');
  assert.is(now.database, before.database);
});

test('a rollback over a migration says that the old release does not start, and brings the new one back', async () => {
  const before = await staging();
  const said = ended(await site.task('rollback', '--env', 'staging'), 1);
  const line = stayedBut(before, await staging(), 'reverted');
  assert.equal([inLine(line, 'action'), inLine(line, 'sha')], ['rollback', good1]);
  const why = explanationOf(said);
  assert.ok(why.length <= 25, why.join('\n'));
  assert.match(why.join('\n'), '--with-database');
  assert.match(why.join('\n'), /Can't locate revision|0002/);
});

test('with --with-database it works: the rows of then are back, and those of now are kept in a snapshot', async () => {
  const { log } = await staging();
  const then = inLine(
    log.find(line => inLine(line, 'sha') === good2),
    'snapshot',
  );
  await droplet.root('curl -s -X POST http://127.0.0.1:8081/books');
  const lost = await sql('SELECT count(*) FROM books');
  ended(await site.task('rollback', '--env', 'staging', '--with-database'), 0);
  const now = await staging();
  isLive(now, good1, '');
  await runsOnly(now, 'staging');
  const count = async (file: string | undefined) =>
    (await droplet.root(`sqlite3 -readonly ${file} 'SELECT count(*) FROM books'`)).stdout.trim();
  assert.is(await sql('SELECT count(*) FROM books'), await count(then));
  assert.is(await count(inLine(now.log.at(-1), 'snapshot')), lost);
  assert.is((await droplet.root(`stat -c '%U %a' ${root}/shared/bibliotheca.db`)).stdout.trim(), 'bib 644');
  ended(await site.task('rollback', '--env', 'staging'), 2);
  ended(await site.task('rollback', '--env', 'staging', '--with-database'), 2);
});

test('restart and maintenance leave release and pointers alone, and nothing of all this touched production', async () => {
  const before = await staging();
  const pid = async () => (await droplet.root('systemctl show -p MainPID --value bibliotheca-staging')).stdout;
  const was = await pid();
  ended(await site.task('maintenance', 'on', '--env', 'staging'), 0);
  ended(await site.task('restart', '--env', 'staging'), 0);
  assert.is((await staging()).flag, bibliothecaPlace('staging').flag);
  ended(await site.task('maintenance', 'off', '--env', 'staging'), 0);
  const after = await staging();
  assert.equal({ ...after, log: [] }, { ...before, log: [] });
  assert.is(await allOf('production'), untouched);
  assert.equal(after.log.slice(0, -1), before.log);
  assert.is.not(await pid(), was);
});

test('old releases go, the newest snapshots stay', async () => {
  site.rewrite(text => text.replace('keep: 5', 'keep: 2').replace('keep: 7', 'keep: 2'));
  ended(await site.task('deploy', '--env', 'staging', '--sha', good3), 0);
  const now = await staging();
  isLive(now, good3, good1);
  assert.equal(
    now.folders.map(name => name.split('_')[2]),
    [good1.slice(0, 7), good3.slice(0, 7)],
  );
  const snapshots = await droplet.root(`ls ${root}/shared/storage/backups/before-deploy`);
  assert.is(snapshots.stdout.trim().split('\n').length, 2, snapshots.stdout);
});

test("what oratory's own deploy.sh left stays within keep, and is gone back to by name, commit or nothing", async () => {
  site.rewrite(text => text.replace('keep: 2', 'keep: 5'));
  const older = `20251121_120000_${good1.slice(0, 7)}`;
  const served = `20251122_120000_${good3.slice(0, 7)}`;
  const made = await droplet.root(`set -e; cd ${root}/releases
    rm -f releases.log current_release previous_release
    mv *_${good1.slice(0, 7)} ${older}; mv *_${good3.slice(0, 7)} ${served}; ln -sfn ${root}/releases/${served} ${root}/current
    systemctl reset-failed bibliotheca-staging # five starts within ten seconds are as many as it allows, also on a fast machine
    systemctl restart bibliotheca-staging; for try in {1..50}; do curl -sf http://127.0.0.1:8081/ping && break; sleep 0.2; done`);
  assert.is(made.code, 0, made.stderr);
  // the folder knows seven digits of what the app says in full
  const [told] = ended(await site.task('status', '--env', 'staging', '--json'), 0).json['targets'] as Target[];
  assert.equal([told?.healthy, told?.sha], [true, good3.slice(0, 7)]);
  ended(await site.task('deploy', '--env', 'staging', '--sha', good2), 0);
  const now = await staging();
  assert.is(now.serves, good2);
  assert.equal(now.folders.slice(0, 2), [older, served]);
  ended(await site.task('rollback', '--env', 'staging', '--plan', '--to', older), 0);
  ended(await site.task('rollback', '--env', 'staging', '--plan', '--to', good1), 0);
  ended(await site.task('rollback', '--env', 'staging'), 0);
  const back = await staging();
  assert.equal([back.serves, back.linked], [good3, `${root}/releases/${served}`]);
  ended(await site.task('status', '--env', 'staging'), 0);
  assert.match(ended(await site.task('rollback', '--env', 'staging'), 2).stderr, good1.slice(0, 7));
});
test.run();
