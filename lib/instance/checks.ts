// Preflight checks for an instance, before anything is changed.
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { seconds } from '../duration.ts';
import { Failure } from '../errors.ts';
import { instancesTie } from '../proxy/proxies.ts';
import { cronRuns } from '../maintenance/end-time.ts';
import { answerText, type Facts } from '../release/facts.ts';
import type { Report } from '../report/report.ts';
import { copyOf, instancesFolder } from './target.ts';

const flags: Record<string, string[]> = {
  up: ['name', 'sha', 'ref', 'ttl', 'data', 'users', 'unpushed', 'dirty'],
  list: [],
  extend: ['name', 'ttl'],
  down: ['name'],
};

/** @throws Failure 2 for a flag that the subcommand does not have. */
export function refuseStrayFlags(what: string, args: Record<string, unknown>): void {
  const stray = flags['up']?.find(flag => args[flag] && !flags[what]?.includes(flag));
  if (stray) throw new Failure(2, `--${stray} does not go with ${what}`);
}

/** Seconds. @throws Failure 2: cron looks once a minute, and what nobody looks at for a week is not throw-away */
export function readTtl(text: string): number {
  const found = /^\d{1,6}(\.\d{1,3})?[smh]$/.test(text) ? Math.ceil(seconds(text)) : 0;
  if (found >= 60) return found;
  throw new Failure(2, `--ttl: ${JSON.stringify(text.slice(0, 60))} is not a duration from 1m to 168h`, {
    advice: 'write it as 90m or 48h',
  });
}

/** @throws Failure 2 when another target of ops.yml has what the copy would be called. */
export function refuseTaken(base: Target, name: string, targets: readonly Target[]): void {
  const { app, environment, site, runtime } = copyOf(base, name, []);
  const other = targets.find(
    one =>
      (one.app === app && one.environment === environment) ||
      (one.runtime.kind === 'compose' && runtime.kind === 'compose' && one.runtime.project === runtime.project) ||
      one.site?.domains.includes(site?.domains[0] ?? ''),
  );
  if (other)
    throw new Failure(2, `${name} would be taken for ${targetName(other)} of ops.yml`, {
      advice: 'choose another name',
    });
}

/** @throws Failure 1 for what an admin has to do once before. */
export function verifyPlace(base: Target, facts: Facts): void {
  if (!cronRuns(facts))
    throw new Failure(1, `no cron runs on ${base.host.name}, so nothing there would end an instance`, {
      advice: 'sudo apt-get install cron on the host',
    });
  if (answerText(facts, 'instances-tied') !== 'ours')
    throw new Failure(1, `nginx does not read the sites of instances of ${targetName(base)} yet`, {
      advice: `as root on ${base.host.name}, once: ${instancesTie(base.app, base.environment, instancesFolder(base)).tie}`,
    });
}

/** Once more, when another run took the same ports between the question and the reservation; the server lets only one have them. */
export async function withOtherPorts<T>(report: Pick<Report, 'warn'>, make: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await make();
    } catch (error) {
      if (tries === 3 || !(error instanceof Failure) || !error.detail?.includes(portsTaken)) throw error;
      report.warn('another instance took the ports just now; trying others');
    }
  }
}

/** What the reservation says. */
export const portsTaken = 'took the same ports just now';
