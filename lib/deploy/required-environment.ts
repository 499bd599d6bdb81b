// The log of the environment that has to go first: read in the same query on the same host, or with its own query.
import type { Config } from '../config/config.ts';
import type { Target } from '../target/target.ts';
import type { HostSettings } from '../target/host-settings.ts';
import type { Host } from '../host/host.ts';
import { askFacts } from './ask-facts.ts';
import type { LogLine } from '../release/log.ts';

type ConfigReach = { config(): Promise<Config>; connect(settings: HostSettings): Promise<Host> };

/** `sameHost`: let the facts question read it along; `log`: asked already, for it lives elsewhere. Both undefined: no rule. */
export async function requiredLog(
  reach: ConfigReach,
  target: Target,
  untried: boolean,
): Promise<{ sameHost: Target | undefined; log: LogLine[] | undefined }> {
  if (!target.requires || untried) return { sameHost: undefined, log: undefined };
  const first = (await reach.config()).find(target.app, target.requires);
  if (first.host.name === target.host.name) return { sameHost: first, log: undefined };
  return { sameHost: undefined, log: (await askFacts(await reach.connect(first.host), first)).log };
}
