// Releases that are folders: unpacked from a commit's archive, shared files linked, `current` swapped by rename.
import { readFileSync } from 'node:fs';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { bash } from '../host/environment.ts';
import { exportEnvironment } from '../env/export.ts';
import { lines, sh, written, type Command } from '../host/sh.ts';
import { isOthers } from '../release/history.ts';
import type { Release } from '../release/release.ts';
import type { Step } from '../plan/step.ts';
import type { LogQuestion, Materials, Runtime } from './runtime.ts';
import type { Change } from '../release/change.ts';

/** What is done inside a folder of the app's, by the user whose files are in it. */
export const insideFolder = readFileSync(new URL('./release-folder.sh', import.meta.url), 'utf8');

type FolderSettings = { shared: string[]; install: string | undefined };

/** What a runtime does alike whose releases are folders of `user`; undefined: of the user who deploys. */
export function folderRuntime(
  target: Target,
  settings: FolderSettings,
  user: string | undefined,
): Pick<Runtime, 'appUser' | 'prepare' | 'verify' | 'migrate' | 'remove' | 'exec'> {
  const environment = exportEnvironment(target.env.map(one => one.file));
  const within = ({ folder }: Release, text: Command) =>
    lines(sh`cd ${folder} || exit 1`, sh`${feedUser(user)} ${bash} -c ${lines(environment, text).text}`);
  return {
    appUser: user,
    prepare: (change, materials) => folderSteps(target, settings, user, change, materials),
    verify: change => [recheckFolder(change)],
    migrate: ({ next }, command, _service, seconds) => ({
      title: 'Migrate the database',
      run: within(next, written(command)),
      seconds,
    }),
    remove: folders => lines(...folders.map(folder => removeFolder(folder, user))),
    exec: (release, given) => within(release, sh`exec -- ${asTyped(given)}`),
  };
}

/**
 * Steps that unpack, link and install; all as `user`, so that everything in the release is theirs. The folder itself is made by the deploy user, for `releases` is nobody else's to write: who may write there
 * could put anything in place of the journal, the log and the pointers. Its group comes from `releases` (setgid).
 */
function folderSteps(
  target: Target,
  settings: FolderSettings,
  user: string | undefined,
  change: Change,
  materials: Materials,
): Step[] {
  const { next } = change;
  const { archive } = materials;
  if (!archive) throw new Failure(3, `${target.app} has no repo in ops.yml: there is nothing to unpack`);
  const as = asUser(user);
  const steps: Step[] = [
    {
      title: `Unpack into ${next.name}`,
      stream: archive,
      run: lines(
        sh`(${user ? sh`umask 002; ` : sh``}mkdir ${next.folder}) 2>"$KEEPER_RUN/why" || fail ${`the folder ${next.folder} cannot be made:`} "$(cat "$KEEPER_RUN/why")"`,
        user !== undefined &&
          sh`as_user ${user} test -w ${next.folder} || fail ${`${user} cannot write into what is made in ${target.paths.releases}, until root has typed: ${releasesRights(target.paths.releases, user)}`}`,
        sh`${feedUser(user)} ${bash} -c ${insideFolder} bash ${next.folder} unpack ${next.sha}`,
      ),
      undo: removeFolder(next.folder, user),
      seconds: 1800,
    },
  ];
  if (settings.shared.length)
    steps.push({
      title: `Link ${settings.shared.join(', ')}`,
      run: sh`${as} ${bash} -c ${insideFolder} bash ${next.folder} link ${target.paths.shared} ${settings.shared}`,
    });
  if (settings.install)
    steps.push({
      title: 'Install dependencies',
      run: lines(sh`cd ${next.folder} || exit 1`, sh`${as} ${bash} -c ${settings.install}`),
      seconds: 1800,
    });
  return steps;
}

/** What root types once, so that the deploy user makes folders there in which the app's user can write. */
export function releasesRights(releases: string, user: string): string {
  return sh`sudo chgrp "$(id -gn ${user})" ${releases} && sudo chmod 2755 ${releases}`.text;
}

/** A release's folder with all in it. A link in its place is removed, and nothing of what it leads to. */
export function removeFolder(folder: string, user: string | undefined): Command {
  const clear = sh`if is_there ${folder} && [ -d ${folder} ] && [ ! -L ${folder} ]; then ${asUser(user)} ${bash} -c ${insideFolder} bash ${folder} clear; fi`;
  return lines(clear, sh`rm -rf ${folder}`);
}

/** The prefix that runs a command as that user, without standard input. */
function asUser(user: string | undefined): Command {
  return user ? sh`as_user ${user}` : sh`command`;
}

/** The same with it. */
function feedUser(user: string | undefined): Command {
  return user ? sh`feed_user ${user}` : sh`command`;
}

function recheckFolder({ facts, next }: Change): Step {
  // REVISION is the last that unpacking writes; other tools write none
  const last = isOthers(facts, next.name) ? next.folder : `${next.folder}/REVISION`;
  return {
    title: `Check that ${next.name} is complete`,
    run: sh`[ -e ${last} ] || fail ${`${next.folder} no longer exists`}`,
  };
}

/** Points `current` at the release, or where it pointed before. */
export function pointCurrent(target: Target, release: Release | undefined): Command {
  return release ? sh`point ${target.paths.current} ${release.folder}` : sh`rm -f ${target.paths.current}`;
}

/** Words of a person, each as it is; unlike in our own commands, an empty one is a word too. */
export function asTyped(words: readonly string[]): Command {
  return words.reduce((before, word) => (word === '' ? sh`${before} ''` : sh`${before} ${word}`), sh``);
}

/** For `docker logs` and `docker compose logs`; a number of lines counts per container, and the total is cut by `chosenLines`. */
export function dockerLogFlags({ follow, since, until, lines: most, grep }: LogQuestion): string[] {
  return [
    ...(follow ? ['--follow'] : []),
    ...(since === undefined ? [] : ['--since', String(since)]),
    ...(until === undefined ? [] : ['--until', String(until)]),
    ...(most !== undefined && (follow || !grep) ? ['--tail', String(most)] : []),
  ];
}

/** Filters and cuts the lines that `source` prints, and fails when `source` does. Without a match it is no failure. */
export function chosenLines(source: Command, { grep, follow, lines: most }: LogQuestion): Command {
  const matching = grep ? sh`${source} | { grep --line-buffered -F -e ${grep} || [ $? -eq 1 ]; }` : source;
  return lines(sh`set -o pipefail`, !follow && most !== undefined ? sh`${matching} | tail -n ${most}` : matching);
}
