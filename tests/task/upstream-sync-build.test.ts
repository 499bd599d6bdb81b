// Images of a patched upstream, with a stand-in for docker: what is in them and on them, and a sync that does not pass its trial.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ended } from '../support/sites/look.ts';
import { makeClone, makePatched, styles } from '../support/upstream/upstream.ts';

const bin = mkdtempSync(join(tmpdir(), 'bookops-test-bin-'));
const all = makePatched(
  [
    'files: { app/custom.css: brand/custom.css, app/fonts: brand/fonts, app/cover.png: brand/fonts/book.woff2 }',
    'ga4: { id: G-AB12CD34EF, file: app/analytics.html.erb }',
    'version_file: public/version.json',
  ],
  { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
);
const { site, own, upstream, scratch, temporary, first } = all;
const engine = join(scratch, 'engine');
mkdirSync(engine);
test.after(() => {
  rmSync(bin, { recursive: true });
  all.remove();
});
const standIn = readFileSync(join(import.meta.dirname, '../support/build/docker.sh'), 'utf8');
// the files themselves, too
const keeping = standIn.replace('if [ -e says-secret ]', 'rm -rf kept; cp -r "$last" kept; if [ -e says-secret ]');
writeFileSync(join(bin, 'docker'), keeping.replace('cd "$STAND_IN"', `cd '${engine}'`), { mode: 0o755 });
const reset = (state = '{"Running":true}') => {
  for (const name of readdirSync(engine)) rmSync(join(engine, name), { recursive: true });
  writeFileSync(join(engine, 'calls'), '');
  writeFileSync(join(engine, 'state'), state);
};
const calls = () => readFileSync(join(engine, 'calls'), 'utf8').trim().split('\n');
const kept = (path: string) => readFileSync(join(engine, 'kept', path), 'utf8');
const origin = makeClone(all.origin, scratch);

test('an image has upstream’s files with the patches, the own ones and the snippet, and says which', async () => {
  reset();
  ended(await site.task('patch', 'make', '--env', 'staging', '--base', 'v1.0'), 0);
  const folder = join(scratch, 'opened');
  ended(await site.task('patch', 'open', folder, '--env', 'staging'), 0);
  makeClone(folder, scratch).commit('[css] Auto', { 'app/styles.css': styles.replace('margin: 0', 'margin: auto') });
  ended(await site.task('patch', 'make', '--env', 'staging', '--clone', folder), 0);
  const sha = own.commit('Patches');
  own.git('push', '--quiet', 'origin', 'main');

  const checked = ended(await site.task('patch', 'check', '--env', 'staging', '--json'), 0);
  const plan = ended(await site.task('build', '--env', 'staging', '--plan'), 0);
  assert.match(
    plan.stdout,
    `upstream ${first.slice(0, 7)}, 1 patches, 5 files\n1. Export the files of ${sha.slice(0, 7)}`,
  );
  const said = ended(await site.task('build', '--env', 'staging', '--json'), 0);
  assert.match(said.stderr, 'brand/fonts/book.woff2 replaces upstream’s app/cover.png');
  assert.match(kept('app/styles.css'), 'margin: auto');
  assert.is(kept('app/custom.css'), 'h1 { color: teal }\n');
  assert.match(kept('app/analytics.html.erb'), "gtag('config', 'G-AB12CD34EF')");
  assert.not.match(kept('app/analytics.html.erb'), '<%');
  assert.is(readFileSync(join(engine, 'kept/app/cover.png')).toString('hex'), '000102ff');
  const version = JSON.parse(kept('public/version.json')) as Record<string, unknown>;
  assert.equal([version['commitSha'], version['upstreamCommit'], version['patchesSha256']], [sha, first, checked.json['sha256']]); // prettier-ignore
  const words = calls().find(call => call.startsWith('buildx build')) ?? '';
  for (const label of [
    `org.opencontainers.image.revision=${sha}`,
    `bookops.upstream.commit=${first}`,
    `bookops.patches.sha256=${String(checked.json['sha256'])}`,
  ])
    // prettier-ignore
    assert.match(words, `--label ${label} `);
  assert.match(words, `--build-arg UPSTREAM_COMMIT=${first}`);
  assert.equal(readdirSync(temporary), []);
});

test('what has no place in upstream’s tree, or is not in the commit, is refused before anything is built', async () => {
  reset();
  const refused = async (files: string, expected: string) => {
    site.rewrite(ops => ops.replace(/files: .*/, `files: ${files}`));
    assert.match(ended(await site.task('build', '--env', 'staging'), 3).stderr, expected);
  };
  const good = /files: (.*)/.exec(readFileSync(join(site.folder, 'ops.yml'), 'utf8'))?.[1] ?? '';
  await refused('{ app: brand/custom.css }', 'app cannot be added to upstream’s tree: there is a folder of that name');
  await refused('{ app/styles.css/x: brand/custom.css }', 'app/styles.css is a file or a link there');
  await refused('{ x: brand/none.css }', 'brand/none.css is not in the commit');
  await refused('{ ../x: brand/custom.css }', 'must be a path inside');
  await refused('{ .git/config: brand/custom.css }', 'must be a path inside upstream’s tree');
  assert.is(calls().filter(call => call.startsWith('buildx build')).length, 0);
  site.rewrite(ops => ops.replace(/files: .*/, `files: ${good}`));
});

test('a sync is built and tried out before it is pushed; what does not pass is not', async () => {
  upstream.commit('Second', { new: '1' });
  upstream.git('push', '--quiet', 'origin', 'main');
  site.rewrite(ops => ops.replace('    build:\n', '    build:\n      images: { book: { smoke: { seconds: 1 } } }\n'));
  reset('{"Running":false,"ExitCode":1}');
  const said = ended(await site.task('upstream-sync', '--env', 'staging'), 1);
  assert.match(said.stderr, 'with the patches: book did not pass its smoke test');
  assert.match(said.stderr, 'Error: no such table: books');
  assert.is(origin.git('for-each-ref', 'refs/heads/upstream-sync'), '');
  assert.equal(readdirSync(temporary), []);

  reset();
  const done = ended(await site.task('upstream-sync', '--env', 'staging', '--json'), 0);
  assert.is(done.json['pushed'], true);
  assert.is(kept('new'), '1');
  assert.match(kept('public/version.json'), `"commitSha":"${String(done.json['commit'])}"`);
  assert.match(calls().at(-1) ?? '', `image rm ghcr.io/ana/book:${String(done.json['commit'])}`);
  assert.is(calls().filter(call => call.startsWith('push')).length, 0);
  reset();
  ended(await site.task('upstream-sync', '--env', 'staging'), 0);
  assert.equal(calls(), [''], 'what is there was tried out before');
});

test.run();
