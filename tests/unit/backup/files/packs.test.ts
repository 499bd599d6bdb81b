// A full pack and the changes over it: whatever was done to the files, both together give them back to the byte; what nobody promised is refused.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseBase } from '../../../../lib/backup/files/choose-base.ts';
import type { StoredBackup } from '../../../../lib/backup/catalog.ts';
import { surveyFiles } from '../../../../lib/backup/files/survey.ts';
import { readSent } from '../../../../lib/backup/files/tar-stream.ts';
import { manifestName, type Part } from '../../../../lib/backup/manifest.ts';
import { inspectPacks } from '../../../../lib/backup/files/pack-chain.ts';
import { layersOf } from '../../../../lib/backup/files/unpack.ts';
import type { BackupFiles } from '../../../../lib/target/backup-settings.ts';
import { Failure } from '../../../../lib/errors.ts';
import { contentOf, makeNights, type Nights } from '../../../support/backup/nights.ts';
import { failure } from '../../../support/failing.ts';
import { below, seeded } from '../../../support/faults/hostile.ts';

const open: Nights[] = [];
const nightsOf = (...more: Parameters<typeof makeNights>): Nights => {
  const made = makeNights(...more);
  open.push(made);
  return made;
};
test.after(() => {
  for (const one of open) one.clean();
});

/** What changed in the last seconds never counts as unchanged. */
const settle = () => pause(3100);
const big = Buffer.alloc(600_000, 'a page of a book ');

function writeTree(uploads: string): void {
  const at = (path: string) => join(uploads, path);
  for (const folder of ['chapters/one', 'chapters/two', 'covers', 'locked', 'odd\nname', 'kind'])
    mkdirSync(at(folder), { recursive: true });
  writeFileSync(at('big'), big);
  for (let index = 0; index < 40; index++) writeFileSync(at(`chapters/one/${index}`), `page ${index}`);
  for (const name of [
    'same size',
    'set back',
    'goes',
    'kind/file',
    'a\nb',
    'tab\tname',
    '-n',
    'back\\slash',
    'ü „“',
    '\x01',
  ])
    writeFileSync(at(name), 'before');
  writeFileSync(Buffer.concat([Buffer.from(at('bytes ')), Buffer.from([0xff, 0xfe])]), 'no UTF-8');
  writeFileSync(at('odd\nname/x'), 'x');
  writeFileSync(at('locked/inside'), 'inside');
  writeFileSync(at('locked/stays'), 'stays');
  linkSync(at('goes'), at('second name'));
  linkSync(at('chapters/one/0'), at('chapters/the same'));
  symlinkSync('../big', at('covers/link'));
  symlinkSync('chapters', at('folder link'));
}

test('whatever was done to the files, a full pack and one pack of changes give them back to the byte', async () => {
  const nights = nightsOf({ as: userInfo().username });
  const at = (path: string) => join(nights.uploads, path);
  writeTree(nights.uploads);
  const old = new Date('2020-02-02T02:02:02Z');
  utimesSync(at('set back'), old, old);
  chmodSync(at('locked'), 0o555);
  await settle();

  const full = await nights.backUp();
  assert.is(full.base, undefined);
  assert.equal(full.parts.map(part => part.name), ['files.tar.zst']); // prettier-ignore
  const same = async () => assert.equal(contentOf(join((await nights.open()).files, 'shared')), contentOf(join(nights.root, 'shared'))); // prettier-ignore
  await same();

  writeFileSync(at('same size'), 'beforE');
  writeFileSync(at('set back'), 'behind');
  utimesSync(at('set back'), old, old);
  unlinkSync(at('goes'));
  renameSync(at('chapters/one'), at('chapters/renamed'));
  rmSync(at('kind'), { recursive: true });
  writeFileSync(at('kind'), 'a file where a folder was');
  unlinkSync(at('a\nb'));
  renameSync(at('odd\nname'), at('odder\nname'));
  unlinkSync(at('covers/link'));
  mkdirSync(at('covers/link'));
  writeFileSync(at('covers/link/now a folder'), 'x');
  unlinkSync(at('folder link'));
  symlinkSync('covers', at('folder link'));
  linkSync(at('-n'), at('chapters/another name of -n'));
  chmodSync(at('locked'), 0o755);
  unlinkSync(at('locked/inside'));
  writeFileSync(at('locked/new'), 'new');
  chmodSync(at('locked'), 0o555);
  chmodSync(at('tab\tname'), 0o600);
  mkdirSync(at('empty'));
  const changes = await nights.backUp();
  assert.is(changes.base?.id, full.id, nights.said.join());
  assert.equal(changes.parts.map(part => part.name), ['changes.tar.zst', 'gone.zst']); // prettier-ignore
  await same();
  // the next night builds on the full pack again, and not on this one
  rmSync(at('chapters/two'), { recursive: true });
  writeFileSync(at('kind'), 'before');
  assert.is((await nights.backUp()).base?.id, full.id);
  await same();

  writeFileSync(at('big'), big);
  assert.is((await nights.backUp()).base, undefined);
  assert.match(nights.said.join(), 'more than half of them changed');
  assert.is((await nights.backUp()).base, undefined, 'big was young when it was looked at, so it may have changed');
  await same();
});

