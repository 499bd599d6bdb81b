// After a deploy: watches what visitors get for a while, and says so as soon as it got worse than in the minute before.
import type { Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { lines, sh } from '../host/sh.ts';
import { readTraffic, regression, trafficQuestion, type Traffic } from '../proxy/access-log.ts';
import type { Report } from '../report.ts';

/** Seconds before the deploy that later ones are compared with. */
const BEFORE_SECONDS = 60;
const LOOK_EVERY_SECONDS = 5;

export type Watched = { before: Traffic; after: Traffic; worse: string | undefined; seconds: number };

/**
 * @param begun when the deploy began, on the host's clock: what came before is the measure
 * @throws Failure 1 when the access log cannot be read; the signal's reason when it was interrupted (the release stays)
 */
export async function watchVisitors(
  around: { report: Report; signal: AbortSignal },
  host: Host,
  target: Target,
  { begun, seconds }: { begun: Date; seconds: number },
): Promise<Watched> {
  const earlier = { from: begun.getTime() / 1000 - BEFORE_SECONDS, to: begun.getTime() / 1000 };
  let seen: Watched | undefined;
  let from: number | undefined;
  const look = async (): Promise<void> => {
    const answer = await host.ask(
      lines(sh`date +%s`, trafficQuestion(target, [earlier, { from: from ?? 0, to: from === undefined ? 0 : 4e9 }])),
      { signal: around.signal },
    );
    const [clock = '', ...rest] = answer.stdout.split('\n');
    from ??= Number(clock);
    const [before, after] = readTraffic(target, rest.join('\n'));
    if (!before || !after) throw new Failure(1, `${host.name} did not tell about the access log`);
    seen = { before, after, worse: regression(before, after), seconds: Number(clock) - from };
  };
  await around.report
    .show([
      {
        title: `Watch what visitors get for ${seconds} s`,
        run: async say => {
          for (await look(); seen && seen.seconds < seconds && !seen.worse; await look()) {
            say(`${seen.after.requests} requests, ${seen.after.errors} errors`);
            await pause(Math.min(LOOK_EVERY_SECONDS, Math.max(1, seconds - seen.seconds)), around.signal);
          }
          if (seen?.worse) throw new Error(seen.worse);
        },
      },
    ])
    .catch((error: unknown) => {
      if (!seen?.worse) throw error;
    });
  if (!seen) throw new Failure(1, 'nothing was watched');
  return seen;
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
