// Deploy after deploy: the disk holds the rollback set and no more, and a clean-up that fails is no failed deploy.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arsventOnDroplet, arsventRoot } from '../support/sites/arsvent.ts';
import { bibliothecaOnDroplet, bibliothecaPlace, bibliothecaRoot } from '../support/sites/bibliotheca.ts';
import { ended, isLive, look } from '../support/sites/look.ts';

const torture = process.env['BOOKOPS_TORTURE'] === '1';
const rounds = torture ? 50 : 4;
/** compose.test.ts sees in each run that images go with their releases. */
const inTorture = torture ? test : () => {};
const keep = 3;
/** What one release adds to the disk at least, so that one that stays behind shows. */
const filling = 4_000_000;

/** The next version of the app: another large file that nothing compresses. */
function nextCommit(repo: string, path: string): string {
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', ...words], { cwd: repo });
  writeFileSync(join(repo, path), randomBytes(filling));
  git('add', '--all');
  git('commit', '--quiet', '--message=Another edition');
  return git('rev-parse', 'HEAD').toString().trim();
}

/** What grew since `before` must fit into what the full rollback set took, and a twentieth more. */
function fits(before: number, full: number, after: number): void {
  const set = full - before;
  const grown = after - before;
  console.log(JSON.stringify({ rounds, rollbackSet: set, grown, ratio: Number((grown / set).toFixed(3)) }));
  assert.ok(set > keep * filling, `the rollback set takes ${set} bytes, so the measure sees releases`);
  assert.ok(grown <= set * 1.05, `${grown} bytes after ${rounds} deploys, the rollback set is ${set}`);
}

test(`systemd: ${rounds} deploys leave the rollback set on the disk and nothing else`, async () => {
  const { droplet, app, site } = await bibliothecaOnDroplet('many-systemd');
  site.rewrite(text => text.replaceAll('keep: 5', `keep: ${keep}`).replaceAll('keep: 7', 'keep: 2'));
  const root = bibliothecaRoot.staging;
  const used = async () => Number((await droplet.root(`du -s -B1 ${root} | cut -f1`)).stdout);
  const before = await used();
  let full = 0;
  let previous = '';
  for (let round = 1; round <= rounds; round++) {
    const sha = nextCommit(app.repo, 'edition.bin');
    ended(await site.task('deploy', '--env', 'staging', '--sha', sha), 0);
    if (round === keep) full = await used();
    if (round === rounds) isLive(await look(droplet, bibliothecaPlace('staging')), sha, previous);
    previous = sha;
  }
  fits(before, full, await used());

  // the oldest release cannot be removed: a warning, and a live release all the same
  const oldest = (await droplet.root(`ls -d ${root}/releases/2* | head -n 1`)).stdout.trim();
  await droplet.root(`chattr +i ${oldest}/REVISION`);
  const sha = nextCommit(app.repo, 'edition.bin');
  const said = ended(await site.task('deploy', '--env', 'staging', '--sha', sha), 0);
  assert.match(said.stderr, /Remove 1 old release failed; the release is live anyway/);
  isLive(await look(droplet, bibliothecaPlace('staging')), sha, previous);
  await droplet.root(`chattr -i ${oldest}/REVISION`);
  ended(await site.task('deploy', '--env', 'staging', '--sha', nextCommit(app.repo, 'edition.bin')), 0);
  assert.is((await droplet.root(`ls -d ${root}/releases/2* | wc -l`)).stdout.trim(), String(keep));
});

inTorture(
  `compose: ${rounds} deploys leave the rollback set on the disk and nothing else, and it can be gone back to without a registry`,
  async () => {
    const { droplet, registry, app, site } = await arsventOnDroplet('many-compose');
    site.rewrite(text => text.replaceAll('keep: 5', `keep: ${keep}`).replaceAll('keep: 7', 'keep: 2'));
    const root = arsventRoot.staging;
    const used = async () =>
      Number(
        (await droplet.root(`du -s -B1 ${root} /var/lib/docker/overlay2 | awk '{sum += $1} END {print sum}'`)).stdout,
      );
    const publish = async () => {
      const sha = nextCommit(app.repo, 'frontend/edition.bin');
      for (const part of ['backend', 'frontend'] as const)
        await registry.pushImage(`arsvent-${part}`, sha, await app.contextFor(sha, part));
      return sha;
    };
    // what all releases share comes with the first one
    const first = await publish();
    ended(await site.task('deploy', '--env', 'staging', '--sha', first), 0);
    const before = (await used()) - filling;
    let full = 0;
    const shas = [first];
    for (let round = 2; round <= rounds; round++) {
      shas.push(await publish());
      ended(await site.task('deploy', '--env', 'staging', '--sha', shas.at(-1) ?? ''), 0);
      if (round === keep) full = await used();
    }
    fits(before, full, await used());
    await registry.stop();
    ended(await site.task('rollback', '--env', 'staging', '--to', shas.at(-keep) ?? ''), 0);
    const beyond = ended(await site.task('rollback', '--env', 'staging', '--to', first), 1);
    assert.match(beyond.stderr, /registry/);
  },
);

test.run();
