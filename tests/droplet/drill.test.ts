// Drills that start the app, on real servers over ssh: as the user of its unit, and as a container of the image that serves.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arsventOnDroplet, arsventRoot, ontoDisk, type ArsventSite } from '../support/sites/arsvent.ts';
import { bibliothecaOnDroplet, bibliothecaRoot, type BibliothecaSite } from '../support/sites/bibliotheca.ts';
import { ended } from '../support/sites/look.ts';
import type { Said } from '../support/sites/site.ts';

const [library, story] = [await bibliothecaOnDroplet('drill-systemd'), await arsventOnDroplet('drill-compose')];

type Verdict = { good: boolean; checks: { name: string; found: string }[] };
const started = ({ json }: Said) =>
  (json as { verdict: Verdict }).verdict.checks.find(one => one.name === 'the app starts from it')?.found ?? '';

/** A night after one file was changed and one removed, of files that only `owner` may read: its changes are proven, and come back. */
async function nightOfChanges(
  all: BibliothecaSite | ArsventSite,
  root: string,
  inside: string,
  owner: string,
): Promise<void> {
  const { droplet, site } = all;
  const backup = () => site.task('backup', '--env', 'staging', '--json');
  // by the owner: a chown is a change too
  const make = (script: string) =>
    droplet.root(
      `chown ${owner} ${root}/${inside}; runuser -u ${owner} -- bash -c 'umask 077; cd ${root}/${inside} && chmod 700 . && ${script}'`,
    );
  // what is younger than two seconds counts as changed the night after, and more than half of all makes a full pack
  await make('head -c 2000000 /dev/urandom >whole; echo once >changed; echo gone >gone; sleep 3');
  const full = ended(await backup(), 0);
  await make('echo twice >changed; rm gone; echo new >new');
  const { id, manifest } = ended(await backup(), 0).json as { id: string; manifest: { base?: { id: string } } };
  assert.is(manifest.base?.id, full.json.id);
  const to = join(site.folder, 'back');
  ended(await site.task('restore', id, '--env', 'staging', '--to', to), 0);
  const text = (name: string) => readFileSync(join(to, 'files', inside, name), 'utf8');
  assert.equal([text('changed'), text('new')], ['twice\n', 'new\n']);
  assert.equal(readdirSync(join(to, 'files', inside)).toSorted(), ['changed', 'new', 'whole']);
}

test('the unit’s user starts the restored app in a copy of its release, and nothing of it stays', async () => {
  const { droplet, app, site } = library;
  const root = bibliothecaRoot.staging;
  await droplet.root(`install -d -o bib -g bib ${root}/shared/storage/covers ${root}/shared/storage/masters`);
  const disk = (text: string) =>
    text.replace('stores: [disk, spaces]', 'stores: [disk]').replace('/mnt/backups', './store').replace(/^ +alerts: \[.*\n/m, ''); // prettier-ignore
  site.rewrite(disk);
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good1), 0);
  await nightOfChanges(library, root, 'shared/storage/covers', 'bib');
  const drill = ended(await site.task('drill', '--env', 'staging', '--json'), 0);
  assert.match(started(drill), /^\/health answered after /);
  site.rewrite(text =>
    text.replace(/start: .*gunicorn.*wsgi:app\n {8}env:/, 'start: echo no shelf; exit 3\n        env:'),
  );
  const bad = ended(await site.task('drill', '--env', 'staging'), 7);
  assert.match(bad.stderr, 'it exited by itself: no shelf');
  const left = await droplet.root(
    `ls -A ${root}/releases | grep -c '^.drill' || true; pgrep -fc '${root}/releases/[.]drill' || true`,
  );
  assert.is(left.stdout, '0\n0\n');
});

/** Everything that the deploy user, root or nginx runs, sources, reads as its settings or writes, found on the server itself. */
async function whatIsTrusted(root: string): Promise<string[]> {
  const said = await library.droplet.root(`
    # what bookops made and keeps of its own: all of it, whatever it is for
    find ${root} -xdev \\( -path ${root}/shared -o -path '${root}/releases/20*/*' \\) -prune -o -print
    # every file that a crontab, sudo, the unit or nginx names, and all folders above them
    { crontab -u deploy -l; cat /etc/sudoers.d/*; systemctl cat bibliotheca-staging; nginx -T 2>/dev/null; readlink -f /etc/nginx/sites-enabled/*; } 2>/dev/null |
      grep -v ' ALL=(bib)' | grep -oE '/[A-Za-z0-9_./-]+' | sort -u | while read -r path; do [ -e "$path" ] && echo "$path"; done |
      grep -vE '^(/dev/null|/proc|/run|/sys|${root}/shared|${root}/current)' || true
    echo /home/deploy; find /home/deploy /etc/nginx /etc/sudoers.d /var/spool/cron`);
  const all = new Set(said.stdout.split('\n').filter(path => path.startsWith('/') && path !== '/'));
  for (const path of all) {
    const above = path.slice(0, path.lastIndexOf('/'));
    if (above) all.add(above);
  }
  return [...all].toSorted();
}

