// Trees of all kinds of files through a full pack, a night of changes, a drill, a restore in place and one into a folder: the same afterwards, or told.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isComplete, type CompleteBackup } from '../../../../lib/backup/catalog.ts';
import { run } from '../../../../lib/host/run.ts';
import { restoreToFolder } from '../../../../lib/backup/restore/to-folder.ts';
import type { Manifest } from '../../../../lib/backup/manifest.ts';
import { openBackup } from '../../../../lib/backup/verify/open.ts';
import { packsOf } from '../../../../lib/backup/files/pack-chain.ts';
import { bringFiles, swapFiles, type Replacement } from '../../../../lib/backup/restore/stage-data.ts';
import { matcher, selectionOf } from '../../../../lib/backup/restore/selection.ts';
import { makeNights, quiet, type Nights } from '../../../support/backup/nights.ts';
import { changeTree, chanceOf, growTree, lateFolders, makeSpecial, pictureOf } from '../../../support/backup/trees.ts';

const asRoot = process.getuid?.() === 0;
const rounds = process.env.BOOKOPS_TORTURE === '1' ? 40 : 1;
const treesInRound = rounds > 1 || process.env.BOOKOPS_SEED ? 25 : 10;

let seen = 0;
let told = 0;

for (let round = 1; round <= rounds; round++)
  test(`trees of round ${round} come back as they were, or it was told`, async () => {
    const nights = makeNights({ as: userInfo().username });
    try {
      const chance = chanceOf(Number(process.env.BOOKOPS_SEED ?? 0) + round);
      const special: [string, Buffer][] = [];
      const homes = Array.from({ length: treesInRound }, (_, index) => join(nights.uploads, `tree ${index}`));
      for (const home of homes) growTree(home, chance, special);
      makeSpecial(special);
      writeFileSync(join(nights.uploads, 'bulk'), Buffer.alloc(9_000_000));
      await pause(3100);
      const full = await stored(nights, `round ${round}, full`);
      for (const home of homes) for (let index = 0; index < 4; index++) changeTree(home, chance);
      const changes = await stored(nights, `round ${round}, changes`);
      assert.is(changes.manifest.base?.id, full.manifest.id, nights.said.join());
      for (const one of [changes, full]) await putBack(nights, one);
      seen += treesInRound;
    } finally {
      execFileSync('chmod', ['-R', 'u+rwX', nights.folder]);
      // Node's own does not reach paths that no system call takes
      execFileSync('rm', ['-rf', nights.folder]);
    }
  });

type Stored = { manifest: Manifest; before: string[]; late: Set<string>; what: string };

/** Backed up, drilled as somebody who gives owners to nobody, and restored into a folder. */
async function stored(nights: Nights, what: string): Promise<Stored> {
  const late = lateFolders(nights.uploads);
  const before = pictureOf(nights.uploads, asRoot, late);
  const mine = pictureOf(nights.uploads, false, late).kept;
  const manifest = await nights.backUp();
  const noted = manifest.files?.noted.join('\n') ?? '';
  const counts = [...noted.matchAll(/left out: (?:(\d+) times )?(.*)/g)];
  // what is too deep for a system call cannot be looked at by this program either
  const counted = counts
    .filter(([, , words]) => !words?.includes('a path of more'))
    .map(([, count]) => Number(count ?? 1));
  assert.is(counted.reduce((sum, one) => sum + one, 0), before.leftOut.length, `${what}: ${noted}`); // prettier-ignore
  told += before.leftOut.length;

  const drilled = await nights.open(manifest.id);
  assert.ok(drilled.checks.every(check => check.good));
  same(pictureOf(join(drilled.files, 'shared/uploads'), false, late).kept, mine, `${what}, drill`);
  const held = await heldOf(nights, manifest);
  const folder = join(nights.folder, `to-${manifest.id}`);
  const around = { connect: async () => nights.way.host, report: quiet, signal: nights.way.signal };
  await restoreToFolder(around, held, selectionOf(nights.target, held, []), undefined, folder);
  same(pictureOf(join(folder, 'files/shared/uploads'), false, late).kept, mine, `${what}, --to`);
  return { manifest, before: before.kept, late, what };
}

async function putBack(nights: Nights, { manifest, before, late, what }: Stored): Promise<void> {
  const held = await heldOf(nights, manifest);
  const wanted = selectionOf(nights.target, held, []);
  const scratch = join(nights.folder, `scratch-${manifest.id}`);
  mkdirSync(scratch);
  const found = matcher(wanted);
  const how = { parts: wanted.parts, identity: undefined, unpack: false, finder: found, trial: undefined };
  await openBackup(nights.way, held, scratch, quiet, [], how);
  const packs = packsOf(held);
  if (!packs) throw new Error('no packs');
  const back: Replacement = { target: nights.target, stamp: manifest.id, database: undefined, paths: wanted.paths };
  await run(nights.way, bringFiles(back, scratch, packs, found.meant()), 'bringing');
  await run(nights.way, swapFiles(back).run, 'exchanging');
  same(pictureOf(nights.uploads, asRoot, late).kept, before, `${what}, in place`);
}

async function heldOf(nights: Nights, { id }: Manifest): Promise<CompleteBackup> {
  const held = (await nights.held()).find(one => one.id === id);
  if (!held || !isComplete(held)) throw new Error(`${id} is not whole`);
  return held;
}

function same(found: string[], wanted: string[], what: string): void {
  const [has, had] = [new Set(found), new Set(wanted)];
  const more = found.filter(line => !had.has(line));
  const less = wanted.filter(line => !has.has(line));
  assert.equal({ more: more.slice(0, 5), less: less.slice(0, 5) }, { more: [], less: [] }, what);
}

test.after(() => console.log(`${seen} trees, ${told} things of them told to be left out`));
test.run();
