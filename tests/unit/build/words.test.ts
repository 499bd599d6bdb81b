// The words of docker's commands for an image: labels and arguments of the commit, secrets by name only, one platform for a trial.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildWords, argumentsOf, imageReference, smokeWords } from '../../../lib/build/words.ts';
import { composeImages } from '../../../lib/build/compose-images.ts';
import type { ImageSettings } from '../../../lib/target/build-settings.ts';
import { plainImage } from '../../support/build/plain-image.ts';

const sha = '94d78b931c0a2281998fffb3af126b18d5ce19b6';
const commit = { sha, created: '2026-11-20T12:00:00Z', source: 'https://github.com/ana/book' };
const reference = imageReference({ registry: 'ghcr.io/ana', images: [] }, plainImage, commit);
const words = (image: Partial<ImageSettings>, to?: 'registry', dockerfile = 'FROM scratch\n') =>
  buildWords({ ...plainImage, ...image }, commit, {
    folder: '/tmp/b/source',
    dockerfile,
    reference,
    to: to ? { registry: true, metadataFile: '/tmp/b/m' } : { engine: 'linux/amd64' },
  });
const after = (all: string[], flag: string) => all.flatMap((word, at) => (word === flag ? [all[at + 1]] : []));

test('an image with nothing said of it is the Dockerfile at the top, with the labels of its commit and no attestation', () => {
  assert.equal(words({}), [
    'buildx',
    'build',
    '--progress=plain',
    '--file=/tmp/b/source/Dockerfile',
    `--tag=ghcr.io/ana/book:${sha}`,
    '--label',
    `org.opencontainers.image.revision=${sha}`,
    '--label',
    'org.opencontainers.image.created=2026-11-20T12:00:00Z',
    '--label',
    'org.opencontainers.image.source=https://github.com/ana/book',
    '--provenance=false',
    '--load',
    '/tmp/b/source',
  ]);
});

test('every setting is one flag', () => {
  const all = words({
    context: 'web',
    dockerfile: 'web/Dockerfile.prod',
    target: 'run',
    platforms: ['linux/arm64'],
    args: { VITE_URL: '', RELEASE: '{sha7} of {created}' },
    cacheFrom: ['type=gha,scope=web'],
    cacheTo: ['type=gha,scope=web,mode=max'],
  });
  assert.is(all.at(-1), '/tmp/b/source/web');
  assert.ok(all.includes('--file=/tmp/b/source/web/Dockerfile.prod'));
  assert.equal(after(all, '--target'), ['run']);
  assert.equal(after(all, '--platform'), ['linux/arm64']);
  assert.equal(after(all, '--build-arg'), ['VITE_URL=', 'RELEASE=94d78b9 of 2026-11-20T12:00:00Z']);
  assert.equal(after(all, '--cache-from'), ['type=gha,scope=web']);
  assert.equal(after(all, '--cache-to'), ['type=gha,scope=web,mode=max']);
});

test('a secret is named, and its value is in a variable of the builder', () => {
  const all = words({ secrets: { npm_token: { env: 'NPM_TOKEN' }, pip: { file: '/home/ana/pip' } } });
  assert.equal(after(all, '--secret'), [
    'id=npm_token,env=BOOKOPS_BUILD_SECRET_0',
    'id=pip,env=BOOKOPS_BUILD_SECRET_1',
  ]);
  assert.not.match(all.join(' '), /NPM_TOKEN|\/home\/ana/);
});

test('the fields of version.json go to a Dockerfile that declares them, and ops.yml has the last word', () => {
  const dockerfile = `# ARG DIRTY
FROM base AS one
arg IMAGE_TAG=dev COMMIT_SHA
ARG \\
  BUILT_AT
FROM one
ARG GIT_REVISION="none"
RUN echo ARG DIRTY`;
  assert.equal(argumentsOf({ ...plainImage, args: { IMAGE_TAG: 'v1-{sha7}' } }, commit, dockerfile), {
    IMAGE_TAG: 'v1-94d78b9',
    COMMIT_SHA: sha,
    GIT_REVISION: sha,
    BUILT_AT: '2026-11-20T12:00:00Z',
  });
  assert.equal(argumentsOf(plainImage, commit, 'FROM scratch\n'), {});
});

test('of several platforms one is tried out here, and the builder pushes all of them', () => {
  const image = { platforms: ['linux/arm64', 'linux/amd64'], cacheTo: ['type=gha'], provenance: 'max' as const };
  const trial = words(image);
  assert.equal(after(trial, '--platform'), ['linux/amd64']);
  assert.equal(after(trial, '--cache-to'), []);
  assert.ok(trial.includes('--provenance=false') && trial.includes('--load'));
  const pushed = words(image, 'registry');
  assert.equal(after(pushed, '--platform'), ['linux/arm64,linux/amd64']);
  assert.equal(after(pushed, '--cache-to'), ['type=gha']);
  assert.ok(pushed.includes('--provenance=mode=max') && pushed.includes('--push'));
  assert.equal(after(words({ platforms: ['linux/arm64', 'linux/riscv64'] }), '--platform'), ['linux/arm64']);
});

test('a trial gets a free port on loopback, and its own environment only', () => {
  const smoke = { port: 4000, path: '/up', status: 200, json: {}, env: { A: "it's $HOME" }, seconds: 60 };
  assert.equal(smokeWords('sha256:1', smoke, { name: 'trial', until: 99 }), [
    'run',
    '--detach',
    '--pull=never',
    '--name=trial',
    '--label=bookops.smoke-test-until=99',
    '--env',
    "A=it's $HOME",
    '--publish',
    '127.0.0.1::4000',
    'sha256:1',
  ]);
  assert.not.ok(smokeWords('x', { ...smoke, port: undefined }, { name: 'trial', until: 99 }).includes('--publish'));
});

test('the images of a compose file are read with the variables of the environment', () => {
  const text = `services:
  web: { image: '\${IMAGE_REGISTRY}/web:\${IMAGE_TAG:-latest}', ports: [80] }
  db: { image: 'redis:\${REDIS:-7}' }
  job: { image: '$IMAGE_REGISTRY/job' }
  own: { build: . }
  odd: { image: '\${UNKNOWN}' }
`;
  const variables = { IMAGE_REGISTRY: 'ghcr.io/ana', IMAGE_TAG: sha };
  assert.equal(composeImages(text, variables), [`ghcr.io/ana/web:${sha}`, 'redis:7', 'ghcr.io/ana/job', '${UNKNOWN}']);
  assert.equal(composeImages('- 1\n', variables), []);
  assert.equal(composeImages('services: [', variables), []);
});

test.run();
