// Watches traffic for a while after a deploy, and rolls back as soon as it is worse than in the minute before.
import { setTimeout as pause } from 'node:timers/promises';
import { taskCommand } from '../target/command.ts';
import type { Config } from '../config/config.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { lines, sh } from '../host/sh.ts';
import { accessLog, readTraffic, regression, trafficQuestion, type Traffic } from '../proxy/access-log.ts';
import type { Result } from '../report/result.ts';
import { attempt } from './attempt.ts';
import { type PlanContext } from '../plan/context.ts';
import { sha7 } from '../release/release.ts';
import { rollback } from './rollback.ts';

/** Seconds before the deploy that later ones are compared with. */
const beforeSeconds = 60;
const lookEverySeconds = 5;

type Watched = { before: Traffic; after: Traffic; worse: string | undefined; seconds: number };

/** @throws Failure 2 without a site · 1 when the deploy user cannot read its log: nothing was deployed yet. */
export async function verifyWatchable(host: Host, target: Target): Promise<void> {
  if (!target.site)
    throw new Failure(2, `--watch reads the proxy's access log, and ${target.app} has no site in ops.yml`, {
      advice: 'add site, or deploy without --watch',
    });
  readTraffic(target, (await host.ask(trafficQuestion(target, [{ from: 0, to: 0 }]))).stdout);
}

/** What went live, from which SHA, and when that began on the host's clock. */
export type Went = { sha: string; was: string | undefined; begun: Date };

/**
 * @returns the deploy's result with what was seen. @throws Failure 1 when visitors were worse off: the release before serves again.
 * The signal's reason when it was interrupted: the release stays.
 */
export async function watchVisitors(
  context: PlanContext & { environment: NodeJS.ProcessEnv; config(): Promise<Config> },
  host: Host,
  target: Target,
  { result, went, seconds }: { result: Result; went: Went; seconds: number },
): Promise<Result> {
  const { before, after, worse, seconds: watched } = await watch(context, host, target, went.begun, seconds);
  if (!worse) {
    if (!after.requests) context.report.warn('there were no requests while it was watched, so that proves nothing');
    return {
      ...result,
      text: `${result.text}\nwatched for ${Math.round(watched)} s: ${told(after)} (before: ${told(before)})`,
      json: { ...Object(result.json), watched: { seconds: watched, before, after } },
    };
  }
  if (!went.was)
    throw new Failure(
      1,
      `${sha7(went.sha)} has too many errors: ${worse}; it stays live, as there is no release before it`,
      { advice: taskCommand('logs', target) },
    );
  context.report.warn(`${worse}: going back to ${sha7(went.was)}`);
  const back = await attempt(context, host, target, rollback(context, host, target, { to: went.was, from: went.sha }));
  throw new Failure(1, `errors or response times rose after ${sha7(went.sha)}: ${worse}`, {
    detail: back.text,
    advice: `${taskCommand('logs', target)} --release ${sha7(went.sha)}, then deploy again`,
  });
}

async function watch(
  { report, signal }: PlanContext,
  host: Host,
  target: Target,
  begun: Date,
  seconds: number,
): Promise<Watched> {
  const began = begun.getTime() / 1000;
  let from: number | undefined;
  const look = async (): Promise<Watched> => {
    const stretches = [
      { from: began - beforeSeconds, to: began },
      { from: from ?? 0, to: from === undefined ? 0 : 4e9 },
    ];
    const { stdout } = await host.ask(lines(sh`date +%s.%3N`, trafficQuestion(target, stretches)), { signal });
    const [clock = '', ...rest] = stdout.split('\n');
    from ??= Number(clock);
    const [before, after] = readTraffic(target, rest.join('\n'));
    if (!before || !after) throw new Failure(1, `${host.name} did not tell about ${accessLog(target)}`);
    return { before, after, worse: regression(before, after), seconds: Number(clock) - from };
  };
  let seen = await look();
  await report.show([
    {
      title: `Watch the access log for ${seconds} s`,
      run: async say => {
        while (seen.seconds < seconds && !seen.worse) {
          const rest = Math.min(lookEverySeconds, Math.max(0.5, seconds - seen.seconds));
          await pause(rest * 1000, undefined, { signal }).catch(() => Promise.reject(signal.reason));
          seen = await look();
          say(told(seen.after));
        }
      },
    },
  ]);
  return seen;
}

function told({ requests, errors, slow }: Traffic): string {
  return `${requests} requests, ${errors || 'no'} errors, p95 ${slow.toFixed(2)} s`;
}
