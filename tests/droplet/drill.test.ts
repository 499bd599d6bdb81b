// Drills that start the app, on real servers over ssh: as the user of its unit, and as a container of the image that serves.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arsventOnDroplet, arsventRoot } from './sites/arsvent.ts';
import { bibliothecaOnDroplet, bibliothecaRoot } from './sites/bibliotheca.ts';
import { ended } from './sites/look.ts';
import type { Said } from './sites/site.ts';

const [library, story] = [await bibliothecaOnDroplet('drill-systemd'), await arsventOnDroplet('drill-compose')];

type Verdict = { good: boolean; checks: { name: string; found: string }[] };
const started = ({ json }: Said) =>
  (json as { verdict: Verdict }).verdict.checks.find(one => one.name === 'the app starts from it')?.found ?? '';

test('the unit’s user starts the restored app in a copy of its release, and nothing of it stays', async () => {
  const { droplet, app, site } = library;
  const root = bibliothecaRoot.staging;
  await droplet.root(`install -d -o bib -g bib ${root}/shared/storage/covers ${root}/shared/storage/masters`);
  const disk = (text: string) =>
    text.replace('stores: [disk, spaces]', 'stores: [disk]').replace('/mnt/backups', './store').replace(/^ +alerts: \[.*\n/m, ''); // prettier-ignore
  site.rewrite(disk);
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good1), 0);
  ended(await site.task('backup', '--env', 'staging'), 0);
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
  site.rewrite(text =>
    text
      .replace(/^stores:.*\n/m, 'stores:\n  disk: { kind: path, folder: ./store }\n')
      .replace('stores: [spaces]', drill('exec node server.mjs'))
      .replace(/^ +alerts: \[.*\n/m, ''),
  );
  ended(await site.task('deploy', '--env', 'staging', '--sha', app.good1), 0);
  ended(await site.task('backup', '--env', 'staging'), 0);
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
