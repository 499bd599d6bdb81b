// What is done inside a release's folder on the host: whatever a commit or an app put there, nothing outside is touched.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { removeFolder } from '../../../lib/runtime/release-folder.ts';

const script = readFileSync(new URL('../../../lib/runtime/release-folder.sh', import.meta.url), 'utf8');
const prelude = readFileSync(new URL('../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
let root = '';
const at = (...path: string[]) => join(root, ...path);
test.before.each(() => {
  root = mkdtempSync(join(tmpdir(), "bookops-it's a release-"));
  for (const folder of ['releases/r', 'shared/pics/a', 'shared/storage/uploads'])
    mkdirSync(at(folder), { recursive: true });
  for (const file of ['shared/pics/a/1.jpg', 'shared/storage/uploads/1.jpg', 'shared/victim'])
    writeFileSync(at(file), 'mine');
});
test.after.each(() => rmSync(root, { recursive: true, force: true }));

function run(words: string[], input: string | Buffer = '') {
  return spawnSync('bash', ['-c', script, 'bash', at('releases/r'), ...words], { input, encoding: 'utf8' });
}
const link = (...paths: string[]) => run(['link', at('shared'), ...paths]);

function nothingLost(): void {
  for (const file of ['pics/a/1.jpg', 'storage/uploads/1.jpg', 'victim'])
    assert.is(readFileSync(at('shared', file), 'utf8'), 'mine', file);
  assert.is(lstatSync(at('shared/pics/a')).isDirectory(), true);
}

for (const [name, links, shared] of [
  ['absolute', [['pics', 'SHARED/pics']], ['pics/a']],
  ['relative', [['storage', '../../shared/storage']], ['storage/uploads']],
  ['a good one before it', [['pics', 'SHARED/pics']], ['good', 'pics/a']],
  [
    'by two links',
    [
      ['one', 'two'],
      ['two', '../../shared'],
    ],
    ['one/pics/a'],
  ],
  ['its own folder by its name', [['here', '../r/../../shared']], ['here/pics/a']],
  ['to what is not there', [['new', '../../shared/new']], ['new/a/b']],
  ['with a line break', [['odd', '../../shared/pics\n']], ['odd/a']],
  ['one below the other', [['storage', 'pics']], ['pics', 'storage/a']],
] as const)
  test(`a shared path below a link that leads out is refused: ${name}`, () => {
    for (const [path, to] of links) symlinkSync(to.replace('SHARED', at('shared')), at('releases/r', path));
    if (name === 'with a line break') mkdirSync(at('shared/pics\n/a'), { recursive: true });
    mkdirSync(at('releases/r/good'));
    const said = link(...shared);
    assert.is(said.status, 1, said.stderr);
    assert.match(said.stderr, 'points outside the release');
    nothingLost();
    if (name === 'a good one before it') assert.is(lstatSync(at('releases/r/good')).isDirectory(), true);
  });

test('what lies inside is linked, also by a link that stays inside; what the commit had there gives way', () => {
  mkdirSync(at('releases/r/public/uploads'), { recursive: true });
  mkdirSync(at('releases/r/app'));
  symlinkSync('../public', at('releases/r/app/public'));
  symlinkSync(at('shared/pics'), at('releases/r/pics'));
  assert.is(link('app/public/uploads', 'deep/er/data', 'pics', '.env').status, 0);
  for (const [path, to] of [
    ['public/uploads', 'app/public/uploads'],
    ['deep/er/data', 'deep/er/data'],
    ['pics', 'pics'],
    ['.env', '.env'],
  ] as const)
    assert.is(readlinkSync(at('releases/r', path)), at('shared', to));
  assert.is(link('app/public/uploads', 'pics').status, 0);
  nothingLost();
});

test('REVISION is written and not written through', () => {
  const packed = (make: () => void) => {
    rmSync(at('commit'), { recursive: true, force: true });
    mkdirSync(at('commit'));
    make();
    return spawnSync('tar', ['-C', at('commit'), '-cz', '.']).stdout;
  };
  const sha = 'a'.repeat(40);
  for (const [to, verdict] of [
    ['../../shared/victim', 1],
    [at('shared/victim'), 1],
    ['../../shared/not-there', 1],
    ['VERSION', 0],
  ] as const) {
    rmSync(at('releases/r'), { recursive: true });
    mkdirSync(at('releases/r'));
    const said = run(
      ['unpack', sha],
      packed(() => symlinkSync(to, at('commit/REVISION'))),
    );
    assert.is(said.status, verdict, said.stderr);
    if (verdict === 0) assert.is(readFileSync(at('releases/r/REVISION'), 'utf8'), `${sha}\n`);
    assert.is(existsSync(at('shared/not-there')) || existsSync(at('releases/r/VERSION')), false);
    nothingLost();
  }
  assert.is(
    run(
      ['unpack', sha],
      packed(() => mkdirSync(at('commit/REVISION'))),
    ).status,
    1,
  );
  assert.is(
    run(
      ['unpack', sha],
      packed(() => writeFileSync(at('commit/REVISION'), 'old')),
    ).status,
    0,
  );
  assert.is(run(['unpack', sha], 'no archive').status, 2);
});

test('an archive with files below its own links, hard links and names that lead up writes nothing outside', () => {
  const made = spawnSync('python3', ['-c', `
import io, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|gz') as tar:
  def add(name, kind=tarfile.REGTYPE, to='', text=b'theirs'):
    info = tarfile.TarInfo(name); info.type = kind; info.linkname = to
    info.size = len(text) if kind == tarfile.REGTYPE else 0
    tar.addfile(info, io.BytesIO(text))
  add('out', tarfile.SYMTYPE, sys.argv[1]); add('out/victim')
  add('up', tarfile.SYMTYPE, '../../shared'); add('up/victim')
  add('hard', tarfile.LNKTYPE, sys.argv[1] + '/victim'); add('hard')
  add('../../shared/victim')
`, at('shared')]); // prettier-ignore
  assert.is(made.status, 0, String(made.stderr));
  run(['unpack', 'b'.repeat(40)], made.stdout);
  nothingLost();
});

test('a release is removed whole, whatever its modes and links are, and nothing that it leads to', () => {
  const folder = at('releases/r');
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  writeFileSync(join(folder, '-rf'), '');
  symlinkSync(at('shared'), join(folder, 'out'));
  symlinkSync('.', join(folder, 'a/self'));
  linkSync(at('shared/victim'), join(folder, 'a/hard'));
  spawnSync('chmod', ['000', join(folder, 'a/b'), join(folder, 'a'), folder]);
  const remove = () =>
    spawnSync('bash', ['-c', `${prelude}\n${removeFolder(folder, undefined).text}`], { encoding: 'utf8' });
  assert.is(remove().status, 0);
  assert.is(existsSync(folder), false);
  symlinkSync(at('shared'), folder);
  assert.is(remove().status, 0);
  assert.is(existsSync(folder), false);
  assert.is(remove().status, 0);
  nothingLost();
});
test.run();