/** Made anew from its number, so that a failure can be looked at. */
function random(seed: number) {
  const next = seeded(seed * 2_654_435_761 + 1);
  return (limit: number) => below(next, limit);
}

const words = [
  'a',
  'b',
  'c d',
  'line\nend',
  'tab\tbed',
  '-x',
  'q"q',
  'sl\\ash',
  '„ü“',
  '*',
  '[a]',
  'n.tmp',
  'cache',
  '\x7f',
];

/** One thing that people, apps and rsync do to files. */
function change(uploads: string, below: (limit: number) => number): void {
  const all = readdirSync(uploads, { recursive: true, encoding: 'utf8' }).filter(name => name !== 'bulk');
  const pick = () => join(uploads, all[below(all.length)] ?? 'a');
  const fresh = () => {
    const folders = ['', ...all.filter(name => lstatSync(join(uploads, name)).isDirectory())];
    return join(uploads, folders[below(folders.length)] ?? '', `${words[below(words.length)] ?? ''}${below(3) || ''}`);
  };
  const [one, other] = [pick(), fresh()];
  const is = (path: string) => lstatSync(path, { throwIfNoEntry: false });
  const kind = is(one);
  switch (below(9)) {
    case 0:
      if (!is(other)) mkdirSync(other);
      break;
    case 1:
      if (!is(other)) symlinkSync(words[below(3)] ?? 'a', other);
      break;
    case 2:
      if (kind?.isFile() && !is(other)) linkSync(one, other);
      break;
    case 3:
      try {
        if (kind && !is(other)) renameSync(one, other);
      } catch {
        // a folder into itself
      }
      break;
    case 4:
      if (kind) rmSync(one, { recursive: true });
      break;
    case 5:
      // the same size and time as before
      if (kind?.isFile()) {
        writeFileSync(one, Buffer.alloc(kind.size, String(below(10))));
        utimesSync(one, kind.atime, kind.mtime);
      }
      break;
    case 6:
      if (kind && !kind.isSymbolicLink()) chmodSync(one, kind.isDirectory() ? 0o750 : 0o640);
      break;
    case 7:
      // exchanged by a rename, as editors do it
      if (kind?.isFile()) {
        writeFileSync(`${one}~`, 'exchanged');
        renameSync(`${one}~`, one);
      }
      break;
    default:
      if (!is(other)) writeFileSync(other, 'x'.repeat(below(4000)));
  }
}

test('the same for weeks of made-up nights, with folders and names of any kind', async () => {
  const rounds = process.env.BOOKOPS_TORTURE === '1' ? 40 : 3;
  let packs = 0;
  for (let seed = 1; seed <= rounds; seed++) {
    const nights = nightsOf({ exclude: ['*.tmp', 'cache', 'a/b'] });
    const below = random(seed);
    writeFileSync(join(nights.uploads, 'bulk'), Buffer.alloc(900_000, 'z'));
    for (let index = 0; index < 60; index++) change(nights.uploads, below);
    await settle();
    await nights.backUp();
    for (let night = 0; night < 4; night++) {
      for (let index = 0; index < 12; index++) change(nights.uploads, below);
      const manifest = await nights.backUp();
      packs += manifest.base ? 1 : 0;
      const { files } = await nights.open(manifest.id);
      const reference = join(nights.folder, `reference-${night}`);
      // what GNU tar takes of the same folder with the same patterns
      execFileSync('bash', ['-c', 'mkdir "$2"; tar -C "$1" -c --format=posix --exclude "*.tmp" --exclude cache --exclude a/b shared/uploads | tar -xp -C "$2"', 'x', nights.root, reference]); // prettier-ignore
      assert.equal(
        contentOf(join(files, 'shared')),
        contentOf(join(reference, 'shared')),
        `seed ${seed}, night ${night}`,
      );
    }
  }
  assert.is(packs, rounds * 4, 'all but the first nights are packs of changes');
});

