// What ops.yml says of images: defaults, what is refused with its line, and that no secret in the wrong place is shown.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../lib/config/load.ts';
import { Failure } from '../../../lib/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-config-build-'));
test.after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'ops.yml');
const registry = 'registry: { server: GHCR.io, username: HeldPascal, password: { env: TOKEN } }';
const app = (build: string, compose = registry, repo = 'repo: ./clone') => `hosts: { here: local }
apps:
  book:
    host: here
    ${repo}
    root: /srv/book
    runtime: compose
    compose:
      file: compose.yml
      service: web
      ${compose}
    health: { ready: http://127.0.0.1:8000/up }
${build.replace(/^/gm, '    ')}
    environments:
      production: {}
`;
async function built(...words: Parameters<typeof app>) {
  writeFileSync(file, app(...words));
  return (await loadConfig(file)).find('book', 'production').build;
}
async function refusal(...words: Parameters<typeof app>): Promise<string> {
  try {
    await built(...words);
  } catch (error) {
    if (error instanceof Failure && error.exit === 3) return error.message.replaceAll(`${folder}/`, '');
    throw error;
  }
  throw new Error('this was accepted');
}

test('build: {} is one image with the name of the app, where the server pulls from, in lower case', async () => {
  assert.equal(await built('build: {}'), {
    registry: 'ghcr.io/heldpascal',
    images: [
      {
        name: 'book',
        context: '.',
        dockerfile: 'Dockerfile',
        target: undefined,
        platforms: [],
        args: {},
        secrets: {},
        cacheFrom: [],
        cacheTo: [],
        provenance: undefined,
        smoke: undefined,
      },
    ],
  });
  assert.is((await built('build: { registry: "127.0.0.1:5055/Ana" }', ''))?.registry, '127.0.0.1:5055/ana');
  assert.is(await built('# none'), undefined);
});

test('two images with everything that may be said', async () => {
  const build = await built(`build:
  images:
    book-web:
      context: web/
      dockerfile: docker/Dockerfile
      target: run
      platforms: [linux/amd64, linux/arm64/v8]
      args: { VITE_URL: '', WORKERS: 2 }
      secrets: { npm_token: { env: NPM_TOKEN }, pip: { file: keys/pip } }
      cache_from: [type=gha]
      cache_to: ['type=gha,mode=max']
      provenance: min
      smoke: { port: 80, path: /version.json, json: { commitSha: '{sha}' }, env: { A: 1 }, seconds: 5 }
    book-api: { context: api, smoke: {} }`);
  assert.equal(build?.images[0], {
    name: 'book-web',
    context: 'web',
    dockerfile: 'web/docker/Dockerfile',
    target: 'run',
    platforms: ['linux/amd64', 'linux/arm64/v8'],
    args: { VITE_URL: '', WORKERS: '2' },
    secrets: { npm_token: { env: 'NPM_TOKEN' }, pip: { file: join(folder, 'keys/pip') } },
    cacheFrom: ['type=gha'],
    cacheTo: ['type=gha,mode=max'],
    provenance: 'min',
    smoke: { port: 80, path: '/version.json', status: 200, json: { commitSha: '{sha}' }, env: { A: '1' }, seconds: 5 },
  });
  assert.equal(build?.images[1]?.smoke, { port: undefined, path: '/', status: 200, json: {}, env: {}, seconds: 60 });
});

