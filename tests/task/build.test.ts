// tasks/build.ts as a person runs it, with a stand-in for docker: what is refused before anything is built, the order, and what an interruption leaves.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ended } from '../support/sites/look.ts';
import { makeSite } from '../support/sites/site.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bookops-build-task-'));
test.after(() => rmSync(scratch, { recursive: true }));
const [repo, bin, engine, temporary] = ['clone', 'bin', 'engine', 'tmp'].map(name => join(scratch, name)) as [string, string, string, string]; // prettier-ignore
for (const folder of [repo, bin, engine, temporary]) mkdirSync(folder);
const standIn = readFileSync(join(import.meta.dirname, '../support/build/docker.sh'), 'utf8');
// tasks pass no variable of ours on to docker
writeFileSync(join(bin, 'docker'), standIn.replace('cd "$STAND_IN"', `cd '${engine}'`), { mode: 0o755 });

const git = (...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', '-C', repo, ...words], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: scratch,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_COMMITTER_DATE: '2026-11-20T12:00:00Z',
    },
  }).trim();
const commit = (message: string) => {
  git('add', '--all');
  git('commit', '--quiet', '--message', message);
  return git('rev-parse', 'HEAD');
};
git('init', '--quiet', '--initial-branch=main');
git('remote', 'add', 'origin', 'https://ana:canary-of-git@github.com/Ana/book.git');
writeFileSync(join(repo, 'Dockerfile'), 'FROM scratch\nARG COMMIT_SHA\nCOPY . /\n');
writeFileSync(join(repo, 'compose.yml'), 'services: { web: { image: "ghcr.io/ana/book:${IMAGE_TAG}" } }\n');
const good = commit('A book');

const canary = `canary-${process.pid}-of-npm`;
const ops = (build: string) => `hosts: { here: local }
apps:
  book:
    host: here
    repo: ${repo}
    root: /srv/book
    runtime: compose
    compose: { file: compose.yml, service: web, registry: { server: ghcr.io, username: Ana, password: { env: T } } }
    health: { ready: http://127.0.0.1:8000/up }
    ${build}
    environments: { staging: {} }
`;
const trial = 'build: { images: { book: { smoke: { seconds: 1 }, secrets: { npm: { env: NPM_TOKEN } } } } }';
const untried = trial.replace('smoke: { seconds: 1 }, ', '');
const site = makeSite(ops(trial), {
  PATH: `${bin}:${process.env['PATH'] ?? ''}`,
  TMPDIR: temporary,
  NPM_TOKEN: canary,
});
const build = (...words: string[]) => site.task('build', '--env', 'staging', ...words);
const calls = () => readFileSync(join(engine, 'calls'), 'utf8').trim().split('\n');
const asked = (word: string) => calls().filter(call => call.startsWith(word)).length;
/** The stand-in behaves as these files say. */
function behave(files: Record<string, string> = {}): void {
  rmSync(engine, { recursive: true });
  mkdirSync(engine);
  for (const [name, text] of Object.entries({ calls: '', state: '{"Running":true}', ...files }))
    writeFileSync(join(engine, name), text);
}
test.before.each(() => {
  behave();
  site.rewrite(() => ops(trial));
});

