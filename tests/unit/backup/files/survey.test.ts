// What a backup takes and leaves out: patterns as find and tar read them, folders that are links or not there, stores within themselves, links by the hundred.
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isComplete } from '../../../../lib/backup/catalog.ts';
import { foldersQuestion, lookAhead } from '../../../../lib/backup/files/included-folders.ts';
import { restoreToFolder } from '../../../../lib/backup/restore/to-folder.ts';
import { leavesOut, readPattern } from '../../../../lib/target/exclude-patterns.ts';
import { surveyFiles } from '../../../../lib/backup/files/survey.ts';
import { selectionOf } from '../../../../lib/backup/restore/selection.ts';
import { proofFindings } from '../../../../lib/doctor/proof-findings.ts';
import { lines, script } from '../../../../lib/host/sh.ts';
import type { Facts } from '../../../../lib/release/facts.ts';
import { failure } from '../../../support/failing.ts';
import { makeNights, quiet, type Nights } from '../../../support/backup/nights.ts';
import { below, seeded } from '../../../support/faults/hostile.ts';

const open: Nights[] = [];
test.after(() => {
  for (const one of open) execFileSync('rm', ['-rf', one.folder]);
});
function nightsOf(...more: Parameters<typeof makeNights>): Nights {
  const made = makeNights(...more);
  open.push(made);
  return made;
}
function write(nights: Nights, ...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(join(nights.root, path, '..'), { recursive: true });
    writeFileSync(join(nights.root, path), path);
  }
}
/** The files below the root that the newest backup has. */
async function filesIn(nights: Nights): Promise<string[]> {
  const { files } = await nights.open();
  const found = execFileSync('find', ['.', '!', '-type', 'd', '-printf', '%P\\n'], { cwd: files, encoding: 'utf8' });
  return found.split('\n').filter(Boolean).toSorted();
}

const uploads = ['a', 'cache/x', 'deep/cache/y', 'deep/b.tmp', 'c.tmp', 'tmp/z', 'deep/tmp/z', 'old/1', 'deep/old/1', '[x]/1', 'p/q/r', 'p/r', 'ü.log'].map(name => `shared/uploads/${name}`); // prettier-ignore
const without = (...names: string[]) =>
  uploads.filter(path => !names.some(name => `${path}/`.startsWith(`shared/uploads/${name}/`))).toSorted();

const many = nightsOf();
write(many, ...uploads);
for (const [exclude, left] of [
  [['cache'], without('cache', 'deep/cache')],
  [['cache/'], without('cache', 'deep/cache')],
  [['a/'], without()],
  [['./tmp'], without('tmp')],
  [['/tmp'], without('tmp')],
  [['/tmp/'], without('tmp')],
  [['tmp//'], without('tmp', 'deep/tmp')],
  [['/shared/uploads/old'], without('old')],
  [['ROOT/shared/uploads/old'], without('old')],
  [['ROOT/shared/uploads/old/'], without('old')],
  [['shared/uploads/old'], without('old')],
  [['uploads/old'], without('old')],
  [['deep/*.tmp'], without('deep/b.tmp')],
  [['*.tmp'], without('deep/b.tmp', 'c.tmp')],
  [['**/*.tmp'], without('deep/b.tmp', 'c.tmp')],
  [['p/**/r'], without('p/q/r', 'p/r')],
  [['\\[x\\]'], without('[x]')],
  [['?.log'], without('ü.log')],
  [['[[:alpha:]].log'], without('ü.log')],
  [['nothing', 'shared/./uploads//old'], without('old')],
] as const)
  test(`exclude ${exclude.join(' and ')} leaves out what people expect`, async () => {
    const { files } = many.target.backup ?? {};
    const patterns = exclude.map(text => text.replace('ROOT', many.root));
    if (!files) throw new Error('no files');
    files.exclude = patterns;
    const { excluded } = await surveyFiles(many.way, many.target, files, { id: 'x', scratch: many.folder });
    const inventory = readFileSync(join(many.folder, 'inventory'), 'utf8').split('\0').map(line => line.replace(/\t[^\t]*$/, '')); // prettier-ignore
    assert.equal(
      inventory.filter(path => path && !path.endsWith('/')),
      left,
    );
    // what ops.yml is checked by says the same
    const judged = patterns.map(text => readPattern(text, many.root, ['shared/uploads']));
    assert.equal(uploads.filter(path => !judged.some(one => one && leavesOut(one, path, false))).toSorted(), left); // prettier-ignore
    assert.is((excluded.at(-1)?.count ?? 0) > 0, left.length < uploads.length);
    if (exclude.length > 1) assert.equal(await lookAhead(many.way, many.target, files), excluded);
  });

