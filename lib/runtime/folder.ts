// Releases that are folders: unpacked from a commit's archive, shared files linked, `current` swapped by rename.
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { lines, sh, written, type Command } from '../host/sh.ts';
import type { Release } from '../release/names.ts';
import type { Step } from '../release/plan.ts';
import type { Change, LogQuestion, Materials } from './runtime.ts';

/** Steps that unpack, link and install; all as `user`, so that everything in the release is theirs. undefined: the user who deploys. */
export function folderSteps(
  target: Target,
  settings: { shared: string[]; install: string | undefined },
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
        sh`${as} mkdir ${next.folder} 2>"$KEEPER_RUN/why" || fail ${`${user ?? 'the user who deploys'} cannot make the folder ${next.folder}:`} "$(cat "$KEEPER_RUN/why")"`,
        sh`${user ? sh`feed_user ${user}` : sh`command`} tar -xzf - -C ${next.folder}`,
        sh`printf '%s\\n' ${next.sha} | ${user ? sh`feed_user ${user}` : sh`command`} tee ${`${next.folder}/REVISION`} >/dev/null`,
      ),
      undo: sh`${as} rm -rf ${next.folder}`,
      seconds: 1800,
    },
  ];
  if (settings.shared.length)
    steps.push({
      title: `Link ${settings.shared.join(', ')}`,
      run: lines(
        ...settings.shared.map(path => {
          const inside = `${next.folder}/${path}`;
          const outside = `${target.paths.shared}/${path}`;
          return sh`${as} rm -rf ${inside}; ${as} mkdir -p ${inside.slice(0, inside.lastIndexOf('/'))}; ${as} ln -s ${outside} ${inside}`;
        }),
      ),
    });
  if (settings.install)
    steps.push({
      title: 'Install what it depends on',
      run: sh`cd ${next.folder} && ${as} bash -c ${settings.install}`,
      seconds: 1800,
    });
  return steps;
}

/** The prefix that runs a command as that user. */
export function asUser(user: string | undefined): Command {
  return user ? sh`as_user ${user}` : sh`command`;
}

export function recheckFolder(release: Release): Step {
  return {
    title: `Check that ${release.name} is complete`,
    run: sh`[ -e ${`${release.folder}/REVISION`} ] || fail ${`${release.folder} is not there any more`}`,
  };
}

/** Points `current` at the release, or where it pointed before. */
export function pointCurrent(target: Target, release: Release | undefined): Command {
  return release ? sh`point ${target.paths.current} ${release.folder}` : sh`rm -f ${target.paths.current}`;
}

/** A command of ops.yml in a release's folder. */
export function inFolder(release: Release, user: string | undefined, command: string): Command {
  written(command);
  return sh`cd ${release.folder} && ${asUser(user)} bash -c ${command}`;
}

/** Words of a person, each as it is; unlike in our own commands, an empty one is a word too. */
export function asTyped(words: readonly string[]): Command {
  return words.reduce((before, word) => (word === '' ? sh`${before} ''` : sh`${before} ${word}`), sh``);
}

/** Filters and cuts the lines that `source` prints, and fails when `source` does. Without a match it is no failure. */
export function chosenLines(source: Command, { grep, follow, lines: most }: LogQuestion): Command {
  const matching = grep ? sh`${source} | { grep --line-buffered -F -e ${grep} || [ $? -eq 1 ]; }` : source;
  return lines(sh`set -o pipefail`, !follow && most !== undefined ? sh`${matching} | tail -n ${most}` : matching);
}
