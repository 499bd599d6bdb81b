// Two images built from a commit by the real builder, tried out, pushed to a registry and deployed to a server; no secret is in them.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureEngine, plugins, tools } from '../support/droplet/engine.ts';
import { until } from '../support/droplet/program.ts';
import { arsventOnDroplet, arsventPlace, arsventRoot } from '../support/sites/arsvent.ts';
import { ended, inLine, isLive, look } from '../support/sites/look.ts';
import { makeSite } from '../support/sites/site.ts';

const { droplet, registry, app, site: first } = await arsventOnDroplet('build', [], { push: false });
const engine = await ensureEngine();
const here = `127.0.0.1:${registry.server.split(':')[1] ?? ''}`;
const canary = `canary-${process.pid}-4be17d20c95fa683`;
const owner = `build-${process.pid}`;

// what the app's Dockerfiles do with a builder of their own: version.json from the commit, and a secret that one RUN reads
const git = (...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', '-C', app.repo, ...words], { encoding: 'utf8' }).trim(); // prettier-ignore
function commit(branch: string, changes: Record<string, (text: string) => string>): string {
  git('checkout', '--quiet', ...(branch === 'main' ? ['main'] : ['-B', branch, 'main']));
  for (const [path, change] of Object.entries(changes)) {
    const file = join(app.repo, path);
    writeFileSync(file, change(existsSync(file) ? readFileSync(file, 'utf8') : ''));
  }
  git('add', '--all', '--force');
  git('commit', '--quiet', '--no-verify', '--message', branch);
  return git('rev-parse', 'HEAD');
}
const sqlite = dirname(createRequire(import.meta.url).resolve('node-sqlite3-wasm/package.json'));
cpSync(sqlite, join(app.repo, 'backend/node_modules/node-sqlite3-wasm'), { recursive: true });
const versioned = (text: string) =>
  text.replace(
    'COPY . /app\n',
    `ARG IMAGE_TAG
ARG COMMIT_SHA
ARG DIRTY
ARG BUILT_AT
COPY . /app
RUN printf '{"imageTag":"%s","commitSha":"%s","dirty":%s,"builtAt":"%s"}' $IMAGE_TAG $COMMIT_SHA $DIRTY $BUILT_AT >version.json
`,
  );
const secretly = (text: string) =>
  versioned(text).replace(
    'EXPOSE',
    'RUN --mount=type=secret,id=npm_token cat /run/secrets/npm_token; wc -c </run/secrets/npm_token >length\nEXPOSE',
  );
const sha = commit('main', {
  'backend/Dockerfile': secretly,
  'frontend/Dockerfile': versioned,
  'frontend/.dockerignore': () => 'index.html.orig\n',
  'frontend/index.html.orig': () => 'not in the image',
});

const ops = readFileSync(join(first.folder, 'ops.yml'), 'utf8')
  .replace('      images:\n', `      registry: ${here}/${owner.toUpperCase()}\n      images:\n`)
  .replace(
    '          context: backend\n',
    '          context: backend\n          secrets: { npm_token: { env: NPM_TOKEN } }\n',
  )
  .replace(`IMAGE_REGISTRY: ${registry.server}`, `IMAGE_REGISTRY: ${registry.server}/${owner}`);
const path = `${join(tools, 'usr/bin')}:${process.env.PATH ?? ''}`;
const siteOf = (home = true, change = (text: string) => text) => {
  const made = makeSite(change(ops), { PATH: path, GHCR_TOKEN: registry.password, NPM_TOKEN: canary });
  if (home) symlinkSync(engine.dockerConfig, join(made.home, '.docker'));
  else {
    mkdirSync(join(made.home, '.docker'));
    symlinkSync(plugins, join(made.home, '.docker/cli-plugins'));
  }
  return made;
};
const site = siteOf();
const printed: string[] = [];
const build = async (code: number, ...words: string[]) => {
  const said = ended(await site.task('build', '--env', 'staging', ...words), code);
  printed.push(said.stdout + said.stderr);
  return said;
};
type Told = { name: string; reference: string; digest: string; outcome: string; id: string };
const imagesIn = ({ json }: { json: Record<string, unknown> }) => json['images'] as Told[];
const trials = async () => (await engine.docker(['ps', '-aq', '--filter', 'label=bookops.smoke-test-until'])).trim();
const puts = () => registry.requests(new RegExp(`"PUT /v2/${owner}/.*/manifests/`));
let told: Told[] = [];
// the engine and its images outlive this process
test.after(async () => {
  const left = await engine.docker(['images', '--quiet', '--filter', `reference=${here}/${owner}/*`]);
  await engine.tryDocker(['rmi', '--force', ...new Set(left.split('\n'))]);
});

test('a plan asks the registry and builds nothing', async () => {
  const said = await build(0, '--plan');
  assert.match(said.stdout, new RegExp(`2\\. Build arsvent-backend\n3\\. Smoke test of arsvent-backend\n[^]*7\\. Push ${here}/${owner}/arsvent-frontend:${sha}`)); // prettier-ignore
  assert.is(puts(), 0);
});

test('both images are built from the commit, tried out and pushed, with the owner in lower case', async () => {
  writeFileSync(join(app.repo, 'backend/server.mjs'), 'throw new Error("the work tree");\n');
  const said = await build(0, '--verbose', '--json');
  git('checkout', '--quiet', '--', '.');
  assert.match(said.stderr, 'has changes that are in no commit: they are not in the images');
  assert.match(said.stderr, /\[secret\]/, 'the RUN that prints the secret is told without it');
  told = imagesIn(said);
  assert.equal(
    told.map(({ name, reference, outcome }) => [name, reference, outcome]),
    ['backend', 'frontend'].map(part => [`arsvent-${part}`, `${here}/${owner}/arsvent-${part}:${sha}`, 'pushed']),
  );
  for (const { digest } of told) assert.match(digest, /^sha256:[0-9a-f]{64}$/);
  assert.is(puts(), 2);
  assert.is(await trials(), '');
});

test('a second run has nothing to do', async () => {
  const said = await build(0);
  assert.match(said.stdout, `the registry has all 2 images of ${sha.slice(0, 7)} already: nothing to do`);
  assert.match(said.stdout, `next: npx tsx tasks/deploy.ts --env staging --app arsvent --sha ${sha}`);
  assert.equal(imagesIn(await build(0, '--json')).map(one => [one.digest, one.outcome]), told.map(one => [one.digest, 'present'])); // prettier-ignore
  assert.is(puts(), 2);
});

test('the labels are the commit’s, the files too, and what .dockerignore names is left out', async () => {
  const [backend, frontend] = told.map(({ reference }) => reference);
  const inspect = async (form: string, reference = '') => (await engine.docker(['image', 'inspect', '--format', form, reference])).trim(); // prettier-ignore
  assert.equal(JSON.parse(await inspect('{{json .Config.Labels}}', backend)), {
    'org.opencontainers.image.revision': sha,
    'org.opencontainers.image.created': `${new Date(Number(git('log', '-1', '--format=%ct', sha)) * 1000).toISOString().slice(0, 19)}Z`,
  });
  const run = (reference = '', ...words: string[]) =>
    engine.docker(['run', '--rm', '--network=none', reference, ...words]);
  assert.is((await run(backend, 'cat', 'length')).trim(), String(canary.length));
  assert.is(JSON.parse(await run(frontend, 'cat', 'version.json')).commitSha, sha);
  assert.not.match(await run(frontend, 'ls', '-a'), /orig|\.git$/m);
  assert.match(await run(frontend, 'ls', '-ld', 'index.html'), /^-rw-r--r-- /);
});

test('no secret is in a layer, in the history, in the configuration, or in what was printed', async () => {
  for (const { reference, digest } of told) {
    const file = join(engine.scratch, 'saved.tar');
    await engine.docker(['save', '--output', file, reference]);
    assert.is(holds(readFileSync(file)), false, reference);
    const history = await engine.docker(['history', '--no-trunc', reference]);
    assert.not.match(history, canary);
    assert.not.match(history, 'NPM_TOKEN');
    const raw = await engine.docker(['buildx', 'imagetools', 'inspect', '--raw', reference]);
    assert.not.match(raw, /attestation|unknown/, 'no provenance unless it is asked for');
    assert.match(await engine.docker(['buildx', 'imagetools', 'inspect', reference]), digest);
  }
  assert.not.match(printed.join('\n'), canary);
  // the search finds what is there
  await engine.docker(['build', '-q', '-t', 'bookops-canary', '-'], {
    input: `FROM bookops-node-base\nRUN echo ${canary} >x\n`,
  });
  await engine.docker(['save', '--output', join(engine.scratch, 'saved.tar'), 'bookops-canary']);
  await engine.docker(['rmi', 'bookops-canary']);
  assert.is(holds(readFileSync(join(engine.scratch, 'saved.tar'))), true);
});

test('what was built is deployed, by the digest that was printed', async () => {
  ended(await site.task('deploy', '--env', 'staging', '--sha', sha, '--unpushed'), 0);
  const now = await look(droplet, arsventPlace('staging'));
  isLive(now, sha, '');
  assert.is(inLine(now.log.at(-1), 'images'), told.map(({ name, digest }) => `${name}@${digest}`).join(','));
  const found = await droplet.root(
    `docker save $(docker ps -q | xargs docker inspect -f '{{.Image}}') | grep -acF '${canary}'; grep -rlF '${canary}' ${arsventRoot.staging} /home/deploy /tmp`,
  );
  assert.is(found.stdout.trim(), '0');
});

test('a release that ends at once is not pushed, and neither is its neighbour', async () => {
  // of a run that was killed
  await engine.docker([
    'run',
    '--detach',
    '--label',
    'bookops.smoke-test-until=1',
    'bookops-node-base',
    'sleep',
    '600',
  ]);
  const bad = commit('ends-at-once', {
    'frontend/server.mjs': text => `${text}\nsetTimeout(() => process.exit(3), 900);\n`,
  });
  const said = await build(1, '--sha', bad);
  assert.match(
    said.stderr,
    /arsvent-frontend did not pass its smoke test, so nothing was pushed: it was ready, and 2 s later it ended with code 3/,
  );
  assert.match(said.stderr, /its last lines:\n.*frontend .* listens on/);
  assert.equal([puts(), await trials()], [2, '']);
});

test('a secret that a RUN writes into a layer is found, also when a later one removes the file', async () => {
  const bad = commit('leaks', {
    'backend/Dockerfile': text =>
      text.replace('EXPOSE', 'RUN --mount=type=secret,id=npm_token cp /run/secrets/npm_token x\nRUN rm x\nEXPOSE'),
  });
  const said = await build(1, '--sha', bad);
  assert.match(said.stderr, 'arsvent-backend has the value of npm_token in it, so nothing was pushed');
  assert.equal([puts(), await trials()], [2, '']);
});

test('what this engine cannot do is told before anything is built', async () => {
  const attested = siteOf(true, text =>
    text.replace('context: frontend\n', 'context: frontend\n          provenance: min\n'),
  );
  const said = ended(await attested.task('build', '--env', 'staging', '--rebuild'), 1);
  assert.match(said.stderr, 'the builder on this machine cannot do provenance, which arsvent-frontend has in ops.yml');
  assert.not.match(said.stderr, 'Export');
});

test('a build that is interrupted leaves no container, and pushes nothing', async () => {
  const slow = commit('slow', { 'frontend/server.mjs': text => text.replace('server.listen(', 'setTimeout(() => {}, 90_000); if (0) server.listen(') }); // prettier-ignore
  const running = site.start('build', '--env', 'staging', '--sha', slow);
  await running.until(/Smoke test of arsvent-backend/);
  await until('a container is tried out', 60, async () => (await trials()) || undefined);
  running.child.kill('SIGINT');
  const said = await running.ended;
  assert.is(said.code, 130, said.stderr);
  assert.equal([puts(), await trials()], [2, '']);
  assert.equal(
    readdirSync('/tmp').filter(name => name.startsWith('bookops-build-')),
    [],
  );
});

test('who is not logged in, and who has another registry, is told so', async () => {
  const stranger = ended(await siteOf(false).task('build', '--env', 'staging'), 1);
  assert.match(
    stranger.stderr,
    new RegExp(`${here} does not let this machine's docker work with[^]*docker login ${here}`),
  );
  await registry.stop();
  const gone = ended(await site.task('build', '--env', 'staging'), 1);
  assert.match(gone.stderr, `the registry ${here} does not answer as it should`);
  await registry.start();
});

/** In the bytes as they are, or in any gzipped part of them. */
function holds(saved: Buffer): boolean {
  if (saved.includes(canary)) return true;
  for (
    let at = saved.indexOf('\x1f\x8b\x08', 0, 'latin1');
    at >= 0;
    at = saved.indexOf('\x1f\x8b\x08', at + 1, 'latin1')
  )
    try {
      if (gunzipSync(saved.subarray(at)).includes(canary)) return true;
    } catch {
      // three bytes that begin no gzip
    }
  return false;
}

test.run();
