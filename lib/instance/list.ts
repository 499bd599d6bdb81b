// Lists the instances of a target: what is live in each, how much time is left, and whether it is ready.
import type { Target } from '../target/target.ts';
import { nameOf, targetName } from '../target/command.ts';
import { healthNow } from '../deploy/health-now.ts';
import type { Host } from '../host/host.ts';
import { serving } from '../release/serving.ts';
import { askFacts } from '../deploy/ask-facts.ts';
import { sha7 } from '../release/release.ts';
import type { Result } from '../report/result.ts';
import type { Report } from '../report/report.ts';
import { copyOf, urlOf } from './target.ts';
import type { InstanceFacts, Lease } from './lease.ts';
import { span } from '../duration.ts';

type InstanceState = Awaited<ReturnType<typeof instanceState>>;

/**
 * Ages and times in seconds; `left` is below 0 when the server is about to end it.
 * @param now seconds since 1970 on the host's clock
 */
async function instanceState(host: Host, base: Target, lease: Lease, now: number) {
  const { name, sha, by, made, end, ports } = lease;
  const copy = copyOf(base, name, ports);
  const served = serving(copy, await askFacts(host, copy));
  const { healthy, words: health } = await healthNow(host, copy, served);
  const times = { age: now - made, left: end - now, end: minuteOf(end) };
  return { name, sha, by, ...times, url: urlOf(copy), healthy, health };
}

export async function listInstances(
  report: Report,
  host: Host,
  base: Target,
  { leases, now }: InstanceFacts,
): Promise<Result> {
  const found = await Promise.all(leases.map(lease => instanceState(host, base, lease, now)));
  return {
    text: found.length ? instanceTable(found, report) : `${targetName(base)} has no instances`,
    json: { ...nameOf(base), instances: found },
  };
}

function instanceTable(seen: InstanceState[], { table, paint }: Report): string {
  return table(
    seen.map(({ name, sha, age, left, url, healthy, health, by }) => [
      paint.bold(name),
      sha ? sha7(sha) : '-',
      `${span(age)} old`,
      left > 0 ? `${span(left)} left` : 'ends now',
      url,
      healthy ? paint.green(health) : paint.red(health),
      by,
    ]),
  );
}

/** `2026-11-23T18:30Z` */
export function minuteOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/:\d\d\.\d+Z$/, 'Z');
}
