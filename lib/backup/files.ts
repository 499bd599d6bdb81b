// The files of a backup: what is there, what is left out, and the archive as a stream.
import type { BackupFiles, Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import { inPlace } from '../release/in-place.ts';
import { leadsOut } from './archive.ts';

const mostLeftOut = 200;

function inTheirPlace(target: Target, files: BackupFiles, text: Command): Command {
  return inPlace(target, { as: files.as, folders: [target.root], scratch: target.root }, text);
}

/** Prints what is missing of the folders, and everything in them that is no plain file or folder. */
export function surveyCommand(target: Target, files: BackupFiles): Command {
  return inTheirPlace(
    target,
    files,
    lines(
      sh`cd ${target.root}`,
      ...files.include.map(path => sh`[ -e ${path} ] || printf 'missing\\0%s\\0%s\\0' ${path} -`),
      sh`for path in ${files.include}; do
  [ ! -e "$path" ] || find -P "$path" '(' -type l -o -type b -o -type c -o -type p ')' -printf '%y\\0%p\\0%l\\0'
done`,
    ),
  );
}

export type Survey = { leftOut: string[]; noted: string[] };

/** What a restore would refuse is left out, and said. @throws Failure 1 when a folder of ops.yml is not there. */
export function readSurvey(text: string, target: Target): Survey {
  const fields = text.split('\0');
  const leftOut: string[] = [];
  const noted: string[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const [kind = '', path = '', to = ''] = fields.slice(at, at + 3);
    if (kind === 'missing')
      throw new Failure(1, `${target.root}/${path} is not there, and backup.files.include names it`, {
        advice: `make the folder on ${target.host.name}, or take it out of ops.yml`,
      });
    if (kind === 'l' && !leadsOut(path, to)) continue;
    leftOut.push(path);
    noted.push(kind === 'l' ? `left out: ${path} is a link out of the root, to ${to}` : `left out: ${path} is no file`);
  }
  if (leftOut.length > mostLeftOut)
    throw new Failure(1, `${leftOut.length} links in ${target.root} lead out of it, such as ${leftOut[0] ?? ''}`, {
      advice: 'name their folders under backup.files.exclude',
    });
  return { leftOut, noted };
}

/** The archive, compressed, on standard output; what it became is told on standard error. */
export function sendFiles(target: Target, files: BackupFiles, leftOut: readonly string[]): Command {
  const without = [
    ...(leftOut.length ? ['--anchored', '--no-wildcards', ...leftOut.map(path => `--exclude=${path}`)] : []),
    '--no-anchored',
    '--wildcards',
    ...files.exclude.map(pattern => `--exclude=${pattern}`),
  ];
  return inTheirPlace(
    target,
    files,
    lines(
      sh`set +e`,
      sh`cd ${target.root} || exit 1`,
      // the members are counted by their names, one a line
      sh`exec 5> >(echo "count $(wc -l)" >&2)
counter=$!
tar --create --file=- --format=posix --sort=name --numeric-owner --totals --verbose --index-file=/dev/fd/5 --quoting-style=escape ${without} -- ${files.include} | nice zstd -q -3 -T0 -c
codes=("\${PIPESTATUS[@]}")
exec 5>&-
wait "$counter"
echo "tar $(tar --version | head -n 1 | grep -o '[0-9.]*$')" >&2
((codes[1] == 0)) || { echo "zstd ended with code \${codes[1]}" >&2; exit 1; }
# 1: a file vanished or changed while it was read, which is noted and no failure
((codes[0] <= 1)) || { echo "tar ended with code \${codes[0]}" >&2; exit 1; }
exit 0`,
    ),
  );
}

export type Sent = { count: number; rawBytes: number; noted: string[]; tar: string };

/** Reads what `sendFiles` told. @throws Failure 1 when it did not tell all. */
export function readSent(text: string): Sent {
  const [, count] = /^count (\d+)$/m.exec(text) ?? [];
  const [, bytes] = /^Total bytes written: (\d+)/m.exec(text) ?? [];
  const [, tar = ''] = /^tar ([\d.]+)$/m.exec(text) ?? [];
  if (count === undefined || bytes === undefined)
    throw new Failure(1, 'tar did not say what it had read', { detail: text.slice(-2000) });
  const noted = text
    .split('\n')
    .filter(line => line.startsWith('tar: ') && !/socket ignored$|Exiting with failure status/.test(line))
    .map(line => line.slice('tar: '.length));
  return { count: Number(count), rawBytes: Number(bytes), noted, tar };
}
