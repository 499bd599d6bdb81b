// Lists the files of a backup: one pass of `find`, by the same rule as a restore, so that nothing is stored that cannot be restored.
import { PassThrough, Readable } from 'node:stream';
import type { Target } from '../../target/target.ts';
import type { BackupFiles } from '../../target/backup-settings.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { readable, refusedFile } from './inspect-archive.ts';
import { inTheirPlace } from './tar-stream.ts';
import { countsIn, leftOutBy, verifyFolders, verifying, type Excluded } from './included-folders.ts';
import { readStream, recordsOf, run, writeStream, type Remote } from '../../host/run.ts';
import { finishInventory, forgetInventories, readInventory, type Inventory } from './inventory.ts';
import { readPatterns, type Pattern } from '../../target/exclude-patterns.ts';

/** How many files and folders there are and what they hold; `noted` is for people. */
export type Survey = Inventory & { noted: string[]; excluded: Excluded[] };

/** Longest path that a system call takes; tar could not open what is deeper. */
const mostBytes = 4095;
const mostNamed = 5;

/**
 * Leaves `found` in the scratch folder, a line of the inventory for each file and folder, and `odd`, what the client has to
 * judge; says what is wrong with the folders, and how many paths each pattern left out. `id` is that of the backup.
 */
function lookCommand(
  target: Target,
  files: BackupFiles,
  patterns: readonly Pattern[],
  { id, scratch }: { id: string; scratch: string },
): Command {
  const without = patterns.length ? sh`'(' ${leftOutBy(patterns)} ')' -prune -o` : sh``;
  const changing = sh`'(' -newerct "@$since" -o -links +1 ')'`;
  const looking = inTheirPlace(
    target,
    files,
    lines(
      verifying(target, files),
      sh`[ ! "$bad" ] || exit 0`,
      // What changed a moment ago may change again within the same clock tick without a trace, and of a file with
      // several names one may be in a folder that was renamed: both never count as equal.
      sh`since=$(($(date +%s) - 2))`,
      sh`find -P ${files.include} -ignore_readdir_race ${without} '(' -type f -perm /6000 -printf '!%p\\0' -false ')' -o -type l '(' ${changing} -printf ${`?%p\\t%y %s new ${id}\\0>%l\\0`} -o -printf '?%p\\t%y %s %T@ %C@ %i\\0>%l\\0' ')' -o -type d -printf '=%p/\\td\\0' -o '!' -type f -printf '?%p\\t%y\\0>\\0' -o ${changing} -printf ${`=%p\\t%y %s new ${id}\\0`} -o -printf '=%p\\t%y %s %T@ %C@ %i\\0'`,
    ),
  );
  return lines(
    script('set -o pipefail; export LC_ALL=C'),
    sh`cd ${scratch} || exit 1`,
    sh`: >found; : >odd; : >excluded`,
    sh`{
${looking}
} | sed -z -n -e 's/^=//;t found' -e 's/^-//;t excluded' -e 's/^+//;t told' -e 'w odd' -e 'b' -e ':found' -e 'w found' -e 'b' -e ':excluded' -e 'w excluded' -e 'b' -e ':told' -e 'w told' || exit 1`,
    sh`tr '\\0' '\\n' <told`,
    sh`sort -z excluded | uniq -zc | tr '\\0' '\\n' | sed 's/^ */excluded /'`,
    // few systems have such a path, and looking for one costs more than this look
    sh`longest=$(tr -c '\\0' x <found | tr '\\0' '\\n' | wc -L)
: >deep
if ((longest > ${mostBytes})); then
  grep -zaE ${`^[^\t]{${mostBytes + 1}}`} found >deep
  grep -zavE ${`^[^\t]{${mostBytes + 1}}`} found >near && mv near found || exit 1
fi
echo "deep $(tr -cd '\\0' <deep | wc -c) $(tr '\\0' '\\n' <deep | head -n 1 | head -c 200)"`,
    sh`echo "odd $(stat -c %s odd)"`,
  );
}

type Oddity = { what: string; count: number; paths: string[] };

