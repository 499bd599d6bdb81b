// The doctor's findings about the compose file: whether Compose accepts it, its conflicts on the host, and what it replaces.
import type { Config } from '../config/config.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { serving } from '../release/serving.ts';
import type { Facts } from '../release/facts.ts';
import { resolveCommit } from '../git/clone.ts';
import { collectMaterials } from '../deploy/artifacts.ts';
import { releaseAt } from '../release/release.ts';
import { failure, good, warning, type Finding } from '../finding.ts';

/** The same questions that a deploy of what the environment tracks would ask, one round trip. */
export async function composeFindings(
  { config, environment }: { config: () => Promise<Config>; environment: NodeJS.ProcessEnv },
  host: Host,
  target: Target,
  facts: Facts,
): Promise<Finding[]> {
  const { runtime, repo, paths } = target;
  if (runtime.kind !== 'compose') return [];
  const warnings: Finding[] = [];
  const report = { warn: (text: string) => void warnings.push(warning('compose file', text, `see ${runtime.file}`)) };
  try {
    const sha = repo ? await resolveCommit(repo, target.tracks, environment) : '0'.repeat(40);
    const next = releaseAt(paths.releases, facts.now, sha, facts.folders);
    const change = { facts, next, was: serving(target, facts), id: 'none', notes: {} };
    const asking = { config, report, environment, args: { plan: true } };
    const { takeOver } = await collectMaterials(asking, host, target, change);
    const says = takeOver ? `${runtime.file}; what another tool deployed can be taken over` : runtime.file;
    return warnings.length ? warnings : [good('compose file', says)];
  } catch (error) {
    if (!(error instanceof Failure) || error.exit >= 130) throw error;
    const says = [error.message, error.detail].filter(Boolean).join('\n');
    return [...warnings, failure('compose file', says, error.advice ?? `see ${runtime.file}`)];
  }
}
