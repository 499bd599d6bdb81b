// What visitors saw, counted: answers, failures by their cause, waits, and which version answered from when to when.

export type Kind = 'plain' | 'slow' | 'upload';

export type Count = {
  asked: number;
  ok: number;
  /** 503 with the maintenance page. */
  told: number;
  /** What went wrong: `502`, `ECONNRESET`, `ECONNREFUSED`, `cut` (shorter than it said), `wrong` (another body) → how often. */
  failures: Record<string, number>;
  /** Seconds that the slowest good answer took, without those that the visitor took to send. */
  longest: number;
};

export type Report = {
  seconds: number;
  /** Everything that was neither answered well nor told by the page; websockets that were cut or refused count too. */
  failures: number;
  requests: Record<Kind, Count>;
  sockets: {
    opened: number;
    /** Echoes that came back, and messages under way when a socket ended. */
    echoes: number;
    unanswered: number;
    /** Ended by the app with a close frame. */
    closed: number;
    /** Ended without one, or not opened (a 503 is told), by reason. */
    failures: Record<string, number>;
    told: number;
    longestOpening: number;
  };
  /** TCP connections that were opened. */
  connections: number;
  /** The versions that answered, each from its first to its last answer of a row, in seconds since the start of the report. */
  versions: { sha: string; from: number; to: number; answers: number }[];
  /** The first and last moment at which visitors were told of maintenance. */
  told: { from: number; to: number } | undefined;
  /** The first failures in words. */
  examples: string[];
};

export type Ended = {
  kind: Kind | 'socket' | 'echo';
  at: number;
  seconds: number;
  how: string;
  sha?: string | undefined;
};

/** Counts what ended between two moments (milliseconds of performance.now()). */
export function summary(events: readonly Ended[], from: number, to: number, opened: readonly number[]): Report {
  const since = (at: number) => Math.round(at - from) / 1000;
  const requests = { plain: none(), slow: none(), upload: none() };
  const sockets: Report['sockets'] = {
    opened: 0,
    echoes: 0,
    unanswered: 0,
    closed: 0,
    failures: {},
    told: 0,
    longestOpening: 0,
  };
  const versions: Report['versions'] = [];
  const examples: string[] = [];
  let told: Report['told'];
  let failures = 0;
  const fail = (counts: Record<string, number>, { kind, how, at, seconds }: Ended) => {
    counts[how] = (counts[how] ?? 0) + 1;
    failures++;
    if (examples.length < 20) examples.push(`${since(at).toFixed(2)} s: ${kind} ${how} after ${seconds.toFixed(2)} s`);
  };
  for (const event of events) {
    const { kind, how, at, seconds, sha } = event;
    if (how === 'told') told = { from: told?.from ?? since(at), to: since(at) };
    if (kind === 'echo') {
      if (how === 'ok') sockets.echoes++;
      else sockets.unanswered++;
    } else if (kind === 'socket') {
      if (how === 'opened') {
        sockets.opened++;
        sockets.longestOpening = Math.max(sockets.longestOpening, Math.round(seconds * 1000) / 1000);
      } else if (how === 'closed') sockets.closed++;
      else if (how === 'told') sockets.told++;
      else fail(sockets.failures, event);
    } else {
      const count = requests[kind];
      count.asked++;
      if (how === 'told') count.told++;
      else if (how === 'ok') {
        count.ok++;
        count.longest = Math.max(count.longest, Math.round(seconds * 1000) / 1000);
      } else fail(count.failures, event);
    }
    // an echo or a slow answer may be of a version that is being drained
    if (kind !== 'plain' || how !== 'ok' || !sha) continue;
    const row = versions.at(-1);
    if (row?.sha === sha) {
      row.to = since(at);
      row.answers++;
    } else versions.push({ sha, from: since(at), to: since(at), answers: 1 });
  }
  const connections = opened.filter(at => at >= from && at <= to).length;
  return { seconds: since(to), failures, requests, sockets, connections, versions, told, examples };
}

function none(): Count {
  return { asked: 0, ok: 0, told: 0, failures: {}, longest: 0 };
}