/** How many of the paths this user can replace, append to, take away, rename or put a link in the place of; the first of them. */
async function breaks(user: string, paths: string[]): Promise<string[]> {
  await library.droplet.write('/tmp/trusted', `${paths.join('\n')}\n`);
  const said = await library.droplet.root(`runuser -u ${user} -- bash -s <<'END' 2>/dev/null
    broke() { echo "$1 $path"; }
    while IFS= read -r path; do
      if [ -f "$path" ] && [ ! -L "$path" ]; then : >>"$path" && broke append; fi
      if [ -d "$path" ] && [ ! -L "$path" ] && [[ $path != /tmp && $path != /var/tmp ]] && : >"$path/canary-of-a-test"; then rm -f "$path/canary-of-a-test"; broke fill; fi
      mv -T "$path" "$path.canary" && { mv -T "$path.canary" "$path"; broke rename; }
      ln -sfnT /tmp/canary "$path" && broke link
      cp -T --remove-destination /dev/null "$path" && broke replace
      chmod a+w "$path" && broke chmod
      true
    done </tmp/trusted
END`);
  return said.stdout.trim().split('\n').filter(Boolean);
}

test('neither another user nor that of the app can put something else where deploy, root or nginx look, also not in the middle', async () => {
  const { droplet, app, site } = library;
  const root = bibliothecaRoot.staging;
  await droplet.root('useradd -m eve; usermod -aG bib bib');
  const inTheMiddle = site.start('deploy', '--env', 'staging', '--sha', app.good2);
  await inTheMiddle.until(text => /… Migrate the database/.test(text));
  const during = await whatIsTrusted(root);
  const then = [...(await breaks('bib', during)), ...(await breaks('eve', during))];
  ended(await inTheMiddle.ended, 0);
  ended(await site.task('maintenance', 'on', '--env', 'staging', '--until', '2h'), 0);
  ended(await site.task('backup', '--env', 'staging'), 0);
  const paths = await whatIsTrusted(root);
  for (const one of [
    'releases',
    'releases/.keeper/keeper.sh',
    'releases/releases.log',
    'maintenance/MAINTENANCE_ON',
    'current',
  ])
    assert.ok(paths.includes(`${root}/${one}`), one);
  const found = [...(await breaks('bib', paths)), ...(await breaks('eve', paths))];
  // its own release is the app's: it fills the folder, and can do nothing to it
  const other = [...then, ...found].filter(
    line => !new RegExp(`^fill ${root}/releases/\\d{8}_\\d{6}_[0-9a-f]{7}$`).test(line),
  );
  assert.equal(other, []);
  console.log(
    `${during.length} paths in the middle of a deploy and ${paths.length} after it, for two users: none can be replaced`,
  );
  ended(await site.task('maintenance', 'off', '--env', 'staging'), 0);
  const doctor = await site.task('doctor', '--env', 'staging', '--json');
  const findings = (doctor.json as { findings: { check: string; state: string; says: string; fix?: string }[] })
    .findings;
  assert.equal(
    findings.filter(({ check, state }) => /rights|shared|app user/.test(check) && state !== 'good'),
    [],
  );
});

test('a server as it was prepared before is put right by what the doctor says, and its old releases go', async () => {
  const { droplet, app, site } = library;
  const root = bibliothecaRoot.staging;
  await droplet.root(`chmod 2775 ${root}/releases; chown -R bib:bib ${root}/releases/20*; chmod 2700 ${root}/releases/20*
    runuser -u bib -- bash -c 'cd ${root}/releases/20*_${app.good1.slice(0, 7)} && mkdir -p odd/deep && touch odd/deep/x && chmod 000 odd/deep odd && ln -s ${root}/shared/storage out'`);
  const doctor = await site.task('doctor', '--env', 'staging', '--json');
  const { findings } = doctor.json as { findings: { check: string; says: string; fix?: string }[] };
  const [rights] = findings.filter(({ check }) => check === 'rights');
  assert.match(rights?.says ?? '', `${root}/releases can be written by the group bib (bib)`);
  assert.is((await droplet.root(`${rights?.fix?.replaceAll('sudo ', '')}`)).code, 0);
  site.rewrite(text => text.replace('keep: 5', 'keep: 2'));
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good3), 0);
  const left = await droplet.root(
    `ls -d ${root}/releases/20* | wc -l; stat -c '%a %U %G' ${root}/releases; ls ${root}/shared/storage`,
  );
  assert.match(left.stdout, /^2\n2755 deploy bib\n/);
  assert.match(left.stdout, 'covers');
});

test('the image that serves starts from the restored database, without a network, and is removed', async () => {
  const { droplet, app, site } = story;
  const root = arsventRoot.staging;
  await droplet.asDeploy(`mkdir -p ${root}/data/backend/{assets,prizes}`);
  const drill = (start: string) => `stores: [disk]
      drill:
        start: ${start}
        env:
          PORT: '{port}'
          APP_ENV: development
          DATABASE_URL: file:{database}
          REDIS_URL: redis://127.0.0.1:1
          SESSION_SECRET: only for the drill
          FRONTEND_ORIGIN: http://drill.invalid
          DISCORD_CALLBACK_URL: http://drill.invalid/auth/discord/callback
        ready: /api/books
        seconds: 30`;
  site.rewrite(text => ontoDisk(text).replace('stores: [disk]', drill('exec node server.mjs')));
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good1), 0);
  // the user of the container is root, and Docker the way to it
  await nightOfChanges(story, root, 'data/backend/assets', 'root');
  const good = ended(await site.task('drill', '--env', 'staging', '--json'), 0);
  assert.match(started(good), /^\/api\/books answered after /);
  site.rewrite(text =>
    text.replace('exec node server.mjs', "'mkdir /drill/own; date >/drill/own/x; echo no such index; exit 3'"),
  );
  const bad = ended(await site.task('drill', '--env', 'staging'), 7);
  assert.match(bad.stderr, 'it exited by itself: no such index');
  const left = await droplet.root(
    `docker ps -aq --filter name=bookops-drill | wc -l; ls ${root}/releases/.keeper/backup | grep -c scratch || true`,
  );
  assert.is(left.stdout, '0\n0\n');
});
test.run();
