// The archive of the files in a list, as a stream, and the messages of tar.
import type { Target } from '../../target/target.ts';
import type { BackupFiles } from '../../target/backup-settings.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { runAs } from '../../host/run-as.ts';
import { packing } from '../../host/packing.ts';

/** `reads`: the text gets the standard input. */
export function inTheirPlace(target: Target, files: BackupFiles, text: Command, reads = false): Command {
  const place = { as: files.as, folders: [target.root], scratch: target.root };
  return runAs(target, place, lines(script('export LC_ALL=C.UTF-8'), text), script(''), reads);
}

/** An archive of what `list` names, packed, on standard output; its sizes and checksum go to standard error. */
export function sendFiles(target: Target, files: BackupFiles, list: string, recipients: readonly string[]): Command {
  const archiving = inTheirPlace(
    target,
    files,
    lines(
      sh`set +e`,
      sh`cd ${target.root} || exit 1`,
      // the members are counted by their names, one a line
      sh`exec 5> >(echo "count $(wc -l)" >&2)
counter=$!`,
      packing(
        sh`tar --create --file=- --format=posix --numeric-owner --totals --verbose --index-file=/dev/fd/5 --quoting-style=escape --ignore-failed-read --no-recursion --no-unquote --null --files-from=- |`,
        { recipients, tells: 'bytes' },
      ),
      sh`exec 5>&-
wait "$counter"
echo "tar $(tar --version | head -n 1 | grep -o '[0-9.]*$')" >&2
for code in "\${codes[@]:1}"; do ((code == 0)) || { echo "packing exited with $code" >&2; exit 1; }; done
# 1: a file changed while it was read, which is noted and no failure
((\${codes[0]:-9} <= 1)) || { echo "tar exited with \${codes[0]:-9}" >&2; exit 1; }
exit 0`,
    ),
    true,
  );
  return sh`${archiving} <${list}`;
}

export type Sent = {
  count: number;
  rawBytes: number;
  noted: string[];
  tar: string;
  /** Names of the list that were not there any more, as tar writes them. */
  vanished: string[];
};

/** Reads the report of `sendFiles`. @throws Failure 1 when it is incomplete, or a file could not be read. */
export function readSent(text: string): Sent {
  const [, count] = /^count (\d+)$/m.exec(text) ?? [];
  const [, bytes] = /^Total bytes written: (\d+)/m.exec(text) ?? [];
  const [, tar = ''] = /^tar ([\d.]+)$/m.exec(text) ?? [];
  if (count === undefined || bytes === undefined)
    throw new Failure(1, 'tar did not say what it had read', { detail: text.slice(-2000) });
  const noted: string[] = [];
  const vanished: string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('tar: ') || /socket ignored$|Exiting with failure status/.test(line)) continue;
    const said = line.slice('tar: '.length);
    const [, name, why] = /^(.+): Warning: (Cannot \w+: .+)$/.exec(said) ?? [];
    if (name === undefined || why === undefined) noted.push(said);
    else if (/: (No such file or directory|Not a directory)$/.test(why)) {
      vanished.push(name);
      noted.push(`${name}: vanished before it was read`);
    } else
      throw new Failure(1, `${name} cannot be backed up: ${why}`, {
        advice: 'name the user who may read it, backup.files.as, or leave it out: backup.files.exclude',
      });
  }
  return { count: Number(count), rawBytes: Number(bytes), noted, tar, vanished };
}