test('patterns leave out what tar would leave out', async () => {
  const nights = nightsOf();
  for (const path of [
    'a/b/c',
    'a/x.tmp',
    'x/a/b',
    'cache/y',
    'deep/cache/z',
    'a b',
    '[a]',
    'aXb/c',
    '.hidden/x',
    'ü.tmp',
  ]) {
    mkdirSync(join(nights.uploads, path, '..'), { recursive: true });
    writeFileSync(join(nights.uploads, path), 'x');
  }
  const { backup } = nights.target;
  for (const exclude of [
    ['*.tmp'],
    ['cache'],
    ['a/b'],
    ['uploads/a'],
    ['shared/uploads/x'],
    ['a?b'],
    ['\\[a\\]'],
    ['[[]a]'],
    ['.*'],
    ['*/c', 'x'],
  ]) {
    const files: BackupFiles = { ...(backup?.files as BackupFiles), exclude };
    await surveyFiles(nights.way, nights.target, files, { id: 'x', scratch: nights.folder });
    const found = readFileSync(join(nights.folder, 'inventory'), 'utf8').split('\0').filter(Boolean).map(line => line.replace(/\t[^\t]*$/, '')); // prettier-ignore
    const tar = execFileSync('tar', ['-C', nights.root, '-cvf', '/dev/null', '--quoting-style=literal', ...exclude.map(one => `--exclude=${one}`), 'shared/uploads'], { encoding: 'utf8' }); // prettier-ignore
    assert.equal(found.toSorted(), tar.split('\n').filter(Boolean).toSorted(), exclude.join());
  }
});

test('what vanishes between the look and the reading is noted, and comes back with the changes', async () => {
  const nights = nightsOf();
  const at = (path: string) => join(nights.uploads, path);
  mkdirSync(at('moved'));
  for (const name of ['bulk', 'moved/a', 'moved/b [1], (x).y', 'gone'])
    writeFileSync(at(name), name === 'bulk' ? big : name);
  await settle();
  const outside = join(nights.folder, 'elsewhere');
  const full = await nights.backUp({
    meanwhile() {
      renameSync(at('moved'), outside);
      unlinkSync(at('gone'));
    },
  });
  assert.is(full.files?.count, 2);
  assert.match(full.files?.noted.join('\n') ?? '', 'shared/uploads/moved/a: vanished before it was read');
  // the very same files again, whose own times nobody has touched
  renameSync(outside, at('moved'));
  const changes = await nights.backUp();
  assert.is(changes.base?.id, full.id, nights.said.join());
  assert.equal(contentOf((await nights.open()).files).filter(line => line.includes('moved')).length, 3); // prettier-ignore

  const odd = nightsOf();
  writeFileSync(join(odd.uploads, 'bulk'), big);
  writeFileSync(join(odd.uploads, 'line\nend'), 'x');
  await settle();
  const first = await odd.backUp({ meanwhile: () => unlinkSync(join(odd.uploads, 'line\nend')) });
  assert.is(first.files?.inventory, undefined, 'tar writes that name in another way than it is');
  assert.is((await odd.backUp()).base, undefined);
  assert.match(odd.said.join(), 'no inventory was kept');
});

test('a file that may not be read is a failure and not a note', () => {
  const said = (line: string) =>
    `tar: shared/x: Warning: ${line}\nTotal bytes written: 10240 (10KiB)\ncount 1\ntar 1.34\n`;
  assert.equal(readSent(said('Cannot stat: No such file or directory')).vanished, ['shared/x']);
  for (const line of ['Cannot open: Permission denied', 'Cannot stat: Input/output error'])
    assert.throws(
      () => readSent(said(line)),
      (error: unknown) => error instanceof Failure && error.exit === 1 && error.message === `shared/x cannot be backed up: ${line}`, // prettier-ignore
    );
});

