// Which releases stay on the host for a rollback, and the step that removes the others.
import type { Target } from '../config/target.ts';
import { sh } from '../host/sh.ts';
import { runtimeOf, type Change } from '../runtime/runtime.ts';
import type { Facts } from './facts.ts';
import { goodReleases } from './log.ts';
import { sha7 } from './names.ts';
import type { Finish } from './plan.ts';

/** Removes what no rollback can want any more. The set that stays is computed first. */
export function prune(target: Target, facts: Facts, change: Change): Finish {
  const good = goodReleases(facts.log)
    .filter(one => one.sha !== change.next.sha)
    .map(one => one.release ?? `adopted_${sha7(one.sha)}`);
  const kept = new Set([...good.slice(-(target.keep - 1)), change.next.name, ...(change.was ? [change.was.name] : [])]);
  const path = (name: string) => `${target.paths.releases}/${name}`;
  const old = facts.folders.filter(name => !kept.has(name)).map(path);
  return {
    title: old.length === 1 ? 'Remove 1 old release' : `Remove ${old.length} old releases`,
    cleanup: true,
    ...(old.length === 0 ? { skip: 'none' } : {}),
    run: old.length ? runtimeOf(target).remove(old) : sh`true`,
  };
}
