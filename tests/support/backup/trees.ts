// File trees of all kinds of files, made from a number: what people, apps, rsync and cp -al leave behind; and a picture of a tree to compare.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  renameSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';
import { below as belowOf, seeded } from '../faults/hostile.ts';

export type Chance = (limit: number) => number;

export function chanceOf(seed: number): Chance {
  const next = seeded(seed * 2_654_435_761 + 1);
  return limit => belowOf(next, limit);
}

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const names: Buffer<ArrayBuffer>[] = [
  ...['plain', 'two words', 'ü „“ 🙂', 'u\u0308', '\u00fc', 'a\nb', 'tab\tbed', 'q"q', "it's", 'back\\slash', ' -> x', '-n', '--help', '*', '[a]', '?', '$(x)', '`x`', '.hidden', '...', ' ', 'x'.repeat(255), '\x01\x7f', 'link to y', 'a:b', '@x', '!x', '=y', '+z', '>w', '#'].map(name => Buffer.from(name)), // prettier-ignore
  bytes('no UTF-8 ', [0xff, 0xfe]),
  bytes([0xc3], 'x'),
  bytes([0xed, 0xa0, 0x80]),
];
const modes = [0o644, 0o600, 0o000, 0o777, 0o4755, 0o2755, 0o6711, 0o2644, 0o4000, 0o1644, 0o444];
const folderModes = [0o755, 0o700, 0o2775, 0o1777, 0o555, 0o500, 0o3770];
const times = [0, 1, 1.5, 1e9 + 0.25, 1.7e9 + 0.640115421, -5e8, 4e9, 9e9];

/** Makes one tree in `home`, an absolute path; things that only other programs can make are added to `special`, as kind and path. */
export function growTree(home: string, chance: Chance, special: [kind: string, path: Buffer][]): void {
  const root = Buffer.from(home);
  mkdirSync(root);
  const folders: Buffer[] = [root];
  const files: Buffer[] = [];
  const links: Buffer[] = [];
  const fresh = (): Buffer => {
    const name = names[chance(names.length)] ?? Buffer.from('x');
    const folder = folders[chance(folders.length)] ?? root;
    const path = Buffer.concat([folder, Buffer.from('/'), name]);
    const there = lstatSync(path, { throwIfNoEntry: false });
    return there ? Buffer.concat([folder, Buffer.from(`/n${files.length + links.length + folders.length + special.length}`)]) : path; // prettier-ignore
  };
  const count = 8 + chance(18);
  for (let index = 0; index < count; index++) {
    const path = fresh();
    if (lstatSync(path, { throwIfNoEntry: false }) || special.some(([, one]) => one.equals(path))) continue;
    switch (chance(10)) {
      case 0:
      case 1:
        mkdirSync(path);
        folders.push(path);
        break;
      case 2:
        symlinkSync(target(chance, path, root), path);
        links.push(path);
        break;
      case 3:
        if (links.length) linkSync(links[chance(links.length)] ?? root, path);
        break;
      case 4:
        if (files.length) linkSync(files[chance(files.length)] ?? root, path);
        break;
      case 5:
        special.push([['p', 's', 'c', 'b'][chance(4)] ?? 'p', path]);
        break;
      case 6:
        writeFileSync(path, 'x');
        truncateSync(path, 1 + chance(300_000));
        files.push(path);
        break;
      default:
        writeFileSync(path, Buffer.alloc(chance(4) ? chance(2000) : 0, `${index}`));
        files.push(path);
    }
  }
  if (chance(12) === 0) deep(root, chance);
  for (const file of files) {
    if (chance(2)) own(file, chance);
    if (chance(2)) chmodSync(file, modes[chance(modes.length)] ?? 0o644);
    if (chance(2)) utimesSync(file, 1, times[chance(times.length)] ?? 1);
  }
  for (const link of links) if (chance(2)) lutimesSync(link, 1, times[chance(times.length)] ?? 1);
  for (const folder of folders.toReversed()) {
    if (chance(3) === 0) own(folder, chance);
    if (chance(2)) chmodSync(folder, folderModes[chance(folderModes.length)] ?? 0o755);
  }
}

/** Folders in folders, up to a path that no system call takes. */
function deep(root: Buffer, chance: Chance): void {
  const levels = 3 + chance(20);
  const script = 'cd "$1" && for ((i = 0; i < $2; i++)); do mkdir "$3" && cd "$3" && echo "$i" >f || exit 1; done';
  execFileSync('bash', ['-c', script, 'deep', root.toString('latin1'), String(levels), 'd'.repeat(200)]);
}

function target(chance: Chance, path: Buffer, root: Buffer): Buffer | string {
  const inside = posix.relative(posix.dirname(path.toString('latin1')), root.toString('latin1')) || '.';
  return (
    ['nowhere', '.', inside, `${inside}/a`, '../../../../../../../../etc/passwd', '/etc/passwd', 'a/../../x', `${root.toString('latin1')}/a`, './x', 'ü'][chance(10)] ?? 'x' // prettier-ignore
  );
}

function own(path: Buffer, chance: Chance): void {
  if (process.getuid?.() !== 0) return;
  chownSync(path, [0, 33, 1234, 3_000_000][chance(4)] ?? 0, [0, 33, 4_000_000_000][chance(3)] ?? 0);
}

