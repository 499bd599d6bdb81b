// Which release a rollback goes to: the last good one before the live one, or a good one by name.
import { targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { serving } from '../release/serving.ts';
import type { Facts } from '../release/facts.ts';
import { everServed, folderOf, goodUpTo } from '../release/history.ts';
import type { Good } from '../release/log.ts';
import { releaseAt, sameCommit, sha7, type Release } from '../release/release.ts';

/** @throws Failure 2 when there is no such good release: a rollback that cannot happen is never a success. */
export function earlierRelease(target: Target, facts: Facts, to: string | undefined): Release | { already: string } {
  const now = serving(target, facts);
  const ever = everServed(facts);
  const stack = goodUpTo(facts, now);
  const known = [...stack.filter(one => !ever.some(other => sameCommit(other.sha, one.sha))), ...ever];
  const found = to === undefined ? stack.at(-2) : named(known, facts, to);
  const others = known.filter(one => !now || !sameCommit(one.sha, now.sha));
  if (!found)
    throw new Failure(
      2,
      to === undefined
        ? `${targetName(target)} has no good release before the one that serves`
        : `the log of ${targetName(target)} has no good release ${JSON.stringify(to)}`,
      {
        advice: others.length
          ? `good ones are: ${[...new Set(others.map(one => sha7(one.sha)))].join(', ')} (--to)`
          : `${taskCommand('releases', target)} lists what there was`,
      },
    );
  if (now && sameCommit(found.sha, now.sha)) return { already: found.sha };
  const release = folderOf(facts, found);
  if (facts.folders.includes(release))
    return { sha: found.sha, name: release, folder: `${target.paths.releases}/${release}` };
  return releaseAt(target.paths.releases, facts.now, found.sha, facts.folders);
}

/** A release by its folder, by its commit or a prefix of it, or by the name that another tool gave it. */
function named(good: Good[], facts: Facts, to: string): Good | undefined {
  const exactly = good.findLast(one => folderOf(facts, one) === to || one.sha === to);
  if (exactly || !/^[0-9a-f]{7,64}$/.test(to)) return exactly;
  const fitting = good.filter(one => sameCommit(one.sha, to));
  const last = fitting.at(-1);
  if (last && fitting.some(one => !sameCommit(one.sha, last.sha)))
    throw new Failure(2, `${to} could be ${fitting.map(one => one.sha).join(' or ')}`);
  return last;
}