test('an image is built from the commit’s files, tried out, pushed, and read back', async () => {
  writeFileSync(join(repo, 'compose.yml'), 'services: {}\n');
  writeFileSync(join(repo, 'untracked'), 'x');
  const said = ended(await build('--json'), 0);
  git('checkout', '--quiet', '--', '.');
  rmSync(join(repo, 'untracked'));
  const reference = `ghcr.io/ana/book:${good}`;
  const digest = `sha256:${'7'.padStart(64, '0')}`;
  assert.equal(said.json['images'], [{ name: 'book', reference, digest, id: 'sha256:built', outcome: 'pushed' }]);
  assert.is(said.json['next'], `npx tsx tasks/deploy.ts --env staging --app book --sha ${good}`);
  assert.match(said.stderr, /has changes that are in no commit: they are not in the images/);
  assert.equal(readFileSync(join(engine, 'files'), 'utf8'), 'Dockerfile\ncompose.yml\n');
  assert.is(readFileSync(join(engine, 'variables'), 'utf8').trim(), '1');
  assert.equal(
    calls().map(call =>
      call
        .split(' ')
        .slice(0, 2)
        .join(' ')
        .replace(/ (sha256|ghcr|bookops).*/, ''),
    ),
    ['buildx version', 'version --format', 'buildx imagetools', 'buildx build', 'image inspect', 'save', 'ps --all', 'run --detach', 'inspect --format', 'inspect --format', 'rm --force', 'push', 'buildx imagetools'], // prettier-ignore
  );
  const words = calls().find(call => call.startsWith('buildx build')) ?? '';
  assert.match(words, `--build-arg COMMIT_SHA=${good}`);
  assert.match(words, '--label org.opencontainers.image.created=2026-11-20T12:00:00Z');
  assert.match(words, '--label org.opencontainers.image.source=https://github.com/Ana/book ');
  assert.not.match(calls().join() + said.stdout + said.stderr, /canary/);
  assert.equal(readdirSync(temporary), []);

  const again = ended(await build(), 0);
  assert.match(again.stdout, `the registry has the image of ${good.slice(0, 7)} already: nothing to do`);
  assert.match(again.stdout, `next: npx tsx tasks/deploy.ts --env staging --app book --sha ${good}`);
  assert.is(asked('buildx build'), 1);
  site.rewrite(() => ops(untried));
  ended(await build('--rebuild'), 0);
  assert.is(asked('buildx build'), 2);
});

test('a plan says what would be done, and does nothing', async () => {
  const said = ended(await build('--plan'), 0);
  assert.is(
    said.stdout,
    `1. Export the files of ${good.slice(0, 7)}\n2. Build book\n3. Smoke test of book\n4. Push ghcr.io/ana/book:${good}\n`,
  );
  assert.equal([asked('buildx build'), asked('run'), asked('push')], [0, 0, 0]);
  const local = ended(await build('--plan', '--no-push'), 0);
  assert.match(local.stdout, `4. Push ghcr.io/ana/book:${good}: --no-push\n`);
  assert.is(asked('buildx imagetools'), 1, 'without a push the registry is not asked');
});

test('without a push the image stays here', async () => {
  site.rewrite(() => ops(untried));
  const said = ended(await build('--no-push'), 0);
  assert.match(said.stdout, /is built, and nothing was pushed\n.*sha256:built +built\n$/);
  assert.is(asked('push'), 0);
});

test('an image that does not go on running is not pushed, its last lines are told, and it is removed', async () => {
  behave({ state: '{"Running":false,"ExitCode":1}' });
  const ends = ended(await build(), 1);
  assert.match(ends.stderr, 'book did not pass its smoke test, so nothing was pushed: it ended with code 1');
  assert.match(ends.stderr, /its last lines:\n.*listening on nothing\n.*Error: no such table: books/);
  behave({ state: '{"Running":true,"Health":{"Status":"starting","Log":[{"Output":"connection refused"}]}}' });
  const late = ended(await build(), 1);
  assert.match(late.stderr, 'it was not ready after 1 s: is starting by its health check: connection refused');
  assert.equal([asked('rm --force'), asked('push')], [1, 0]);
  assert.equal(readdirSync(temporary), []);
});

test('an image with a secret in it is not even started', async () => {
  behave({ leaks: `token=${canary}` });
  const { stderr } = ended(await build(), 1);
  assert.match(stderr, 'book has the value of npm in it, so nothing was pushed');
  assert.equal([asked('run'), asked('push')], [0, 0]);
  assert.not.match(stderr, canary);
});

test('what a build prints is told without the secret, also when it fails', async () => {
  behave({ 'says-secret': '', fails: '' });
  for (const words of [['--verbose'], ['--json']]) {
    const said = ended(await build(...words), 1);
    assert.match(said.stderr, 'book cannot be built, so nothing was pushed');
    assert.match(said.stderr, 'the token is [secret]');
    assert.not.match(said.stdout + said.stderr, canary);
  }
});

