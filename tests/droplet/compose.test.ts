// A compose app on a real server, over ssh as a user without root: arsvent, from the first deploy to the last rollback.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { casesIn, everyCase } from '../support/env/cases.ts';
import { arsventOnDroplet, arsventPlace, arsventRoot } from '../support/sites/arsvent.ts';
import { ended, inLine, isLive, look, stayedBut, type Look } from '../support/sites/look.ts';

const { droplet, registry, app, site } = await arsventOnDroplet('compose', [
  'exitsAtOnce',
  'slowStart',
  'renamesService',
]);
const { good1, good2, slowStart, exitsAtOnce } = app;
const staging = () => look(droplet, arsventPlace('staging'));
const production = () => look(droplet, arsventPlace('production'));
const redis: Record<string, string> = {};
await droplet.root(`cat >>${arsventRoot.staging}/env/backend.env <<'END OF ALL'\n${everyCase.text}END OF ALL`);

/** Exactly one container per service, of one version, and the same redis as ever. */
function runsOnly(now: Look, environment: string, sha: string): void {
  const image = (part: string) => `${registry.server}/arsvent-${part}:${sha}`;
  assert.equal(now.containers, [
    `arsvent-${environment}-backend-1 ${image('backend')} running`,
    `arsvent-${environment}-frontend-1 ${image('frontend')} running`,
    `arsvent-${environment}-redis-1 redis:7-alpine running`,
  ]);
  redis[environment] ??= now.redis;
  assert.is(now.redis, redis[environment]);
}

/** Every file below the environment's root, its containers with id and start, and the images it keeps. */
async function allOf(environment: 'staging' | 'production'): Promise<string> {
  const project = `arsvent-${environment}`;
  const said = await droplet.root(`
    find ${arsventRoot[environment]} -printf '%p %y %m %u %s %T@ %C@\\n' | sort
    find ${arsventRoot[environment]} -type f -print0 | sort -z | xargs -0 sha256sum
    docker inspect -f '{{.Id}} {{.Image}} {{.State.StartedAt}} {{.RestartCount}}' $(docker ps -aq --filter label=com.docker.compose.project=${project}) | sort
    docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep bookops-keep/${project}: | sort`);
  return said.stdout;
}

const bookCount = async (port: number) =>
  (await droplet.root(`curl -s http://127.0.0.1:${port}/api/books`)).stdout.trim();

test('the first deploy brings everything up, over one connection and few sessions', async () => {
  await droplet.mark();
  const said = ended(await site.task('deploy', '--env', 'staging', '--sha', good1, '--json'), 0);
  const { connections, logins, sessions } = await droplet.sshLog();
  assert.equal([connections, logins], [1, 1]);
  assert.is(sessions, 3, 'facts, what Compose makes of the file, the keeper');
  const now = await staging();
  isLive(now, good1, '');
  runsOnly(now, 'staging', good1);
  assert.is(said.json.outcome, 'live');
  assert.is(said.json.sha, good1);
  assert.is(now.log.length, 1);
});

test('the app and what is run for it get what pre-flight judged, byte for byte', async () => {
  const app = await droplet.root('cat "/proc/$(docker inspect -f "{{.State.Pid}}" arsvent-staging-backend-1)/environ"');
  assert.equal(casesIn(app.stdout), everyCase.values);
  const exec = ended(await site.task('exec', '--env', 'staging', '--', 'env', '-0'), 0);
  assert.equal(casesIn(exec.stdout), everyCase.values);
});

const migration = 'env -0 >data/environ && npx prisma migrate deploy';
test('the second deploy migrates the database and takes over; redis does not notice', async () => {
  site.rewrite(text => text.replace('migrate: prisma', `migrate: ${migration}`));
  await droplet.root('curl -s -X POST http://127.0.0.1:4100/api/books');
  const books = await bookCount(4100);
  await droplet.mark();
  ended(await site.task('deploy', '--env', 'staging', '--sha', good2), 0);
  const { connections, logins, sessions } = await droplet.sshLog();
  assert.equal([connections, logins], [1, 1]);
  assert.is(sessions, 3, 'facts, what Compose makes of the file, the keeper');
  site.rewrite(text => text.replace(`migrate: ${migration}`, 'migrate: prisma'));
  const kept = `${arsventRoot.staging}/data/backend/environ`;
  assert.equal(casesIn((await droplet.root(`cat ${kept}; rm ${kept}`)).stdout), everyCase.values);
  const now = await staging();
  isLive(now, good2, good1);
  runsOnly(now, 'staging', good2);
  assert.is(await bookCount(4100), books);
  assert.is(inLine(now.log[1], 'was'), good1);
  assert.match(inLine(now.log[1], 'images') ?? '', /^arsvent-backend@sha256:[0-9a-f]{64},arsvent-frontend@sha256:/);
  const snapshot = await droplet.root(`sqlite3 ${inLine(now.log[1], 'snapshot')} 'SELECT count(*) FROM books'`);
  assert.is(`{"count":${snapshot.stdout.trim()}}`, books);
});