test('what cannot be built is refused with its place', async () => {
  const cases: [Parameters<typeof app>, RegExp][] = [
    [['build: {}', ''], /ops\.yml:\d+:\d+: apps\.book\.build: needs registry, where images are pushed to/],
    [['build: {}', registry, '# none'], /apps\.book\.build: needs repo: images are built from a commit/],
    [['build: { registry: book }'], /registry: must be a server and an owner/],
    [['build: { registry: "https://ghcr.io/ana" }'], /registry: must be a server and an owner/],
    [['build: { images: {} }'], /build\.images: is empty/],
    [['build: { images: { Book: {} } }'], /build\.images\.Book: must be the name of an image/],
    [['build: { images: { a: { context: ../b } } }'], /context: must be a path inside the commit/],
    [['build: { images: { a: { context: /b } } }'], /context: must be a path inside the commit/],
    [['build: { images: { a: { dockerfile: -f } } }'], /dockerfile: must be a path inside the commit/],
    [['build: { images: { a: { target: --push } } }'], /target: must be the name of a stage/],
    [['build: { images: { a: { platforms: [amd64] } } }'], /platforms\.0: must be a platform/],
    [
      ['build: { images: { a: { platforms: [linux/amd64, linux/amd64] } } }'],
      /platforms\.1: linux\/amd64 is named twice/,
    ],
    [['build: { images: { a: { provenance: true } } }'], /provenance: must be min or max/],
    [['build: { images: { a: { smoke: { path: /up } } } }'], /smoke\.path: needs port/],
    [['build: { images: { a: { cache_to: ["--push"] } } }'], /cache_to\.0: must be as after --cache-from/],
    [['build: { images: { a: { dockerfil: x } } }'], /dockerfil: unknown key, did you mean dockerfile\?/],
  ];
  for (const [words, wanted] of cases) assert.match(await refusal(...words), wanted);
});

test('a secret in the wrong place is refused and not shown', async () => {
  const canary = 'canary7c1e5f0a';
  const cases: [string, RegExp][] = [
    [`build: { images: { a: { secrets: { npm: ${canary} } } } }`, /secrets\.npm: must say where the secret is/],
    [`build:\n  images:\n    a:\n      secrets:\n        npm: ${canary}`, /secrets\.npm: must say where the secret is/],
    [`build: { images: { a: { secrets: ${canary} } } }`, /secrets: must be a map/],
    [`build: { images: { a: { secrets: { npm: { value: ${canary} } } } } }`, /secrets\.npm/],
    [`build: { images: { a: { args: { NPM_TOKEN: ${canary} } } } }`, /args\.NPM_TOKEN: would be readable by anybody/],
    [`build: { images: { a: { cache_to: ["type=s3,secret_access_key=${canary}"] } } }`, /cache_to\.0: has a secret/],
  ];
  for (const [build, wanted] of cases) {
    const said = await refusal(build);
    assert.match(said, wanted);
    assert.not.match(said, canary);
  }
  assert.ok(await built('build: { images: { a: { args: { SECRET_KEY_BASE_DUMMY: 1 } } } }'));
});

test('an upstream has defaults, and what would start a program, show a secret or leave the tree is refused', async () => {
  const of = (...lines: string[]) => `build:\n  upstream:\n${lines.map(line => `    ${line}`).join('\n')}`;
  const plain = await built(of('repository: https://github.com/basecamp/writebook.git'));
  assert.equal(plain?.upstream, {
    repository: 'https://github.com/basecamp/writebook.git',
    branch: undefined,
    patches: 'patches',
    files: {},
    ga4: undefined,
    versionFile: undefined,
    pullRequest: { branch: 'upstream-sync', base: undefined, github: undefined },
  });
  for (const address of ['git@github.com:a/b.git', 'ssh://git@h.test:2222/a/b', '/srv/git/b.git'])
    assert.is((await built(of(`repository: ${address}`)))?.upstream?.repository, address);
  for (const address of [
    'https://ana:canary@github.com/a/b',
    'ext::sh -c x',
    '-x',
    '--upload-pack=x',
    'a/b',
    'file:///x',
    'git@h.test:-x',
  ]) {
    const said = await refusal(of(`repository: "${address}"`));
    assert.match(said, 'build.upstream.repository: must be an address', address);
    assert.not.match(said, 'canary');
  }
  const good = 'repository: /srv/git/b.git';
  const token = await refusal(of(good, 'pull_request: { token: canary-token }'));
  assert.match(token, 'build.upstream.pull_request.token');
  assert.not.match(token, 'canary');
  assert.match(await refusal(of(good, 'ga4: { id: "G-AB12\');alert(1)//", file: x }')), 'must be a measurement id');
  assert.match(await refusal(of(good, 'pull_request: { url: "https://h.test/api/v3" }')), 'needs token');
  assert.match(
    await refusal(of(good, 'pull_request: { branch: main, base: main }')),
    'is the branch that it is to be merged into',
  );
  assert.match(await refusal(of(good, 'version_file: x', 'files: { x: y }')), 'x is written twice');
  assert.match(await refusal(of(good, 'files: { a/../../x: y }')), 'must be a path inside');
});

test.run();
