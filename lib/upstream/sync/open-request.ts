// Exactly one pull request for the branch of a sync: opened, brought up to date, or left alone where somebody declined it.
import { Failure } from '../../errors.ts';
import type { PullRequest, PullRequests, PullRequestText } from '../../github/pull-requests.ts';

export type RequestOutcome = {
  outcome: 'opened' | 'updated' | 'up to date' | 'declined';
  number: number;
  page: string;
};

/** The one that is open. */
export function openOf(known: readonly PullRequest[]): PullRequest | undefined {
  return known.find(({ state }) => state === 'open');
}

/** One that a person closed without merging it, and that said the same: it is not opened again. */
export function declinedOf(known: readonly PullRequest[], title: string): PullRequest | undefined {
  const [newest] = known;
  return newest?.state === 'declined' && newest.title === title ? newest : undefined;
}

/** @throws Failure as the requests do */
export async function ensureRequest(
  requests: PullRequests,
  known: readonly PullRequest[],
  text: PullRequestText,
): Promise<RequestOutcome> {
  const declined = declinedOf(known, text.title);
  if (declined) return { outcome: 'declined', number: declined.number, page: declined.page };
  const open = openOf(known);
  if (open) return bringUpToDate(requests, open, text);
  try {
    const { number, page } = await requests.open(text);
    return { outcome: 'opened', number, page };
  } catch (error) {
    // another run was faster, or the answer to the first try was lost
    const other = error instanceof Failure && error.exit === 1 ? openOf(await requests.list()) : undefined;
    if (!other) throw error;
    return bringUpToDate(requests, other, text);
  }
}

async function bringUpToDate(
  requests: PullRequests,
  { number, page, title, body }: PullRequest,
  text: PullRequestText,
): Promise<RequestOutcome> {
  // GitHub takes spaces at the end away
  if (title === text.title && body.trimEnd() === text.body.trimEnd()) return { outcome: 'up to date', number, page };
  await requests.change(number, text);
  return { outcome: 'updated', number, page };
}