test('find reads a pattern as the check of ops.yml does, whatever is in it', () => {
  const rounds = process.env.BOOKOPS_TORTURE === '1' ? 3000 : 60;
  const next = seeded(20_261_128);
  const pick = (from: readonly string[]) => from[below(next, from.length)] ?? '';
  const pieces = ['a', 'b', '.', '*', '?', '[ab]', '[!a]', '[^b]', '[a-c]', '[]a]', '[', ']', '\\*', '\\', '{a,b}', '+', '(', '|', '^', '$', '-', 'ü', '🙂', ' ', '[[:digit:]]', '1', '[[:alpha:]_]', '[a\\]]', '**', '/', 'a/b', '[a/b]', "'"]; // prettier-ignore
  const letters = [
    'a',
    'b',
    'c',
    '.',
    '*',
    '[',
    ']',
    '\\',
    '{',
    '+',
    '(',
    '|',
    '^',
    '$',
    '-',
    'ü',
    '🙂',
    ' ',
    '1',
    '_',
    "'",
  ];
  const nights = nightsOf();
  const paths = [...new Set(Array.from({ length: 200 }, () => Array.from({ length: 1 + below(next, 3) }, () => pick(letters)).join('')))].filter(name => !/^\.+$/.test(name)); // prettier-ignore
  for (const [index, name] of paths.entries()) {
    const folder = join(nights.uploads, index % 3 ? `d${index % 5}` : '');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), '');
  }
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const run = (...words: string[]) => execFileSync('find', ['shared/uploads', ...words, '-print0'], { cwd: nights.root, env, encoding: 'utf8' }).split('\0').filter(Boolean); // prettier-ignore
  const all = run();
  let matched = 0;
  for (let round = 0; round < rounds; round++) {
    const text = Array.from({ length: 1 + below(next, 4) }, () => pick(pieces)).join('');
    const pattern = readPattern(text, nights.root, ['shared/uploads']);
    if (!pattern) continue;
    const words = pattern.globs.flatMap((glob, at) => [...(at ? ['-o'] : []), '-path', glob]);
    const found = new Set(run(...(pattern.foldersOnly ? ['-type', 'd'] : []), '(', ...words, ')'));
    const isFolder = (path: string) => all.some(other => other.startsWith(`${path}/`));
    // a path is left out together with the folder that it is in
    const expected = all.filter(path => [...found].some(one => path === one || path.startsWith(`${one}/`)));
    assert.equal(all.filter(path => leavesOut(pattern, path, isFolder(path))), expected, JSON.stringify(text)); // prettier-ignore
    if (expected.length) matched++;
  }
  assert.ok(matched > rounds / 20, `${matched}`);
});

test('a folder that is a link ends with 3 before anything, one that is not there with 1', async () => {
  for (const [make, says, advice] of [
    [(nights: Nights) => symlinkSync(join(nights.folder, 'big'), nights.uploads), 'is a link, to /', 'none bind 0 0'],
    [(nights: Nights) => symlinkSync('../data', nights.uploads), 'is a link, to ../data', 'include: [data]'],
    [(nights: Nights) => symlinkSync('nowhere', nights.uploads), 'is a link, to nowhere', 'include: [shared/nowhere]'],
    [() => {}, 'does not exist', 'make the folder'],
  ] as const) {
    const nights = nightsOf();
    write(nights, 'shared/uploads/a');
    await nights.backUp();
    mkdirSync(join(nights.root, 'data'));
    renameSync(nights.uploads, join(nights.folder, 'big'));
    make(nights);
    const error = await failure(nights.backUp());
    assert.is(error.exit, says === 'does not exist' ? 1 : 3, error.message);
    assert.match(error.message, says);
    assert.match(error.advice ?? '', advice);
    const { files } = nights.target.backup ?? {};
    if (files) assert.is((await failure(lookAhead(nights.way, nights.target, files))).message, error.message);
    assert.is((await nights.held()).length, 1);
  }
});

test('a folder above that is a link is none of it, and what is there comes back through it', async () => {
  const nights = nightsOf();
  write(nights, 'shared/uploads/a');
  renameSync(join(nights.root, 'shared'), join(nights.folder, 'big'));
  symlinkSync(join(nights.folder, 'big'), join(nights.root, 'shared'));
  await nights.backUp();
  assert.equal(await filesIn(nights), ['shared/uploads/a']);
});

test('an empty folder is backed up, and one in which all leads out is not', async () => {
  const nights = nightsOf({ include: ['shared/empty', 'shared/uploads'] });
  mkdirSync(join(nights.root, 'shared/empty'));
  write(nights, 'shared/uploads/a');
  assert.is((await nights.backUp()).files?.count, 3);
  rmSync(join(nights.uploads, 'a'));
  symlinkSync('/mnt/2024', join(nights.uploads, '2024'));
  const error = await failure(nights.backUp());
  assert.is(error.exit, 3);
  assert.match(error.message, 'links that point outside the root, such as shared/uploads/2024 to /mnt/2024');
  write(nights, 'shared/uploads/b');
  assert.is((await nights.backUp()).files?.count, 3);
});

