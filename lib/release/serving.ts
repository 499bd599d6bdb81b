// Which release is live, according to the target's record.
import { targetName, taskCommand } from '../target/command.ts';
import { Failure, type ExitCode } from '../errors.ts';
import type { Target } from '../target/target.ts';
import type { Facts } from './facts.ts';
import { goodReleases } from './log.ts';
import { type Release, commitIn, sameCommit, adoptedName } from './release.ts';

/** What serves now, as a release. Layouts that other tools left count too. */
export function serving(target: Target, facts: Facts): Release | undefined {
  const { colour } = facts;
  const at = (name: string, sha: string): Release => ({
    name,
    sha,
    folder: `${target.paths.releases}/${name}`,
    colour,
  });
  const good = goodReleases(facts.log).at(-1);
  const { linked, current } = facts;
  // a person's word counts more than where a link points that could not be turned
  const isAccepted = good?.line?.outcome === 'accepted' && good.sha === current;
  if (linked && linked !== good?.release && !isAccepted)
    return at(linked, facts.log.findLast(line => line.release === linked)?.sha ?? commitIn(linked) ?? linked);
  if (!current) return undefined;
  const name = good && sameCommit(good.sha, current) ? good.release : undefined;
  return at(name ?? adoptedName(current), current);
}

/** @throws Failure 2, or `exit`, when nothing serves yet. */
export function servingOrRefuse(target: Target, facts: Facts, exit: ExitCode = 2): Release {
  const now = serving(target, facts);
  if (now) return now;
  throw new Failure(exit, `nothing is deployed to ${targetName(target)} yet`, {
    advice: taskCommand('deploy', target),
  });
}
