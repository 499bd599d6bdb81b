// Archives that somebody else wrote: what could write outside of its folder is refused before anything is written.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  linkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inspector, leadsOut, listingFlags, verifyKept } from '../../../../lib/backup/files/inspect-archive.ts';
import { inspectPacks, unpackingAtOnce } from '../../../../lib/backup/files/pack-chain.ts';
import { layersOf, unpacking } from '../../../../lib/backup/files/unpack.ts';
import { Failure } from '../../../../lib/errors.ts';
import { localHost } from '../../../../lib/host/local.ts';
import { lines, script } from '../../../../lib/host/sh.ts';

const scratch = mkdtempSync(join(tmpdir(), 'bookops-archive-'));
test.after(() => rmSync(scratch, { recursive: true, force: true }));

type Member = { name: string; type?: string; to?: string; mode?: string; body?: string; size?: number };

/** Raw blocks, because no tar would write these. */
function archive(members: Member[]): Buffer {
  const blocks = members.flatMap(({ name, type = '0', to = '', mode = '0000644', body = '', size = body.length }) => {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write(`${mode}\0`, 100);
    head.write('0000000\0', 108);
    head.write('0000000\0', 116);
    head.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    head.write('14000000000\0', 136);
    head.write('        ', 148);
    head.write(type, 156);
    head.write(to, 157);
    head.write('ustar\x0000', 257);
    head.write(
      `${head
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    const content = Buffer.alloc(Math.ceil(body.length / 512) * 512);
    content.write(body);
    return [head, content];
  });
  const whole = Buffer.concat([...blocks, Buffer.alloc(1024)]);
  return Buffer.concat([whole, Buffer.alloc((10_240 - (whole.length % 10_240)) % 10_240)]);
}

function lookAt(bytes: Buffer): string[] {
  const { stdout } = spawnSync('tar', [...listingFlags, '--file=-'], {
    input: bytes,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  const { see } = inspector();
  return stdout
    .split('\n')
    .filter(Boolean)
    .map(line => see(line).path);
}

const hostile: [string, Member[], RegExp][] = [
  ['an absolute path', [{ name: '/etc/cron.d/x', body: 'x' }], /leads out of its folder/],
  ['a path with ..', [{ name: 'a/../../x', body: 'x' }], /leads out of its folder/],
  ['a path that is ..', [{ name: '..', type: '5' }], /leads out of its folder/],
  [
    'a link to an absolute path',
    [{ name: 'x', type: '2', to: '/etc/passwd' }],
    /a link that points outside the folder, to \/etc\/passwd/,
  ],
  ['a link above the folder', [{ name: 'a/x', type: '2', to: '../../x' }], /a link that points outside the folder/],
  [
    'a link that goes down and up',
    [{ name: 'a/x', type: '2', to: 'b/../../../x' }],
    /a link that points outside the folder/,
  ],
  [
    'a file through a link',
    [
      { name: 'l', type: '2', to: 'a' },
      { name: 'l/x', body: 'x' },
    ],
    /goes through l, which is not a folder/,
  ],
  [
    'a file in the place of a link',
    [
      { name: 'l', type: '2', to: 'a' },
      { name: 'l', body: 'x' },
    ],
    /comes twice/,
  ],
  [
    'the same file twice',
    [
      { name: 'a', body: 'x' },
      { name: './a', body: 'y' },
    ],
    /comes twice/,
  ],
  ['a hard link to a file outside', [{ name: 'x', type: '1', to: '/etc/shadow' }], /another name for \/etc\/shadow/],
  ['a hard link above', [{ name: 'x', type: '1', to: '../x' }], /another name for \.\.\/x/],
  [
    'a hard link to a link, where that leads out',
    [
      { name: 'a/b/l', type: '2', to: '../../x' },
      { name: 'l', type: '1', to: 'a/b/l' },
    ],
    /a link that points outside the folder, to \.\.\/\.\.\/x/,
  ],
  [
    'a hard link to a folder',
    [
      { name: 'd', type: '5' },
      { name: 'x', type: '1', to: 'd' },
    ],
    /another name for d/,
  ],
  ['a character device', [{ name: 'x', type: '3' }], /is not a file, folder or link/],
  ['a block device', [{ name: 'x', type: '4' }], /is not a file, folder or link/],
  ['a pipe', [{ name: 'x', type: '6' }], /is not a file, folder or link/],
  [
    'a name that looks like a link',
    [{ name: 'a" -> "b', type: '2', to: '/etc' }],
    /a link that points outside the folder/,
  ],
  [
    'a name with a line end',
    [{ name: 'a\n-rw-r--r-- 0/0 0 2026-01-01 00:00:00 "b"', type: '2', to: '/b' }],
    /a link that points outside/,
  ],
];

for (const [what, members, says] of hostile)
  test(`${what} is refused`, () => {
    assert.throws(
      () => lookAt(archive([{ name: 'fine', body: 'x' }, ...members])),
      (error: unknown) => error instanceof Failure && error.exit === 7 && says.test(error.message),
    );
  });

test('a link with two names comes through, and a program that runs as root is seen', () => {
  const names = lookAt(
    archive([
      { name: 'd/l', type: '2', to: '../x' },
      { name: 'd/m', type: '1', to: 'd/l' },
      { name: 'd/n', type: '1', to: 'd/m' },
    ]),
  );
  assert.equal(names, ['d/l', 'd/m', 'd/n']);
  const line = (mode: string) => inspector().see(`-${mode} 0/0 1 2026-01-01 00:00:00 "x"`).marked;
  assert.equal(['rwsr-xr-x', 'rwSr--r--', 'rwxr-sr-x', 'rw-r-Sr--', 'rwxr-xr-x', 'rwxr-xr-t'].map(line), [true, true, true, true, false, false]); // prettier-ignore
  assert.not(inspector().see('drwxrwsr-t 0/0 0 2026-01-01 00:00:00 "x/"').marked);
});

test('what a setuid program of an archive becomes runs with the rights of nobody', () => {
  const bytes = archive([
    { name: 'd', type: '5', mode: '0002775' },
    { name: 'd/root', mode: '0004755', body: 'x' },
    { name: 'd/both', mode: '0006711', body: 'x' },
  ]);
  const { stored, part } = packed(bytes, bytes.length);
  const folder = mkdtempSync(join(scratch, 'marked-'));
  writeFileSync(join(folder, 'files.tar.zst'), stored);
  const packs = { full: part, count: 3, changes: undefined };
  const layers = layersOf(packs, join(folder, 'files'), ['--preserve-permissions'], { full: ['d'], changes: [] });
  execFileSync('bash', ['-c', unpacking(folder, layers).text]);
  const mode = (name: string) => (statSync(join(folder, 'files', name)).mode & 0o7777).toString(8);
  assert.equal([mode('d'), mode('d/root'), mode('d/both')], ['2775', '755', '711']);
});

test('a line that is not understood is refused', () => {
  for (const line of [
    '',
    'hello',
    '-rw-r--r-- 0/0 1 2026-01-01 00:00:00 x',
    '-rw-r--r-- 0/0 1 2026-01-01 00:00:00 "x" -> ',
  ])
    assert.throws(() => inspector().see(line), /not understood/);
});

test('what people keep in a folder is understood, whatever it is called', () => {
  const folder = join(scratch, 'odd');
  mkdirSync(join(folder, 'uploads/deep'), { recursive: true });
  const names = [
    'plain',
    'two words',
    'ü „“ 🙂',
    'a\nb',
    'q"q',
    'back\\slash',
    ' -> x',
    '-n',
    "it's",
    'x'.repeat(200),
    '\x01',
  ];
  for (const name of names) writeFileSync(join(folder, 'uploads', name), name);
  writeFileSync(Buffer.concat([Buffer.from(join(folder, 'uploads/')), Buffer.from([0xff, 0xfe])]), 'no UTF-8');
  // tar pads times that end with zeros
  for (const [index, seconds] of [0, 0.5, 1e9 + 0.25, 1.7e9 + 0.640115421, -5e8, 4e9, 2.6e11].entries())
    utimesSync(join(folder, 'uploads', names[index] ?? ''), seconds, seconds);
  symlinkSync('../plain', join(folder, 'uploads/deep/up'));
  linkSync(join(folder, 'uploads/plain'), join(folder, 'uploads/second name'));
  const { stdout } = spawnSync(
    'tar',
    ['--create', '--format=posix', '--sort=name', '--file=-', '-C', folder, '--', 'uploads'],
    {
      maxBuffer: 1e8,
    },
  );
  const paths = lookAt(stdout);
  assert.is(paths.length, names.length + 5);
  for (const name of names) assert.ok(paths.includes(`uploads/${name}`), name);
});

test('links are judged by what they could reach', () => {
  for (const [path, to, out] of [
    ['a', 'b', false],
    ['a/b', '../c', false],
    ['a/b', '../../c', true],
    ['a', '.', false],
    ['a', '..', true],
    ['a/b/c', '../../x/y', false],
    ['a/b', './../x', false],
    ['a', 'b/../c', true],
    ['a', '/a', true],
    ['a', '', true],
  ] as const)
    assert.is(leadsOut(path, to), out, `${path} -> ${to}`);
});

const outside = join(scratch, 'outside');
const escapes: [string, Member[]][] = [
  ...hostile.map(([what, members]): [string, Member[]] => [what, members]),
  ['a file under an absolute path', [{ name: `${outside}/new`, body: 'x' }]],
  ['a file in the place of one that is there', [{ name: `${outside}/canary`, body: 'x' }]],
  [
    'a file through a link out of the folder',
    [
      { name: 'l', type: '2', to: outside },
      { name: 'l/canary', body: 'x' },
    ],
  ],
  [
    'a file through a link above',
    [
      { name: 'l', type: '2', to: '../../outside' },
      { name: 'l/canary', body: 'x' },
    ],
  ],
  [
    'a folder that becomes a link',
    [
      { name: 'd', type: '5' },
      { name: 'd', type: '2', to: outside },
      { name: 'd/canary', body: 'x' },
    ],
  ],
  [
    'two links, one through the other',
    [
      { name: 'a', type: '2', to: '..' },
      { name: 'b', type: '2', to: 'a/../outside' },
      { name: 'b/canary', body: 'x' },
    ],
  ],
  [
    'another name for what is outside, and content for it',
    [
      { name: 'h', type: '1', to: `${outside}/canary` },
      { name: 'h', body: 'x' },
    ],
  ],
  [
    'another name through a link, and content for it',
    [
      { name: 'l', type: '2', to: outside },
      { name: 'h', type: '1', to: 'l/canary' },
      { name: 'h', body: 'x' },
    ],
  ],
];

for (const [what, members] of escapes)
  test(`${what} is refused by a drill, which unpacks at once, and nothing is written outside`, async () => {
    const tree = () =>
      readdirSync(scratch, { recursive: true, encoding: 'utf8' })
        .filter(name => !name.startsWith('once-'))
        .toSorted();
    mkdirSync(outside, { recursive: true });
    writeFileSync(join(outside, 'canary'), 'alive');
    const before = tree();
    const { folder, said, part } = unpackAtOnce(archive([{ name: 'fine', body: 'x' }, ...members]));
    const packs = { full: part, count: members.length + 1, changes: undefined };
    // what tar leaves out by itself is missing in its list
    const found = await inspectPacks(way(), folder, packs, { count: members.length + 1 })
      .then(() => verifyKept(said))
      .catch((error: unknown) => error);
    assert.instance(found, Failure, said);
    assert.is((found as Failure).exit, 7);
    assert.equal(tree(), before);
    assert.is(readFileSync(join(outside, 'canary'), 'utf8'), 'alive');
    assert.not(existsSync('/etc/cron.d/x'));
  });

test('what a drill unpacks at once is what tar has in its list, and a bomb is cut off', async () => {
  const good = unpackAtOnce(archive([{ name: 'd/a', body: 'x' }]));
  assert.match(good.said, /^unpacked$/m);
  assert.is(readFileSync(join(good.folder, 'files/d/a'), 'utf8'), 'x');
  const packs = { full: good.part, count: 1, changes: undefined };
  assert.equal(await inspectPacks(way(), good.folder, packs, { count: 1 }), { name: 'files', good: true, found: '1, as in the manifest' }); // prettier-ignore
  const bomb = unpackAtOnce(archive([{ name: 'a', body: 'x'.repeat(50_000_000) }]), 10_240);
  assert.match(bomb.said, /^not unpacked: .+/m);
  assert.ok(statSync(join(bomb.folder, 'files/a')).size < 20_000);
  const more = Buffer.concat([archive([{ name: 'a', body: 'x' }]), archive([{ name: '../b', body: 'x' }])]);
  assert.match(unpackAtOnce(more).said, /^not unpacked: /m);
  const cut = archive([{ name: 'a', body: 'x'.repeat(5000) }]).subarray(0, 2000);
  assert.match(unpackAtOnce(cut).said, /^not unpacked: tar: /m);
});

function unpackAtOnce(bytes: Buffer, rawBytes = bytes.length) {
  const folder = mkdtempSync(join(scratch, 'once-'));
  const { stored, part } = packed(bytes, rawBytes);
  const command = lines(script('set -o pipefail'), unpackingAtOnce(folder, part, join(folder, 'files')));
  return { folder, part, said: spawnSync('bash', ['-c', command.text], { input: stored, encoding: 'utf8' }).stdout };
}

function packed(bytes: Buffer, rawBytes: number) {
  const { stdout } = spawnSync('zstd', ['-qc'], { input: bytes, maxBuffer: 1e9 });
  const part = { name: 'files.tar.zst' as const, bytes: stdout.length, sha256: '', rawBytes, rawSha256: null };
  return { stored: stdout, part };
}

function way() {
  const host = localHost('here', { environment: process.env, terminal: undefined, signal: undefined });
  return { host, signal: new AbortController().signal, appUser: undefined };
}

test('an archive that unpacks to more than was promised is no part of a backup', async () => {
  const look = (bytes: Buffer, rawBytes: number, count: number) => {
    const folder = mkdtempSync(join(scratch, 'bomb-'));
    const { stored, part } = packed(bytes, rawBytes);
    writeFileSync(join(folder, 'files.tar.zst'), stored);
    return inspectPacks(way(), folder, { full: part, count, changes: undefined }, { count });
  };
  const plain = archive([{ name: 'a', body: 'x' }]);
  assert.equal(await look(plain, plain.length, 1), { name: 'files', good: true, found: '1, as in the manifest' });
  assert.is((await look(plain, plain.length, 2)).good, false);
  assert.is((await look(Buffer.concat([plain, archive([{ name: '../b', body: 'x' }])]), plain.length, 1)).good, false);
  assert.is((await look(plain.subarray(0, 700), 700, 1)).good, false);
  const bomb = archive([{ name: 'a', body: 'x'.repeat(50_000_000) }]);
  assert.is((await look(bomb, 10_240, 1).catch(() => ({ good: false }))).good, false);
  assert.ok(
    readFileSync(join(scratch, readdirSync(scratch).find(name => name.startsWith('bomb-')) ?? '', 'files.tar.zst'))
      .length > 0,
  );
});
test.run();
