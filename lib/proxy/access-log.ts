// What the proxy's access log says about a period: requests, errors, and response times.
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { lines, sh, type Command } from '../host/sh.ts';

/** `errors` are answers of 500 and above; `slow` is the time that 95 of 100 answers stayed below, seconds. */
export type Traffic = { requests: number; errors: number; slow: number };

/**
 * Where nginx/site.conf.liquid writes it. nginx escapes quotes in what visitors send, so between the quotes stand the
 * request, the referrer and the browser, and nobody can forge what is outside of them.
 * @throws Failure 2 for another proxy
 */
export function accessLog(target: Target): string {
  if (target.site?.proxy === 'caddy')
    throw new Failure(2, '--watch needs nginx: what Caddy of Debian logs, only Caddy may read', {
      advice: 'deploy without --watch',
    });
  return `${logsOf(target)}.access.log`;
}

/** The names of a target's logs up to `.access.log` and `.error.log`. Those of a throw-away copy go with its folder. */
export function logsOf({ app, environment, root, instance }: Target): string {
  return instance ? `${root}/proxy/visitors` : `/var/log/nginx/${app}-${environment}`;
}

/** Bytes of the log that are looked at: the busiest minutes of a small server fit many times. */
const mostBytes = 50_000_000;

/**
 * Prints one line per stretch of time, about the requests that began in it: `from` ≤ time < `to` in seconds since 1970 on the
 * host's clock. What began before a switch and ended behind it (an upload that found maintenance) says nothing of what is new.
 * A log that was rotated meanwhile is read with the one before it.
 */
export function trafficQuestion(target: Target, stretches: { from: number; to: number }[]): Command {
  const log = accessLog(target);
  return lines(
    sh`[ -r ${log} ] || { echo unreadable; exit 0; }`,
    ...stretches.map(
      ({ from, to }) =>
        sh`{ cat ${`${log}.1`} 2>/dev/null; cat ${log}; } | tail -c ${mostBytes} | awk -F '"' -v from=${from} -v to=${to} '
match($7, / at=[0-9.]+ seconds=[0-9.]+/) {
  split(substr($7, RSTART, RLENGTH), part, /[ =]/)
  split($3, code, " ")
  start = part[3] - part[5]
  if (start < from || start >= to) next
  if (code[1] >= 500) bad++
  print part[5]
}
END { print "bad", bad + 0 }' | sort -n | awk '
/^bad/ { bad = $2; next }
{ seconds[++count] = $1 }
END { at = int(count * 0.95 + 0.999); print count + 0, bad + 0, count ? seconds[at] : 0 }'`,
    ),
  );
}

/** @throws Failure 1 when the deploy user may not read the log. */
export function readTraffic(target: Target, text: string): Traffic[] {
  if (text.startsWith('unreadable'))
    throw new Failure(1, `${accessLog(target)} cannot be read, so nothing could be watched`, {
      advice: 'on the server, as root: usermod -aG adm <the deploy user>',
    });
  return text
    .trim()
    .split('\n')
    .map(line => {
      const [requests = NaN, errors = NaN, slow = NaN] = line.split(' ').map(Number);
      if (Number.isNaN(requests + errors + slow)) throw new Failure(1, `the access log gave no numbers: ${line}`);
      return { requests, errors, slow };
    });
}

/** Fewer requests than this say nothing about how long answers take. */
const enough = 20;

/**
 * What got worse, as a sentence; undefined: nothing. A visitor or two with an error are no regression by themselves,
 * because every public site has them.
 */
export function regression(before: Traffic, after: Traffic): string | undefined {
  const share = ({ errors, requests }: Traffic) => (requests ? errors / requests : 0);
  if (after.errors >= 3 && share(after) > 2 * share(before) + 0.01)
    return `${after.errors} of ${after.requests} answers were errors (${percent(share(after))}; before: ${percent(share(before))})`;
  if (before.requests >= enough && after.requests >= enough && after.slow > 2 * before.slow + 0.2)
    return `p95 rose to ${after.slow.toFixed(2)} s (before: ${before.slow.toFixed(2)} s)`;
  return undefined;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
