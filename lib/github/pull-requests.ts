// Pull requests of one repository on GitHub: the newest ones of a branch, opening one, changing its text.
import { Failure, messageOf } from '../errors.ts';
import type { Secret } from '../secret.ts';

/** One that we know. */
export type PullRequest = {
  number: number;
  /** Its page. */
  page: string;
  title: string;
  body: string;
  state: 'open' | 'declined' | 'merged';
};

export type PullRequestText = { title: string; body: string };

export type PullRequests = {
  /** Newest first, also those that are closed; some thirty at most. */
  list(): Promise<PullRequest[]>;
  open(text: PullRequestText): Promise<PullRequest>;
  change(number: number, text: PullRequestText): Promise<void>;
};

export type Repository = { owner: string; name: string };

type Connection = {
  repository: Repository;
  /** The branch, and what it is to be merged into. */
  head: string;
  base: string;
  token: Secret;
  /** undefined: api.github.com */
  url: string | undefined;
  signal: AbortSignal;
};

/** For one request. */
const answersWithin = 30_000;

/** Sends nothing yet. Every call throws Failure 1 with what GitHub says, and Failure 3 when the token is not accepted. */
export async function pullRequestsOf({
  repository,
  head,
  base,
  token,
  url,
  signal,
}: Connection): Promise<PullRequests> {
  // 60 ms to load
  const { Octokit } = await import('@octokit/core');
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const octokit = new Octokit({ auth: token.reveal(), userAgent: 'bookops', log: quiet, ...(url !== undefined && { baseUrl: url.replace(/\/$/, '') }) }); // prettier-ignore
  const { owner, name: repo } = repository;
  const ask = async <T>(what: string, run: (limit: { signal: AbortSignal }) => Promise<T>): Promise<T> => {
    try {
      return await run({ signal: AbortSignal.any([signal, AbortSignal.timeout(answersWithin)]) });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw refused(`${owner}/${repo}`, what, error);
    }
  };
  return {
    list: () =>
      ask('list pull requests', async request => {
        const { data } = await octokit.request('GET /repos/{owner}/{repo}/pulls', { owner, repo, state: 'all', head: `${owner}:${head}`, base, sort: 'created', direction: 'desc', per_page: 30, request }); // prettier-ignore
        // an older server takes no notice of a head that it cannot find, and lists everybody's
        return data.filter(one => one.head.ref === head && one.base.ref === base).map(pullRequestOf);
      }),
    open: text =>
      ask('open a pull request', async request => {
        const { data } = await octokit.request('POST /repos/{owner}/{repo}/pulls', { owner, repo, head, base, ...text, request }); // prettier-ignore
        return pullRequestOf(data);
      }),
    change: (number, text) =>
      ask(`change pull request ${number}`, async request => {
        await octokit.request('PATCH /repos/{owner}/{repo}/pulls/{pull_number}', { owner, repo, pull_number: number, ...text, request }); // prettier-ignore
      }),
  };
}

type Answered = {
  number: number;
  html_url: string;
  title: string;
  body: string | null;
  state: string;
  merged_at: string | null;
};

function pullRequestOf({ number, html_url: page, title, body, state, merged_at: merged }: Answered): PullRequest {
  // what a browser saved has CRLF
  const text = (body ?? '').replaceAll('\r\n', '\n');
  return {
    number,
    page,
    title,
    body: text,
    state: state === 'open' ? 'open' : merged === null ? 'declined' : 'merged',
  };
}

function refused(where: string, what: string, error: unknown): Failure {
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 0;
  const detail = messageOf(error);
  if (status === 401)
    return new Failure(3, `GitHub does not accept the token for ${where}`, { detail, advice: 'build.upstream.pull_request.token in ops.yml says where it is; it may have expired' }); // prettier-ignore
  const advice =
    status === 403 || status === 404
      ? 'the token needs “Pull requests: read and write” for that repository; in GitHub Actions: permissions: { contents: write, pull-requests: write }, and the setting “Allow GitHub Actions to create and approve pull requests”'
      : status === 0
        ? 'is the API reachable from here? pull_request.url in ops.yml names another than https://api.github.com'
        : undefined;
  return new Failure(1, `GitHub did not ${what} in ${where}${status ? ` (status ${status})` : ''}`, { detail, advice });
}
