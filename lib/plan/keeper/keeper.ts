// What a keeper is opened for, what it tells until it is ready, and how an attempt ends.

export const outcomes = ['live', 'failed', 'reverted', 'aborted', 'lost', 'stuck', 'quiet'] as const;

/** How an attempt ended, as releases.log says it; `quiet`: nothing was attempted. */
export type Outcome = (typeof outcomes)[number];

/** What a keeper is opened for. */
export type Attempt = {
  /** <releases>, the folder of releases.log; the keeper lives in <releases>/.keeper */
  releases: string;
  /** Unique per target, `20261120-120004`. */
  id: string;
  /** The line of releases.log up to its outcome. */
  logHead: string;
  /** One line for others who wait: `by=ana@laptop action=deploy sha=3f2c1ab since=…` */
  holder: string;
  /** Who is missed when no sign of life comes: `ana@laptop`. */
  client: string;
  /** The user whose processes steps start through sudo; undefined: none. */
  appUser: string | undefined;
  /** Seconds to wait for the lock. */
  wait: number;
  /** What a person types when an undo fails. */
  recover?: string;
  /** A person accepts what an earlier attempt left: nothing of it is undone, and this one is recorded as `accepted`. */
  accepts?: true;
};

export type Happening = { kind: 'waiting' | 'settling'; text: string };
