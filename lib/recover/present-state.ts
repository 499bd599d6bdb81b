// The present state of a target, whatever its journal says: which release answers, its health, and what an attempt created.
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { healthQuestion, readHealth, type HealthNow } from '../deploy/health-now.ts';
import type { Host } from '../host/host.ts';
import { lines, sh } from '../host/sh.ts';
import { serving } from '../release/serving.ts';
import { type Facts } from '../release/facts.ts';
import { askFacts } from '../deploy/ask-facts.ts';
import type { Leftover } from '../plan/keeper/leftover.ts';
import type { Release } from '../release/release.ts';
import { present } from '../plan/step.ts';

/** What is true now, whatever the journal says. */
export type Present = {
  facts: Facts;
  /** The release that counts as serving; undefined: none is known. */
  release: Release | undefined;
  /** How that was found. */
  because: string;
  healthy: boolean;
  /** `ready`, or what is wrong. */
  health: string;
  /** Copies of the database that the attempt made. */
  copies: string[];
};

/** Asks the host about each release that may serve. @throws Failure 2 when `named` is no release that is there. */
export async function lookAround(
  host: Host,
  target: Target,
  facts: Facts,
  { line }: Leftover,
  named: string | undefined,
): Promise<Present> {
  const before = servingBefore(target, facts, line?.was);
  const candidate = line && releaseOf(target, facts, line.release ?? '', line.sha);
  const both = present([before, candidate !== before && candidate]);
  const looks: ({ release: Release; asked: Facts } & HealthNow)[] = [];
  for (const release of named === undefined ? both : [namedOr(target, facts, [...both], named)]) {
    const asked = await askFacts(host, target, undefined, lines(healthQuestion(target, release), copiesOf(target)));
    looks.push({ release, asked, ...readHealth(target, asked, release.sha) });
  }
  const only = (fits: (look: (typeof looks)[number]) => boolean) => {
    const [one, ...others] = looks.filter(fits);
    return others.length ? undefined : one;
  };
  const found: [(typeof looks)[number] | undefined, string][] = [
    [named === undefined ? undefined : looks[0], 'you say so'],
    [only(look => look.healthy), 'it answers all probes'],
    [only(look => look.lives), 'it is what runs'],
    // processes that run do not say of which release they are
    [looks.find(look => look.lives && look.release.name === facts.linked), 'it runs, and current points at it'],
    [looks[0], 'it served before'],
  ];
  const [chosen, because = ''] = found.find(([look]) => look) ?? [];
  return {
    facts,
    release: chosen?.release,
    because,
    healthy: chosen?.healthy ?? false,
    health: chosen?.words ?? 'nothing is deployed',
    copies: (chosen?.asked.answers.get('copies') ?? '').split('\n').filter(name => line?.id && name.includes(line.id)),
  };
}

function copiesOf({ database }: Target) {
  return database && sh`ls -1 ${database.snapshots} 2>/dev/null | head -n 2000 | fact copies`;
}

/** What the log and the pointer say, whatever `current` was turned to meanwhile. */
function servingBefore(target: Target, facts: Facts, was: string | undefined): Release | undefined {
  const sha = facts.current ?? was;
  return sha ? serving(target, { ...facts, current: sha, linked: undefined }) : undefined;
}

function releaseOf(target: Target, facts: Facts, name: string, sha: string): Release | undefined {
  if (!facts.folders.includes(name)) return undefined;
  return { name, sha, folder: `${target.paths.releases}/${name}`, colour: facts.colour };
}

function namedOr(target: Target, facts: Facts, known: Release[], named: string): Release {
  const lineOf = facts.log.findLast(
    one => one.release === named || (/^[0-9a-f]{7,64}$/.test(named) && one.sha.startsWith(named)),
  );
  const found =
    known.find(one => one.name === named || (named.length > 6 && one.sha.startsWith(named))) ??
    (lineOf && releaseOf(target, facts, lineOf.release ?? '', lineOf.sha));
  if (found) return found;
  throw new Failure(2, `${targetName(target)} has no release ${JSON.stringify(named)} on its host`, {
    advice: `there are: ${facts.folders.join(', ') || 'none'}`,
  });
}