/** Pipes, sockets and, as root, devices, of many trees at once. @returns how many there are of each. */
export function makeSpecial(special: readonly [kind: string, path: Buffer][]): number {
  const root = process.getuid?.() === 0;
  const program = `import os, socket, sys
made = 0
for record in sys.stdin.buffer.read().split(b'\\0\\0'):
    if not record: continue
    kind, path = record.split(b'\\0')
    home, name = os.path.split(path)
    os.chdir(home)
    if os.path.lexists(name): continue
    if kind == b'p': os.mkfifo(name)
    elif kind == b's':
        if len(name) > 100: continue
        socket.socket(socket.AF_UNIX).bind(name)
    elif ${root ? 'True' : 'False'}: os.mknod(name, (0o020000 if kind == b'c' else 0o060000) | 0o600, os.makedev(1, 3))
    else: continue
    made += 1
print(made)`;
  const input = Buffer.concat(special.flatMap(([kind, path]) => [Buffer.from(`${kind}\0`), path, Buffer.from('\0\0')]));
  return Number(execFileSync('python3', ['-c', program], { input }));
}

/** One thing that happens to a tree in a day. */
export function changeTree(home: string, chance: Chance): void {
  const found: Buffer[] = [];
  walk(Buffer.from(home), path => found.push(path));
  const pick = () => found[chance(found.length)];
  const one = pick();
  if (!one) return;
  const beside = Buffer.concat([one, Buffer.from('~')]);
  if (one.length - one.lastIndexOf(47) > 250 || one.length > 3000) return;
  const is = lstatSync(one, { throwIfNoEntry: false });
  if (!is || lstatSync(beside, { throwIfNoEntry: false })) return;
  switch (chance(7)) {
    case 0:
      away(one);
      break;
    case 1:
      renameSync(one, beside);
      break;
    case 2:
      if (is.isFile() || is.isSymbolicLink()) linkSync(one, beside);
      break;
    case 3:
      if (away(one)) symlinkSync('elsewhere', one);
      break;
    case 4:
      if (away(one)) mkdirSync(one);
      break;
    case 5:
      if (is.isFile()) {
        // without O_CREAT, which a sticky folder of somebody else refuses even root
        writeFileSync(one, Buffer.alloc(Math.min(is.size, 5000), 'z'), { flag: 'r+' });
        utimesSync(one, is.atime, is.mtime);
      }
      break;
    default:
      if (!is.isSymbolicLink()) chmodSync(one, is.isDirectory() ? 0o750 : 0o2640);
  }
}

/** Node takes no folder away that has a path too long for a system call in it. */
function away(path: Buffer): boolean {
  try {
    rmSync(path, { recursive: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return false;
    throw error;
  }
}

function walk(folder: Buffer, see: (path: Buffer) => void): void {
  for (const name of readdirSync(folder, { encoding: 'buffer' })) {
    const path = Buffer.concat([folder, Buffer.from('/'), name]);
    // Node's own calls take no longer path
    if (path.length > 4000) continue;
    see(path);
    if (lstatSync(path).isDirectory()) walk(path, see);
  }
}

/** A line for each path below the folder: kind, rights, owner, times, content, other names; and what was left out, by the docs' own table. */
export function pictureOf(
  home: string,
  owners: boolean,
  late: ReadonlySet<string> = new Set(),
): { kept: string[]; leftOut: string[] } {
  const kept: string[] = [];
  const leftOut: string[] = [];
  const firsts = new Map<number, string>();
  const root = Buffer.from(home);
  walk(root, path => {
    const name = path.subarray(root.length + 1).toString('latin1');
    const stat = lstatSync(path, { bigint: true });
    const mode = Number(stat.mode) & 0o7777;
    const whose = owners ? ` ${stat.uid}:${stat.gid}` : '';
    const common = `${whose} ${stat.mtimeNs}`;
    if (stat.isSymbolicLink()) {
      const to = readlinkSync(path, { encoding: 'buffer' }).toString('latin1');
      if (goesOut(name, to)) return void leftOut.push(name);
      return void kept.push(`${name} link ${to}${common}${other(stat.ino, name)}`);
    }
    if (stat.isDirectory()) return void kept.push(`${name} folder ${mode.toString(8)}${late.has(name) ? whose : common}`); // prettier-ignore
    if (!stat.isFile()) return void leftOut.push(name);
    const sum = createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16);
    const left = mode & 0o1777;
    kept.push(`${name} file ${left.toString(8)} ${sum}${common}${other(stat.ino, name)}`);
  });
  return { kept: kept.toSorted(), leftOut };

  function other(ino: bigint, name: string): string {
    const first = firsts.get(Number(ino));
    if (first === undefined) firsts.set(Number(ino), name);
    return first === undefined ? '' : ` = ${first}`;
  }
}

/**
 * Folders whose time is that of their restore, as the docs say: tar makes a further name of a link with .. in it last of all,
 * after the times of folders.
 */
export function lateFolders(home: string): Set<string> {
  const found = new Set<string>();
  const root = Buffer.from(home);
  walk(root, path => {
    const stat = lstatSync(path);
    if (stat.isSymbolicLink() && stat.nlink > 1 && readlinkSync(path, { encoding: 'buffer' }).includes('..'))
      found.add(path.subarray(root.length + 1, Math.max(root.length + 1, path.lastIndexOf(47))).toString('latin1'));
  });
  return found;
}

/** Told apart from the product's own rule: by walking. The trees lie in shared/uploads of a root. */
function goesOut(name: string, to: string): boolean {
  if (to.startsWith('/')) return true;
  let depth = `shared/uploads/${name}`.split('/').length - 1;
  let named = false;
  for (const part of to.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') named = true;
    else if (named || --depth < 0) return true;
  }
  return false;
}
