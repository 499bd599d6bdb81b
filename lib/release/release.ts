// The names of a release: the forms of a SHA, a folder name, an attempt's id.
import { Failure } from '../errors.ts';
import type { Colour } from './colours.ts';

export type Release = {
  sha: string;
  /** Folder name, `20261120_120004_3f2c1ab`. */
  name: string;
  /** Absolute folder on the host. */
  folder: string;
  /** Where it runs beside another one; undefined: in the one place there is. */
  colour?: Colour | undefined;
};

/** A full commit SHA (SHA-1 or SHA-256). @throws Failure 2 for anything else: nothing else ever names a release. */
export function fullSha(text: string): string {
  if (/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)) return text;
  throw new Failure(2, `${JSON.stringify(text.slice(0, 80))} is not a full commit SHA (40 hexadecimal digits)`, {
    advice: 'git rev-parse HEAD prints one; or let git resolve a name: --ref main',
  });
}

export function sha7(sha: string): string {
  return sha.slice(0, 7);
}

/** Whether two names mean one commit: the folders that other tools left know its first digits only. */
export function sameCommit(one: string, other: string): boolean {
  if (one === other) return true;
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return /^[0-9a-f]{7,}$/.test(short) && /^[0-9a-f]+$/.test(long) && long.startsWith(short);
}

/** The folder of what another tool put live, also when that tool calls it `v1.2.0`. */
export function adoptedName(sha: string): string {
  return `adopted_${/^[0-9a-f]{7,64}$/.test(sha) ? sha7(sha) : sha.replace(/[^\w.-]/g, '-').slice(0, 60)}`;
}

/** The commit that a folder's name tells: seven digits of it. */
export function commitIn(name: string): string | undefined {
  return /^\d{8}_\d{6}_([0-9a-f]{7,64})(_\d+)?$/.exec(name)?.[1];
}

/** A free folder name for a release of this moment (host's clock, seconds): a name that exists gets _2, _3 … */
export function releaseAt(releases: string, now: Date, sha: string, taken: readonly string[]): Release {
  const base = `${now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '_')}_${sha7(sha)}`;
  let name = base;
  for (let again = 2; taken.includes(name); again++) name = `${base}_${again}`;
  return { sha, name, folder: `${releases}/${name}` };
}

/** `20261120-120004`, free among those the log has. */
export function attemptId(now: Date, taken: readonly (string | undefined)[]): string {
  const base = now.toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  let id = base;
  for (let again = 2; taken.includes(id); again++) id = `${base}-${again}`;
  return id;
}

/** Whether a folder name has the form of a release's. */
export function isReleaseName(name: string): boolean {
  return commitIn(name) !== undefined || /^adopted_[\w.-]{1,60}$/.test(name);
}

export function samePlace(one: Release, other: Release | undefined): boolean {
  return one.folder === other?.folder && one.colour === other.colour;
}