test('a bad release gives way to the one before it, which keeps its pointers', async () => {
  const before = await staging();
  ended(await site.task('deploy', '--env', 'staging', '--sha', exitsAtOnce), 1);
  const after = await staging();
  stayedBut(before, after, 'reverted');
  runsOnly(after, 'staging', good2);
});

test("what arsvent's own scripts deployed is taken over by a promotion, and staging is not touched", async () => {
  const root = arsventRoot.production;
  // ops/deploy.sh of arsvent, its essence
  const byHand = await droplet.asDeploy(
    `set -e
    cd ${root} && mkdir -p app/ops releases maintenance && cat >app/ops/docker-compose.yml
    docker login -u ${registry.username} --password-stdin ${registry.server} >/dev/null 2>&1 <<<'${registry.password}'
    export IMAGE_REGISTRY=${registry.server} IMAGE_TAG=${good1} BACKEND_PORT=4000 FRONTEND_PORT=4173
    export BACKEND_ENV_FILE=${root}/env/backend.env BACKEND_DATA_DIR=${root}/data/backend REDIS_DATA_DIR=${root}/data/redis
    compose() { docker compose -p arsvent-production -f app/ops/docker-compose.yml "$@" 2>&1; }
    compose run -T --rm backend npx prisma migrate deploy </dev/null
    compose up -d --wait </dev/null
    rm -rf ~/.docker
    printf '%s\\n' '2026-10-01T08:00:00Z env=production sha=0000000000000000000000000000000000000001' '2026-11-01T08:00:00Z env=production sha=${good1} tags=rollback' >releases/releases.log
    echo ${good1} >releases/current_release; echo 0000000000000000000000000000000000000001 >releases/previous_release`.replace(
      'cat >app/ops/docker-compose.yml',
      `base64 -d >app/ops/docker-compose.yml <<<'${Buffer.from(await composeFile()).toString('base64')}'`,
    ),
  );
  assert.is(byHand.code, 0, byHand.stdout + byHand.stderr);
  const theirs = await production();
  assert.is(theirs.serves, good1);
  redis.production = theirs.redis;

  // a commit whose compose file is another one gives way to it: each container is what it was, and none is left of the other
  const containers = async () =>
    (
      await droplet.root(
        `for id in $(docker ps -aq --filter label=com.docker.compose.project=arsvent-production); do
          docker inspect -f '{{.Name}} {{.Config.Image}} {{json .HostConfig.PortBindings}} {{json .HostConfig.Binds}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}' $id
          docker inspect -f '{{println .Name}}{{range .Config.Env}}{{println .}}{{end}}' $id | sort | sha256sum
        done | sort`,
      )
    ).stdout;
  const were = await containers();
  ended(await site.task('deploy', '--env', 'production', '--sha', app.renamesService, '--untried'), 1);
  const undone = await production();
  assert.is(await containers(), were);
  assert.equal([undone.serves, undone.flag, undone.leftovers], [good1, '', []]);
  assert.equal(undone.folders, [], 'what was taken over is let go again');

  const before = await allOf('staging');
  const shown = ended(await site.task('status', '--env', 'production', '--json'), 0);
  assert.match(shown.stdout, good1);
  ended(await site.task('promote', '--env', 'production'), 0);
  const now = await production();
  isLive(now, good2, good1);
  runsOnly(now, 'production', good2);
  assert.equal(now.log.slice(0, 2), theirs.log);
  assert.is(inLine(now.log.at(-1), 'was'), good1);
  assert.is(await allOf('staging'), before);
});

test('a compose file by which staging would reach into production is refused, line by line, before anything is changed', async () => {
  await droplet.root(`docker volume create --label com.docker.compose.project=arsvent-production book-data
    docker network create --label com.docker.compose.project=arsvent-production books`);
  const before = [await allOf('staging'), await allOf('production')];
  for (const words of [[], ['--plan']]) {
    const said = ended(
      await site.task('deploy', '--env', 'staging', '--sha', app.touchesProduction, '--unpushed', ...words),
      3,
    );
    for (const part of [
      /ops\/docker-compose.yml:2:\d+: volumes.books.name: the volume book-data is that of arsvent production/,
      /ops\/docker-compose.yml:3:\d+: networks.default.name: the network books is that of arsvent production/,
      /ops\/docker-compose.yml:\d+:\d+: services.backend.volumes: \/opt\/arsvent-2025\/production\/data\/backend is also that of arsvent production/,
      /ops\/docker-compose.yml:\d+:\d+: services.frontend.ports: the port 4173 is that of the container arsvent-production-frontend-1/,
      /ops\/docker-compose.yml:\d+:\d+: services.redis.container_name: arsvent-production-redis-1 is the container/,
    ])
      assert.match(said.stderr, part);
  }
  assert.equal([await allOf('staging'), await allOf('production')], before);
  await droplet.root('docker volume rm book-data; docker network rm books');
});

