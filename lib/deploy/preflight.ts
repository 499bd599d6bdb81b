// Preflight checks, before anything is changed: environment files, disk, whether the commit was live on staging.
import { targetName, taskCommand } from '../target/command.ts';
import { checkForms, checkRules } from '../env/rules.ts';
import type { Config } from '../config/config.ts';
import type { Host } from '../host/host.ts';
import type { HostSettings } from '../target/host-settings.ts';
import type { Target } from '../target/target.ts';
import { askFacts } from './ask-facts.ts';
import { Failure } from '../errors.ts';
import { size } from '../size.ts';
import type { Facts } from '../release/facts.ts';
import { everLive, type LogLine } from '../release/log.ts';
import { sha7 } from '../release/release.ts';

/**
 * With `told`, what readers take differently is only a warning: a release that was live with this file must be able to come back with it.
 * @throws Failure 3 naming every line and key that is not as ops.yml wants it; never a value.
 */
export function verifyEnvironment(target: Target, facts: Facts, told?: (line: string) => void): void {
  const forms = target.env.flatMap((rules, index) => checkForms(rules, facts.envFiles[index]));
  const broken = target.env.flatMap((rules, index) => checkRules(rules, facts.envFiles[index]));
  if (told) forms.forEach(told);
  const problems = told ? broken : [...forms, ...broken];
  if (problems.length === 0) return;
  throw new Failure(3, `the environment of ${targetName(target)} is not safe to run with`, {
    detail: problems.join('\n'),
    advice: `correct the file on ${target.host.name}, or the rules under env: in ops.yml; nothing was changed`,
  });
}

/** Room for the copies of the database and for a release. @throws Failure 1 */
export function verifyDisk(target: Target, facts: Facts): void {
  const needed = 100_000_000 + 2 * (facts.database ?? 0);
  if (facts.disk.size === 0)
    throw new Failure(1, `${target.root} does not exist on ${target.host.name}`, {
      advice: `make it once, as root: install -d -o ${facts.user || 'the-deploy-user'} ${target.root}`,
    });
  if (facts.disk.free >= needed) return;
  throw new Failure(1, `the disk of ${target.root} has ${size(facts.disk.free)} free, this needs ${size(needed)}`, {
    advice: 'docker system df and du -xh --max-depth=2 / | sort -h | tail show what fills it',
  });
}

/** The log of the environment that has to go first. `sameHost`: let the facts question read it along; `log`: asked already, for it lives elsewhere. Both undefined: no rule. */
export async function requiredLog(
  reach: { config(): Promise<Config>; connect(settings: HostSettings): Promise<Host> },
  target: Target,
  untried: boolean,
): Promise<{ sameHost: Target | undefined; log: LogLine[] | undefined }> {
  if (!target.requires || untried) return { sameHost: undefined, log: undefined };
  const first = (await reach.config()).find(target.app, target.requires);
  if (first.host.name === target.host.name) return { sameHost: first, log: undefined };
  return { sameHost: undefined, log: (await askFacts(await reach.connect(first.host), first)).log };
}

/** @throws Failure 1 when the environment that goes first never had this SHA live. */
export function verifyRanOn(target: Target, sha: string, log: LogLine[] | undefined): void {
  if (!target.requires || everLive(log ?? [], sha)) return;
  throw new Failure(
    1,
    `${target.requires} never had ${sha7(sha)} live, and ${target.environment} only takes what ${target.requires} ran`,
    {
      advice: `${taskCommand('deploy', { ...target, environment: target.requires })} --sha ${sha}, then again; or override with --untried`,
    },
  );
}