test('an interruption ends the build and removes the container, and nothing is pushed', async () => {
  behave({ state: '{"Running":true,"Health":{"Status":"starting"}}' });
  site.rewrite(text => text.replace('seconds: 1', 'seconds: 60'));
  const running = site.start('build', '--env', 'staging');
  while (!existsSync(join(engine, 'calls')) || !asked('inspect')) await new Promise(next => setTimeout(next, 50));
  running.child.kill('SIGINT');
  const said = await running.ended;
  assert.is(said.code, 130, said.stderr);
  assert.ok(asked('rm --force') >= 1);
  assert.is(asked('push'), 0);
  assert.equal(readdirSync(temporary), []);
});

test('what keeps images from being built is explained with the way out', async () => {
  behave({ 'no-buildx': '' });
  assert.match(
    ended(await build(), 1).stderr,
    /docker has no buildx on this machine.*\n[^]*apt-get install docker-buildx/,
  );
  behave({ 'no-engine': '' });
  assert.match(
    ended(await build(), 1).stderr,
    /engine cannot be reached[^]*Is the docker daemon running[^]*systemctl start/,
  );
  behave({ refuses: '' });
  const refused = ended(await build(), 1).stderr;
  assert.match(refused, /ghcr\.io does not let this machine's docker work with ghcr\.io\/ana\/book\n/);
  assert.match(refused, /→ docker login ghcr\.io, as a user who may push there/);
  const other = `registry-ghcr_io_ana_book_${good}`;
  behave({ [other]: JSON.stringify({ manifest: { digest: `sha256:${'1'.repeat(64)}` }, image: { config: {} } }) });
  assert.match(ended(await build(), 1).stderr, /has no label org\.opencontainers\.image\.revision[^]*--rebuild/);

  const bare = makeSite(ops(trial), { PATH: join(scratch, 'none'), NPM_TOKEN: canary });
  mkdirSync(join(scratch, 'none'));
  symlinkSync(execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim(), join(scratch, 'none/git'));
  const none = ended(await bare.task('build', '--env', 'staging'), 1).stderr;
  assert.match(none, /docker is not on this machine[^]*apt-get install docker\.io docker-buildx/);
});

test('what cannot be built is refused before docker is asked', async () => {
  assert.match(ended(await build('--sha', good, '--ref', 'main'), 2).stderr, '--sha and --ref cannot be combined');
  assert.match(ended(await build('--ref', 'mian'), 2).stderr, /git knows no commit called "mian"[^]*did you mean main/);
  site.rewrite(() => ops('# none'));
  assert.match(ended(await build(), 3).stderr, /book staging has no build in ops\.yml[^]*build: \{\} is enough/);
  site.rewrite(() => ops('build: { images: { book: { context: web } } }'));
  assert.match(ended(await build(), 3).stderr, `the folder web is not in the commit ${good.slice(0, 7)}`);
  site.rewrite(() => ops('build: { images: { book: { dockerfile: Dockerfile.prod } } }'));
  assert.match(ended(await build(), 3).stderr, /Dockerfile\.prod is not in the commit .*\n.*it has: Dockerfile\n/);
  assert.equal(calls(), ['']);
});

test('a Dockerfile or a context that is a link leads nowhere', async () => {
  git('checkout', '--quiet', '-b', 'links');
  symlinkSync('/etc/hostname', join(repo, 'Dockerfile.link'));
  symlinkSync('/etc', join(repo, 'etc'));
  const sha = commit('Links');
  git('checkout', '--quiet', 'main');
  for (const image of ['dockerfile: Dockerfile.link', 'context: etc', 'dockerfile: etc/hostname']) {
    site.rewrite(() => ops(`build: { images: { book: { ${image} } } }`));
    assert.match(ended(await build('--sha', sha), 3).stderr, 'is not in the commit');
  }
  assert.equal(calls(), ['']);
});

test('a secret that is not there is told before anything is built, and a name that no service has is told too', async () => {
  site.rewrite(() => ops(trial.replace('NPM_TOKEN', 'NOT_SET')));
  assert.match(ended(await build(), 3).stderr, 'the environment variable NOT_SET is not set');
  assert.is(asked('buildx build'), 0);
  site.rewrite(() => ops('build: { images: { bok: {} } }'));
  const said = ended(await build('--plan'), 0);
  assert.match(said.stderr, `no service of compose.yml has the image ghcr.io/ana/bok:${good}: it has ghcr.io/ana/book:${good}`); // prettier-ignore
});

test.run();