/** Reads what `odd` has, two records for a link and what is no file: gives the lines of those that may come along, and notes the others in `found`. */
async function* judge(odd: Readable, found: Map<string, Oddity>): AsyncGenerator<Buffer> {
  const note = (what: string, path: string, to?: string) => {
    const known = found.get(what) ?? { what, count: 0, paths: [] };
    found.set(what, known);
    known.count++;
    if (known.paths.length < mostNamed) known.paths.push(`${shown(path)}${to === undefined ? '' : `\0${shown(to)}`}`);
  };
  let line: Buffer = Buffer.alloc(0);
  for await (const records of recordsOf(odd, 0, 'the list of odd files'))
    for (const record of records) {
      const mark = record.toString('latin1', 0, 1);
      const rest = record.subarray(1);
      if (mark === '!') note('a setuid or setgid bit', rest.toString('latin1'));
      else if (mark === '?') line = rest;
      else {
        const tab = line.lastIndexOf(9);
        const path = line.toString('latin1', 0, tab);
        const letter = line.toString('latin1', tab + 1, tab + 2);
        const to = letter === 'l' ? rest.toString('latin1') : undefined;
        const refused = refusedFile(letter, path, to);
        if (refused) note(refused.what, path, to);
        else if (path.length > mostBytes) note('a path of more than 4,095 bytes', path);
        else yield Buffer.concat([line, Buffer.from([0])]);
      }
    }
}

function shown(bytes: string): string {
  const text = readable(bytes).replace(/\p{Cc}/gu, letter => JSON.stringify(letter).slice(1, -1));
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}

/** As text: each by name when they are few, otherwise their number. */
export function oddityInWords({ what, count, paths }: Oddity): string[] {
  const named = paths.map(path => path.split('\0')[0] ?? '');
  if (what === 'a setuid or setgid bit')
    return [`without its setuid or setgid bit after a restore: ${named.join(', ')}${count > named.length ? ` and ${count - named.length} more files` : ''}`]; // prettier-ignore
  if (count > mostNamed)
    return [`left out: ${count} times ${what}, such as ${named.slice(0, 3).join(', ')}: it would not be restored`];
  return paths.map(path => {
    const [name = '', to] = path.split('\0');
    return `left out: ${name} is ${what}${to === undefined ? '' : `, to ${to}`}`;
  });
}

/**
 * Looks through the files and leaves their inventory in the scratch folder.
 * @throws Failure 3 when ops.yml names what is not there, is a link, or of which nothing could be packed; 1 when it may not be read.
 */
export async function surveyFiles(
  way: Remote,
  target: Target,
  files: BackupFiles,
  place: { id: string; scratch: string },
): Promise<Survey> {
  const { fullEverySeconds: every } = files;
  if (every !== undefined) await run(way, forgetInventories(target, every), 'cleaning up');
  const patterns = readPatterns(files.exclude, target.root, files.include);
  const what = 'looking at the files';
  const said = await run(way, lookCommand(target, files, patterns, place), what).catch((error: unknown) => {
    throw unreadable(error, files);
  });
  verifyFolders(said, target, files);
  const found = new Map<string, Oddity>();
  const bytes = Number(/^odd (\d+)$/m.exec(said)?.[1] ?? 0);
  const odd = bytes ? readStream(way, sh`cat ${`${place.scratch}/odd`}`, what) : Readable.from([]);
  const links = Readable.from(judge(odd, found), { objectMode: false });
  const { output } = await writeStream(
    way,
    finishInventory(place.scratch, files.include),
    links,
    new PassThrough(),
    what,
  );
  const oddities = [...found.values()];
  const [, deep = '0', first = ''] = /^deep (\d+) (.*)$/m.exec(said) ?? [];
  if (deep !== '0')
    oddities.push({ what: 'a path of more than 4,095 bytes', count: Number(deep), paths: [shown(first.replace(/\t.*/, ''))] }); // prettier-ignore
  const outside = found.get('a link that points outside the root')?.paths ?? [];
  for (const [, index] of output.matchAll(/^alone (\d+)$/gm)) {
    const path = files.include[Number(index)] ?? '';
    if (!outside.some(one => one.startsWith(`${path}/`))) continue;
    throw new Failure(3, `nothing of ${target.root}/${path} can be backed up: it only has links that point outside the root, such as ${outside[0]?.replace('\0', ' to ') ?? ''}`, { advice: 'bring the files into the root, or name what the links lead to in the backup of another app' }); // prettier-ignore
  }
  return {
    ...readInventory(output),
    noted: oddities.flatMap(oddityInWords),
    excluded: countsIn(said, patterns),
  };
}

/** The advice when a folder cannot be read. */
function unreadable(error: unknown, { as }: BackupFiles): unknown {
  if (!(error instanceof Failure) || error.exit !== 1) return error;
  const [, path] = /^find: .(.*).: Permission denied$/m.exec(error.detail ?? '') ?? [];
  if (path === undefined) return error;
  return new Failure(1, `${path} cannot be backed up: ${as ?? 'the deploy user'} may not read it`, {
    detail: error.detail ?? '',
    advice: `name the user who may read it, backup.files.as, or leave it out: backup.files.exclude in ops.yml: [/${path}]`,
  });
}