test('a new full pack is made when the last one is old, damaged, doubted, or of other files', async () => {
  const nights = nightsOf();
  writeFileSync(join(nights.uploads, 'bulk'), big);
  writeFileSync(join(nights.uploads, 'page'), 'x');
  await settle();
  const now = new Date();
  const full = await nights.backUp({ at: now });
  const later = (days: number, minutes = 0) => new Date(now.getTime() + days * 86_400_000 + minutes * 60_000);
  const changes = await nights.backUp({ at: later(1) });
  assert.is(changes.base?.id, full.id);
  const files = nights.target.backup?.files as BackupFiles;
  const held = await nights.held();
  const why = (
    all: readonly StoredBackup[],
    more: Partial<BackupFiles> = {},
    recipients: string[] = [],
    at = later(2),
  ) => {
    const choice = chooseBase(all, { ...files, ...more }, recipients, at);
    return 'why' in choice ? choice.why : choice.base.held.id;
  };
  const but = (id: string, more: Partial<StoredBackup>) => held.map(one => (one.id === id ? { ...one, ...more } : one));
  const verdict = { version: 1 as const, backup: '', store: '', time: '', where: '', by: '', good: false, restoreSeconds: 1, checks: [] }; // prettier-ignore
  assert.is(why(held), full.id);
  assert.is(why(held, {}, [], later(6, 22 * 60)), full.id);
  assert.match(why(held, {}, [], later(6, 23 * 60 + 10)), 'is 6 d 23 h old');
  assert.match(why(held, {}, [], later(-2)), 'from the future');
  assert.match(why([]), 'the store has none yet');
  assert.match(why(held, { include: ['shared'] }), 'other files');
  assert.match(why(held, { exclude: ['*.tmp'] }), 'other files');
  assert.match(why(held, {}, ['age1x']), 'other recipients');
  assert.match(why(but(full.id, { fault: 'files.tar.zst is missing' })), 'is damaged: files.tar.zst is missing');
  assert.match(why(but(full.id, { manifest: undefined, fault: 'the manifest is damaged' })), 'is damaged');
  for (const id of [full.id, changes.id]) assert.match(why(but(id, { verdict })), 'a drill of'); // prettier-ignore
  const { fullEverySeconds: _, ...tarball } = files;
  assert.match(chooseBaseWhy(held, tarball), 'mode is tarball');
  assert.match(why(but(full.id, { manifest: { ...full, shrunk: ['the files'] } })), 'much was suddenly gone');
  const unfinished = held.map(one => (one.id === full.id ? { ...one, keys: [], manifest: undefined } : one));
  assert.match(why(unfinished), 'the store has none yet');
  assert.ok(held.every(one => one.keys.some(({ key }) => key.endsWith(manifestName))));

  // without the host's inventory nothing can be compared
  const kept = join(nights.root, 'releases/.keeper/backup');
  for (const name of readdirSync(kept)) if (name.startsWith('inventory-')) writeFileSync(join(kept, name), 'damaged');
  assert.is((await nights.backUp({ at: later(2) })).base, undefined);
  assert.match(nights.said.join(), 'the host has not kept the inventory');
});

function chooseBaseWhy(held: readonly StoredBackup[], files: BackupFiles): string {
  const choice = chooseBase(held, files, [], new Date());
  return 'why' in choice ? choice.why : '';
}

test('changes whose full pack is gone, damaged or another one are no backup', async () => {
  const nights = nightsOf();
  writeFileSync(join(nights.uploads, 'bulk'), big);
  await settle();
  const full = await nights.backUp();
  writeFileSync(join(nights.uploads, 'page'), 'x');
  const changes = await nights.backUp();
  const fault = async () => (await nights.held()).find(one => one.id === changes.id)?.fault;
  assert.is(await fault(), undefined);
  const place = join(nights.folder, 'store/book-staging', full.id);
  cpSync(place, `${place}.kept`, { recursive: true });
  const again = () => (rmSync(place, { recursive: true, force: true }), cpSync(`${place}.kept`, place, { recursive: true })); // prettier-ignore
  rmSync(place, { recursive: true });
  assert.is(await fault(), `its full pack, ${full.id}, is not there`);
  again();
  writeFileSync(join(place, 'files.tar.zst'), 'x');
  assert.match((await fault()) ?? '', 'is damaged: files.tar.zst has a different size');
  again();
  const bytes = readFileSync(join(place, 'files.tar.zst'));
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(join(place, 'files.tar.zst'), bytes);
  const flipped = await failure(nights.open(changes.id));
  assert.is(flipped.exit, 7);
  assert.match(flipped.message, 'files.tar.zst is what was stored: its checksum does not match');
});

