// Checks the folders of backup.files: none may be missing, be a link, or contain a store; and reports how much each pattern leaves out.
import { posix } from 'node:path';
import type { Target } from '../../target/target.ts';
import type { BackupFiles } from '../../target/backup-settings.ts';
import { Failure } from '../../errors.ts';
import { bash } from '../../host/environment.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { inTheirPlace } from './tar-stream.ts';
import { run, type Remote } from '../../host/run.ts';
import { leavesOut, readPatterns, type Pattern } from '../../target/exclude-patterns.ts';

/** How many paths a pattern of ops.yml leaves out, and not how much is in them. */
export type Excluded = { pattern: string; count: number };

/** Prints what is wrong with the folders that ops.yml names, and goes into the root; sets `bad`. */
export function verifying(target: Target, files: BackupFiles): Command {
  const stores = storesHere(target).flatMap((folder, store) =>
    files.include.map(
      (path, index) =>
        sh`store=$(realpath -m -- ${folder}) here=$(realpath -m -- ${path}); case "$store/" in "$here"/*) printf '+store %s %s %s\\0' ${store} ${index} "\${store#"$here"}" ;; esac`,
    ),
  );
  const folders = files.include.map(
    (path, index) =>
      sh`if [ -L ${path} ]; then printf '+link %s %s\\0' ${index} "$(readlink ${path})"; bad=1; elif [ ! -e ${path} ]; then printf '+missing %s\\0' ${index}; bad=1; fi`,
  );
  return lines(sh`bad=`, sh`cd ${target.root}`, ...stores, ...folders);
}

/**
 * What a backup would find of its folders and patterns, without taking one; how many paths each pattern leaves out.
 * @throws Failure 1 for a folder that is missing, 3 for what ops.yml says wrongly
 */
export async function lookAhead(way: Remote, target: Target, files: BackupFiles): Promise<Excluded[]> {
  const patterns = readPatterns(files.exclude, target.root, files.include);
  const counting = patterns.length
    ? sh`find -P ${files.include} -ignore_readdir_race '(' ${leftOutBy(patterns)} ')' -prune 2>/dev/null || true`
    : sh`:`;
  const looking = inTheirPlace(target, files, lines(verifying(target, files), sh`[ "$bad" ] || ${counting}`));
  const said = await run(way, lines(script('export LC_ALL=C'), sh`{
${looking}
} | sort -z | uniq -zc | tr '\\0' '\\n' | sed -e 's/^ *\\([0-9]*\\) -/excluded \\1 /' -e 's/^ *[0-9]* +//'`), 'looking at the files'); // prettier-ignore
  verifyFolders(said, target, files);
  return countsIn(said, patterns);
}

export function countsIn(said: string, patterns: readonly Pattern[]): Excluded[] {
  return patterns.map(({ text }, index) => ({
    pattern: text,
    count: Number(new RegExp(`^excluded (\\d+) ${index}$`, 'm').exec(said)?.[1] ?? 0),
  }));
}

/** Words for `find` that hold for what is left out, and print `-` and the pattern's number for it. */
export function leftOutBy(patterns: readonly Pattern[]): Command {
  const one = ({ globs, foldersOnly }: Pattern, index: number) => {
    const paths = globs.flatMap((glob, at) => [...(at ? ['-o'] : []), '-path', glob]);
    return sh`${foldersOnly ? ['-type', 'd'] : []} '(' ${paths} ')' -printf ${`-${index}\\0`}`;
  };
  return patterns.map(one).reduce((all, next) => sh`${all} -o ${next}`);
}

/** The same look for the doctor, without counting what patterns leave out. Nothing is asked of Docker for it. */
export function foldersQuestion(target: Target): Command | undefined {
  const files = target.backup?.files;
  if (!files || (files.as !== undefined && target.runtime.kind === 'compose')) return undefined;
  const text = lines(script('set -e; export LC_ALL=C.UTF-8'), verifying(target, files)).text;
  const as = files.as === undefined ? sh`` : sh`$([ "$(id -un)" = ${files.as} ] || echo sudo -n -u ${files.as} --)`;
  return sh`${as} ${bash} -c ${text} 2>/dev/null | tr '\\0' '\\n' | sed 's/^+//'`;
}

/** @throws Failure for the first that is missing (1: data may be gone), a link, or has a store in it (3) */
export function verifyFolders(said: string, target: Target, files: BackupFiles): void {
  for (const fault of folderFaults(said, target, files)) throw fault;
}

/** All that is wrong with the folders, those first whose data may be gone. */
export function folderFaults(said: string, target: Target, { include, exclude }: BackupFiles): Failure[] {
  const { root, host } = target;
  const patterns = readPatterns(exclude, root, include);
  const missing = [...said.matchAll(/^missing (\d+)$/gm)].map(([, index]) => {
    const path = include[Number(index)] ?? '';
    return new Failure(1, `${root}/${path} does not exist, and backup.files.include names it`, { advice: `make the folder on ${host.name}, or take it out of ops.yml` }); // prettier-ignore
  });
  const links = [...said.matchAll(/^link (\d+) (.*)$/gm)].map(([, index, to = '']) => {
    const path = include[Number(index)] ?? '';
    return new Failure(3, `${root}/${path} is a link, to ${to}: what it leads to would not be in the backup`, { advice: adviceForLink(root, path, to) }); // prettier-ignore
  });
  // ops.yml is checked for this by its names; links show only here
  const stores = [...said.matchAll(/^store (\d+) (\d+) (.*)$/gm)].flatMap(([, store, index, below = '']) => {
    const path = include[Number(index)] ?? '';
    if (patterns.some(pattern => leavesOut(pattern, `${path}${below}`, true))) return [];
    return new Failure(3, `${root}/${path} has the store ${storesHere(target)[Number(store)] ?? ''} in it, and would grow each night`, { advice: `give the store a folder elsewhere, or leave it out: backup.files.exclude: [${path}${below}]` }); // prettier-ignore
  });
  return [...missing, ...links, ...stores];
}

/** Stores that could lie in what is backed up, also those of others; folders of this machine when the target is on it. */
function storesHere({ backup, host }: Target): string[] {
  return [...(backup?.stores ?? []), ...(backup?.otherStores ?? [])].flatMap(store => {
    if (store.kind === 'path') return host.kind === 'local' ? [store.folder] : [];
    return store.kind === 'ssh' && store.host.name === host.name ? [store.folder] : [];
  });
}

function adviceForLink(root: string, path: string, to: string): string {
  const found = posix.resolve(posix.dirname(`${root}/${path}`), to);
  if (found.startsWith(`${root}/`))
    return `name what it leads to in ops.yml: include: [${found.slice(root.length + 1)}]`;
  return `make it a folder, and bind the other one to it, in /etc/fstab: ${found} ${root}/${path} none bind 0 0`;
}