test('a store inside of what it stores is refused, also through a link, unless it is left out', async () => {
  for (const place of ['shared/uploads/backups', 'shared/uploads', 'linked/backups']) {
    const nights = nightsOf();
    write(nights, 'shared/uploads/a');
    symlinkSync('shared/uploads', join(nights.root, 'linked'));
    const { backup } = nights.target;
    if (!backup?.files) throw new Error('no files');
    backup.stores = [{ kind: 'path', name: 'disk', folder: join(nights.root, place) }];
    const error = await failure(nights.backUp());
    assert.is(error.exit, 3, place);
    assert.match(error.message, 'has the store');
    if (!place.endsWith('backups')) continue;
    backup.files.exclude = ['backups/'];
    await nights.backUp();
    backup.stores = [{ kind: 'path', name: 'disk', folder: join(nights.root, 'shared/uploads-of-yesterday') }];
    backup.files.exclude = [];
    await nights.backUp();
  }
});

test('the doctor says what the next backup would be refused for, all at once, also the store of another target', async () => {
  const nights = nightsOf({ include: ['shared/uploads', 'shared/gone', 'linked', 'shared/b c'] });
  write(nights, 'shared/b c/other/x');
  symlinkSync('shared/uploads', join(nights.root, 'linked'));
  symlinkSync(join(nights.root, 'shared/b c/other'), join(nights.folder, 'elsewhere'));
  const { backup } = nights.target;
  if (!backup?.files) throw new Error('no files');
  backup.otherStores = [{ kind: 'path', name: 'disk', folder: join(nights.folder, 'elsewhere/deep') }];
  const asked = async () => {
    const question = lines(script('fact() { cat; }'), foldersQuestion(nights.target));
    const { stdout } = await nights.way.host.ask(question);
    const facts = { answers: new Map([['include', stdout]]), now: new Date() } as Partial<Facts> as Facts;
    return [...proofFindings(nights.target, facts)].filter(one => one.check === 'backup files');
  };
  const found = await asked();
  assert.equal(
    found.map(({ state, says }) => [state, says.replaceAll(nights.folder, '')]),
    [
      ['failure', "/it's a root/shared/gone does not exist, and backup.files.include names it"],
      ['failure', "/it's a root/linked is a link, to shared/uploads: what it leads to would not be in the backup"],
      ['failure', "/it's a root/shared/b c has the store /elsewhere/deep in it, and would grow each night"],
    ],
  );
  for (const { fix } of found) assert.match(fix ?? '', /ops.yml|exclude/);
  backup.files.include = ['shared/uploads', 'shared/b c'];
  assert.match((await failure(nights.backUp())).message, 'has the store');
  backup.files.exclude = ['b c/other/deep'];
  assert.equal(await asked(), []);
});

test('links by the hundred are counted, and those in an excluded folder are nobody’s business', async () => {
  const nights = nightsOf();
  write(nights, 'shared/uploads/a');
  mkdirSync(join(nights.uploads, 'nm'));
  for (let index = 0; index < 300; index++) symlinkSync(`/usr/share/x${index}`, join(nights.uploads, `nm/l${index}`));
  symlinkSync('../a', join(nights.uploads, 'nm/in'));
  const { files } = await nights.backUp();
  assert.is(files?.count, 4);
  assert.match(
    files?.noted.join('\n') ?? '',
    /^left out: 300 times a link that points outside the root, such as shared\/uploads\/nm\/l/,
  );
  assert.equal(await filesIn(nights), ['shared/uploads/a', 'shared/uploads/nm/in']);
  if (nights.target.backup?.files) nights.target.backup.files.exclude = ['nm'];
  assert.equal((await nights.backUp()).files?.noted, []);
});

test('names that are no UTF-8 are left out as others are, and everything else comes back', async () => {
  const nights = nightsOf();
  write(nights, 'shared/uploads/a');
  const name = Buffer.concat([Buffer.from(`${nights.uploads}/`), Buffer.from([0xff, 0x0a, 0xfe])]);
  symlinkSync('/etc/passwd', name);
  symlinkSync(Buffer.from([0x2f, 0xff]), Buffer.concat([name, Buffer.from('2')]));
  symlinkSync(Buffer.from([0xff, 0xfe]), Buffer.concat([name, Buffer.from('3')]));
  const { files } = await nights.backUp();
  assert.is(files?.noted.length, 2, files?.noted.join());
  assert.is((await filesIn(nights)).length, 3);
});

