// Throw-away copies and time on a real server: each ends by itself when its time is up, also after a power cut, and the others go on.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/droplet/program.ts';
import { arsventOnDroplet } from '../support/sites/arsvent.ts';
import { tieLine, visit, withCopies } from '../support/sites/copies.ts';
import { ended } from '../support/sites/look.ts';

const { droplet, app, site } = await arsventOnDroplet('ends');
await withCopies(site, droplet);
await droplet.root(tieLine.replaceAll('sudo ', ''));
const folder = '/opt/arsvent-2025/staging/instances';
const up = (name: string, ttl: string) =>
  site.task('instance', 'up', '--env', 'staging', '--name', name, '--sha', app.good1, '--ttl', ttl, '--json');
const seen = (name: string) => visit(droplet, `${name}.staging.arsvent.test`);
const said = async (script: string) => (await droplet.root(script)).stdout.trim();
const isGone = async (name: string) => ((await said(`ls -d ${folder}/${name}`)) === '' ? true : undefined);

/** What of one is left, without the folder. */
const traces = (name: string) =>
  said(
    `docker ps -a | grep ${name}; docker network ls | grep ${name}; docker images | grep ${name}; crontab -u deploy -l | grep ${name}; nginx -T 2>/dev/null | grep ${name}`,
  );

let end = 0;

test('after a power cut an instance serves as before', async () => {
  for (const [name, ttl] of [
    ['stays', '4h'],
    ['asleep', '2h'],
    ['brief', '1m'],
  ] as const) {
    ended(await up(name, ttl), 0);
  }
  end = Number(await said(`cut -d' ' -f1 ${folder}/brief/instance | tr -dc 0-9`));
  // its time is over while the server is off
  await droplet.root(`sed -i -E "s/^end=[0-9]+/end=$(($(date +%s) + 1))/" ${folder}/asleep/instance; sync`);
  await droplet.killHard();
  await new Promise(resolve => setTimeout(resolve, 1500));
  await droplet.startAgain();
  await until('it serves', 30, async () => ((await seen('stays')) === app.good1 ? true : undefined));
});

test('the one whose time was over meanwhile ends, and the one whose time is up', async () => {
  const [asleep, brief] = await Promise.all(
    ['asleep', 'brief'].map(async name => {
      await until(`${name} is gone`, 100, () => isGone(name));
      return Date.now() / 1000;
    }),
  );
  console.log(`gone ${(Number(brief) - end).toFixed(0)} s after its time`);
  // cron looks once a minute
  assert.ok(Number(brief) > end - 1 && Number(brief) < end + 80, `${brief} ${end}`);
  assert.ok(Number(asleep) > 0);
  // the folder goes before the last of the rest
  await until('nothing else of them is left', 20, async () =>
    (await traces('asleep')) + (await traces('brief')) === '' ? true : undefined,
  );
  assert.is(await seen('stays'), app.good1);
});
test.run();
