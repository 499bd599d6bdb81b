// Which releases are kept on the host for a rollback, and the step that prunes the others.
import type { Target } from '../target/target.ts';
import { sh } from '../host/sh.ts';
import { type Change } from '../release/change.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { Facts } from '../release/facts.ts';
import { everServed, folderOf } from '../release/history.ts';
import { sameCommit } from '../release/release.ts';
import type { Finish } from '../plan/step.ts';

/** Removes all but the newest that ever served, those that a rollback left included. The set that stays is computed first. */
export function prune(target: Target, facts: Facts, change: Change): Finish {
  const { next, was } = change;
  const served = everServed(facts)
    .filter(one => !sameCommit(one.sha, next.sha) && !(was && sameCommit(one.sha, was.sha)))
    .map(one => folderOf(facts, one))
    .filter(name => facts.folders.includes(name));
  const others = target.keep - (was && !sameCommit(was.sha, next.sha) ? 2 : 1);
  const kept = new Set([...(others > 0 ? served.slice(-others) : []), next.name, ...(was ? [was.name] : [])]);
  const path = (name: string) => `${target.paths.releases}/${name}`;
  const old = facts.folders.filter(name => !kept.has(name)).map(path);
  return {
    title: old.length === 1 ? 'Remove 1 old release' : `Remove ${old.length} old releases`,
    cleanup: true,
    ...(old.length === 0 ? { skip: 'none' } : {}),
    run: old.length ? runtimeOf(target).remove(old) : sh`true`,
  };
}