test('a path that no system call takes is left out and told', async () => {
  const nights = nightsOf();
  write(nights, 'shared/uploads/a');
  execFileSync('bash', ['-c', 'cd "$1"; for i in {1..25}; do mkdir "$2" && cd "$2" && echo x >f; done', 'x', nights.uploads, 'd'.repeat(250)]); // prettier-ignore
  const { files } = await nights.backUp();
  assert.match(files?.noted.join('\n') ?? '', 'a path of more than 4,095 bytes');
  const { checks } = await nights.open();
  assert.ok(checks.every(check => check.good));
});

test('setuid and setgid bits of files are told, and those of folders kept', async () => {
  const nights = nightsOf();
  write(nights, 'shared/uploads/a', 'shared/uploads/b', 'shared/uploads/d/c');
  execFileSync('chmod', ['-R', 'g+s', nights.uploads]);
  chmodSync(join(nights.uploads, 'b'), 0o4755);
  const { files } = await nights.backUp();
  assert.match(files?.noted.join() ?? '', /^without its setuid or setgid bit after a restore: (shared.uploads.(a|b|d.c)(, |$)){3}/); // prettier-ignore
  const opened = await nights.open();
  assert.match(
    opened.checks.find(check => check.name === 'files')?.found ?? '',
    '3 without their setuid or setgid bit',
  );
  const modes = execFileSync('find', ['.', '-printf', '%P %m\n'], { cwd: join(opened.files, 'shared/uploads'), encoding: 'utf8' }); // prettier-ignore
  assert.equal(modes.split('\n').filter(Boolean).toSorted(), [' 2755', 'a 644', 'b 755', 'd 2755', 'd/c 644']);
});

test('an excluded folder that may not be read stops nothing; another one says what to do', async () => {
  if (process.getuid?.() !== 0) return;
  // in the place of sudo, which not every machine has
  const bin = mkdtempSync(join(many.folder, 'bin-'));
  writeFileSync(join(bin, 'sudo'), '#!/bin/bash\nuser=$3\nshift 4\nexec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"\n', { mode: 0o755 }); // prettier-ignore
  const path = process.env.PATH;
  process.env.PATH = `${bin}:${path ?? ''}`;
  const nights = nightsOf({ as: 'nobody', exclude: ['lost+found'] });
  process.env.PATH = path;
  write(nights, 'shared/uploads/a', 'shared/uploads/lost+found/x');
  chmodSync(join(nights.uploads, 'lost+found'), 0o700);
  chmodSync(nights.folder, 0o755);
  assert.is((await nights.backUp()).files?.count, 2);
  if (nights.target.backup?.files) nights.target.backup.files.exclude = [];
  const error = await failure(nights.backUp());
  assert.match(error.message, 'shared/uploads/lost+found cannot be backed up: nobody may not read it');
  assert.match(error.advice ?? '', 'backup.files.exclude in ops.yml: [/shared/uploads/lost+found]');
});

test('a second name of a file can be restored by itself, from a full pack and from changes', async () => {
  const nights = nightsOf();
  write(nights, 'shared/uploads/a/first', 'shared/uploads/bulk');
  mkdirSync(join(nights.uploads, 'b'));
  linkSync(join(nights.uploads, 'a/first'), join(nights.uploads, 'b/second'));
  symlinkSync('first', join(nights.uploads, 'a/link'));
  execFileSync('ln', ['-P', join(nights.uploads, 'a/link'), join(nights.uploads, 'b/link')]);
  writeFileSync(join(nights.uploads, 'bulk'), Buffer.alloc(100_000));
  const around = { connect: async () => nights.way.host, report: quiet, signal: nights.way.signal };
  for (let night = 0; night < 2; night++) {
    const { id } = await nights.backUp();
    for (const [only, has] of [
      [['shared/uploads/b/second'], ['shared/uploads/b/second']],
      [['shared/uploads/b'], ['shared/uploads/b/link', 'shared/uploads/b/second']],
      [['shared/uploads/b/link'], ['shared/uploads/b/link']],
      [
        ['shared/uploads/a/first', 'shared/uploads/b/second'],
        ['shared/uploads/a/first', 'shared/uploads/b/second'],
      ],
    ] as const) {
      const held = (await nights.held()).find(one => one.id === id);
      if (!held || !isComplete(held)) throw new Error('not whole');
      const folder = join(nights.folder, `only-${night}-${only.join().replaceAll('/', '_')}`);
      await restoreToFolder(around, held, selectionOf(nights.target, held, only), undefined, folder);
      const found = execFileSync('find', ['.', '!', '-type', 'd', '-o', '-empty'], { cwd: join(folder, 'files'), encoding: 'utf8' }); // prettier-ignore
      assert.equal(found.split('\n').filter(Boolean).map(path => path.slice(2)).toSorted(), has); // prettier-ignore
    }
  }
});
test.run();
