// Who runs a task, as releases.log and the lock name them.
import { hostname, userInfo } from 'node:os';

/** It becomes the value of `by=` in the release log, so it is one plain word. */
export function whoRuns({ GITHUB_ACTIONS, GITHUB_ACTOR, USER }: NodeJS.ProcessEnv, uid: number | undefined): string {
  if (GITHUB_ACTIONS === 'true' && GITHUB_ACTOR) return oneWord(`github:${GITHUB_ACTOR}`);
  return oneWord(`${userName() ?? USER ?? uid ?? 'someone'}@${hostname()}`);
}

function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a number that no account has.
    return undefined;
  }
}

function oneWord(text: string): string {
  return text.replace(/[^\p{L}\p{N}.@:_+[\]-]+/gu, '-');
}
