// Which release a rollback goes to: the last good one before the one that serves, or the good one that was named.
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import type { Facts } from './facts.ts';
import { goodReleases, type Good } from './log.ts';
import { releaseAt, sha7, type Release } from './names.ts';

/** @throws Failure 2 when the log has no such good release: a rollback that cannot happen is never a success. */
export function earlierRelease(target: Target, facts: Facts, to: string | undefined): Release | { nothing: string } {
  const good = goodReleases(facts.log);
  const everGood = new Map<string, Good>();
  for (const line of facts.log.filter(one => one.outcome === 'live'))
    everGood.set(line.sha, { sha: line.sha, release: line.release ?? everGood.get(line.sha)?.release, line });
  const found = to === undefined ? good.at(-2) : named([...everGood.values()], to);
  const known = [...everGood.values()].filter(one => one.sha !== facts.current).map(one => sha7(one.sha));
  if (!found)
    throw new Failure(
      2,
      to === undefined
        ? `${target.app} ${target.environment} has no good release before the one that serves`
        : `the log of ${target.app} ${target.environment} has no good release ${JSON.stringify(to)}`,
      {
        advice: known.length
          ? `good ones are: ${known.join(', ')} (--to)`
          : `npx tsx tasks/releases.ts --env ${target.environment} lists what there was`,
      },
    );
  if (found.sha === facts.current)
    return { nothing: `${target.app} ${target.environment} serves ${sha7(found.sha)} already` };
  // what another tool deployed has a folder under this name since a deploy of ours took its place
  const release = found.release ?? `adopted_${sha7(found.sha)}`;
  if (facts.folders.includes(release))
    return { sha: found.sha, name: release, folder: `${target.paths.releases}/${release}` };
  return releaseAt(target.paths.releases, facts.now, found.sha, facts.folders);
}

function named(good: Good[], to: string): Good | undefined {
  if (!/^[0-9a-f]{7,64}$/.test(to)) return good.find(one => one.release === to);
  const fitting = good.filter(one => one.sha.startsWith(to));
  if (fitting.length > 1) throw new Failure(2, `${to} could be ${fitting.map(one => one.sha).join(' or ')}`);
  return fitting[0];
}
