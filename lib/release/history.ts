// Which releases were live on a target and can be rolled back to: those of the log, and those of another tool.
import type { Facts } from './facts.ts';
import { goodReleases, putsInPlace, upTo, type Good } from './log.ts';
import { adoptedName, commitIn, sameCommit, type Release } from './release.ts';

/** The good releases, oldest first, the last one `now`. Another tool's previous_release counts where the log knows of nothing before. */
export function goodUpTo(facts: Facts, now: Pick<Release, 'sha'> | undefined): Good[] {
  const good = goodReleases(facts.log);
  const stack = now ? upTo(good, now.sha) : good;
  const { previous } = facts;
  if (stack.length !== 1 || !previous || !now || sameCommit(previous, now.sha)) return stack;
  return [{ sha: previous, release: undefined, line: undefined }, ...stack];
}

/** Every release that ever served, each once, the one that served last at the end; folders that no line names are another tool's. */
export function everServed(facts: Facts): Good[] {
  const served: Good[] = [];
  const serve = (sha: string, release: string | undefined) => {
    const at = served.findIndex(one => sameCommit(one.sha, sha));
    const [known] = at >= 0 ? served.splice(at, 1) : [];
    served.push({ sha, release: release ?? known?.release, line: undefined });
  };
  const times = new Map<Good, string>();
  for (const line of facts.log) {
    if (!putsInPlace(line)) continue;
    if (line.was !== undefined && !served.some(one => sameCommit(one.sha, line.was ?? ''))) serve(line.was, undefined);
    serve(line.sha, line.release);
    const last = served.at(-1);
    if (last) times.set(last, line.time.replace(/\D/g, ''));
  }
  for (const one of served) {
    const name = folderOf(facts, one);
    if (!times.has(one) && commitIn(name) !== undefined) times.set(one, digits(name));
  }
  const ours = facts.log.find(line => line.release !== undefined)?.time.replace(/\D/g, '');
  for (const name of unnamedFolders(facts)) {
    // what has no line and is younger than our first one is no release of anybody's
    if (ours !== undefined && digits(name) >= ours) continue;
    const sha = commitIn(name) ?? '';
    if (served.some(one => folderOf(facts, one) === name)) continue;
    // the log keeps its order; a folder comes before what went live after it was made
    const made = digits(name);
    const later = served.findIndex(one => (times.get(one) ?? '') > made);
    const left: Good = { sha, release: name, line: undefined };
    times.set(left, made);
    served.splice(later < 0 ? served.length : later, 0, left);
  }
  return served;
}

/** `20251122120000`, from a folder's name. */
function digits(name: string): string {
  return name.replace(/\D/g, '').slice(0, 14);
}

/** Folders of releases that no line of the log names, oldest first: those of another tool are among them. */
function unnamedFolders({ folders, log }: Facts): string[] {
  const named = new Set(log.map(line => line.release));
  return folders.filter(name => !named.has(name) && commitIn(name) !== undefined).sort();
}

/** Whether a release's folder was made by another tool, and has none of the files that ours have. */
export function isOthers({ log }: Facts, name: string): boolean {
  return !log.some(line => line.release === name && (line.action === 'deploy' || line.action === 'promote'));
}

/** The name of a release's folder, there or not: as the log has it, as another tool called it, or as we call what we take over. */
export function folderOf(facts: Facts, { sha, release }: Pick<Good, 'sha' | 'release'>): string {
  if (release !== undefined) return release;
  const own = unnamedFolders(facts).findLast(name => sameCommit(commitIn(name) ?? '', sha));
  return own ?? adoptedName(sha);
}
