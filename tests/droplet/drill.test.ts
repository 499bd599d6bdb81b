// Drills that start the app, on real servers over ssh: as the user of its unit, and as a container of the image that serves.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arsventOnDroplet, arsventRoot, ontoDisk, type ArsventSite } from './sites/arsvent.ts';
import { bibliothecaOnDroplet, bibliothecaRoot, type BibliothecaSite } from './sites/bibliotheca.ts';
import { ended } from './sites/look.ts';
import type { Said } from './sites/site.ts';

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
  assert.match(bad.stderr, 'it ended by itself: no shelf');
  const left = await droplet.root(
    `ls -A ${root}/releases | grep -c '^.drill' || true; pgrep -fc '${root}/releases/[.]drill' || true`,
  );
  assert.is(left.stdout, '0\n0\n');
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
  assert.match(bad.stderr, 'it ended by itself: no such index');
  const left = await droplet.root(
    `docker ps -aq --filter name=bookops-drill | wc -l; ls ${root}/releases/.keeper/backup | grep -c scratch || true`,
  );
  assert.is(left.stdout, '0\n0\n');
});

test.run();