/** Packs as somebody who can write to the store could make them, in a folder. */
function forged(nights: Nights, full: string, gone: string, changes: string) {
  const folder = join(nights.folder, `forged-${readdirSync(nights.folder).length}`);
  mkdirSync(folder);
  execFileSync('bash', ['-c', `mkdir full over; cd full; ${full}; tar -cPf ../full.tar *; cd ../over; ${changes}; tar -cPf ../changes.tar *; cd ..; zstd -q full.tar -o files.tar.zst; zstd -q changes.tar -o changes.tar.zst; printf '${gone}' | zstd -q >gone.zst`], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] }); // prettier-ignore
  const part = (name: string, rawBytes: number): Part => ({ name, bytes: 0, sha256: '', rawBytes, rawSha256: null });
  const size = (name: string) => readFileSync(join(folder, name)).length;
  const names = (tar: string) => execFileSync('tar', ['-tPf', join(folder, tar)], { encoding: 'utf8' }).split('\n').length - 1; // prettier-ignore
  const packs = {
    full: part('files.tar.zst', size('full.tar')),
    count: names('full.tar'),
    changes: {
      archive: part('changes.tar.zst', size('changes.tar')),
      gone: part('gone.zst', Number(execFileSync('bash', ['-c', 'zstd -dc gone.zst | wc -c'], { cwd: folder }))),
    },
  };
  return { folder, packs };
}

test('changes are judged together with what they are unpacked over', async () => {
  const nights = nightsOf();
  const judge = async (full: string, gone: string, changes: string, count: number) => {
    const { folder, packs } = forged(nights, full, gone, changes);
    return inspectPacks(nights.way, folder, packs, { count }).catch((error: unknown) => {
      if (error instanceof Failure && error.exit === 7) return { good: false, found: error.message };
      throw error;
    });
  };
  const tree = 'mkdir a; echo x >a/f; ln -s a l';
  for (const [gone, changes, says] of [
    ['../../etc/passwd\\0', 'echo x >n', /leads out of its folder/],
    ['/etc/passwd\\0', 'echo x >n', /leads out of its folder/],
    ['\\0', 'echo x >n', /leads out of its folder/],
    ['a/f', 'echo x >n', /not what was promised/],
    ['', 'mkdir l; echo x >l/f', /"l\/" comes twice|goes through l/],
    ['', 'mkdir a; echo y >a/f', /comes twice/],
    ['a/f\\0', 'mkdir a; ln -s ../../out a/f', /a link that points outside the folder/],
  ] as const) {
    const found = await judge(tree, gone, changes, 99);
    assert.is(found.good, false);
    assert.match(found.found, says, found.found);
  }
});

test('a list of what is gone removes links and never what they lead to', async () => {
  const nights = nightsOf();
  const outside = join(nights.folder, 'precious');
  mkdirSync(outside);
  writeFileSync(join(outside, 'x'), 'x');
  const into = join(nights.folder, 'into');
  mkdirSync(join(into, 'a'), { recursive: true });
  writeFileSync(join(into, 'a/f'), 'x');
  symlinkSync(outside, join(into, 'link'));
  const part = (name: string): Part => ({ name, bytes: 0, sha256: '', rawBytes: 0, rawSha256: null });
  const packs = { full: part('files.tar.zst'), count: 0, changes: { archive: part('changes.tar.zst'), gone: part('gone.zst') } }; // prettier-ignore
  const [, second] = layersOf(packs, into, [], { full: ['x'], changes: [] });
  execFileSync('bash', ['-c', second?.reads.text ?? 'false'], { input: 'link\0a\0not there\0' });
  assert.equal([existsSync(join(into, 'link')), existsSync(join(into, 'a')), existsSync(join(outside, 'x'))], [false, false, true]); // prettier-ignore
});
test.run();