test('a deploy to staging leaves production alone', async () => {
  const before = await allOf('production');
  ended(await site.task('deploy', '--env', 'staging', '--sha', slowStart), 0);
  const now = await staging();
  isLive(now, slowStart, good2);
  runsOnly(now, 'staging', slowStart);
  assert.is(await allOf('production'), before);
});

test('a rollback needs no registry, a second one goes further back, a third is refused', async () => {
  await registry.stop();
  ended(await site.task('rollback', '--env', 'staging'), 0);
  const first = await staging();
  isLive(first, good2, good1);
  runsOnly(first, 'staging', good2);
  // good1 does not know the author column, and does not mind it
  ended(await site.task('rollback', '--env', 'staging'), 0);
  const second = await staging();
  isLive(second, good1, '');
  runsOnly(second, 'staging', good1);
  const third = ended(await site.task('rollback', '--env', 'staging'), 2);
  assert.match(third.stderr, 'no good release before');
  assert.equal(await staging(), second);
});

test('a rollback goes to what the older scripts had deployed', async () => {
  ended(await site.task('rollback', '--env', 'production'), 0);
  const now = await production();
  isLive(now, good1, '0000000000000000000000000000000000000001');
  runsOnly(now, 'production', good1);
  await registry.start();
});

test('a restart starts the same release once more', async () => {
  const started = 'docker inspect -f "{{.State.StartedAt}}" arsvent-staging-backend-1';
  const before = (await droplet.root(started)).stdout;
  ended(await site.task('restart', '--env', 'staging'), 0);
  const now = await staging();
  isLive(now, good1, '');
  runsOnly(now, 'staging', good1);
  assert.is.not((await droplet.root(started)).stdout, before);
  assert.is(inLine(now.log.at(-1), 'action'), 'restart');
});

test('maintenance goes on and off by hand, without a line in the log, and a deploy leaves it on', async () => {
  const before = await staging();
  const { flag } = arsventPlace('staging');
  ended(await site.task('maintenance', 'on', '--env', 'staging', '--message', 'moving house'), 0);
  assert.match(
    (await droplet.root(`cat ${flag} $(dirname ${flag})/maintenance.html`)).stdout,
    /moving house[^]*<html/i,
  );
  assert.match(ended(await site.task('status', '--env', 'staging'), 0).stdout, 'moving house');
  ended(await site.task('restart', '--env', 'staging'), 0);
  assert.is((await staging()).flag, flag);
  ended(await site.task('maintenance', 'off', '--env', 'staging'), 0);
  const after = await staging();
  assert.equal({ ...after, log: [] }, { ...before, log: [] });
});

test('old releases go with their images, except what the other environment keeps', async () => {
  site.rewrite(text => text.replace('keep: 5', 'keep: 2'));
  ended(await site.task('deploy', '--env', 'staging', '--sha', slowStart), 0);
  const now = await staging();
  isLive(now, slowStart, good1);
  assert.is(now.folders.length, 2);
  const kept = (sha: string) => now.images.filter(image => image.includes(`:${sha} `)).length;
  assert.equal([kept(good1), kept(slowStart)], [2, 2]);
  assert.is(kept(good2), 2, 'production keeps it');
  const pins = now.images.filter(image => image.startsWith('bookops-keep/arsvent-staging:'));
  assert.is(pins.length, 4, pins.join('\n'));

  // and the other way round: what nobody keeps is gone
  ended(await site.task('promote', '--env', 'production'), 0);
  ended(await site.task('deploy', '--env', 'staging', '--sha', good2), 0);
  ended(await site.task('promote', '--env', 'production'), 0);
  const end = await production();
  isLive(end, good2, slowStart);
  const shas = new Set(end.images.flatMap(image => /arsvent-\w+:([0-9a-f]{40}) /.exec(image)?.[1] ?? []));
  assert.equal([...shas].sort(), [good2, slowStart].sort());
});

async function composeFile(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return readFile(new URL('../support/apps/arsvent/ops/docker-compose.yml', import.meta.url), 'utf8');
}

test.run();
