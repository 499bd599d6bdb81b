// One health check of a target, together with its facts: every probe once, and whether its processes run.
import type { Target } from '../target/target.ts';
import { stepFunctions } from '../host/environment.ts';
import type { Host } from '../host/host.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { healthOf } from '../release/colours.ts';
import { type Facts } from '../release/facts.ts';
import { askFacts } from './ask-facts.ts';
import type { Release } from '../release/release.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import { readAnswers, readyWords } from '../health/probes.ts';
import { mismatch } from '../health/mismatch.ts';

/** Shell lines for the facts question: `… | fact health`. Changes nothing but a scratch folder of its own. */
export function healthQuestion(target: Target, serving: Release | undefined): Command {
  return lines(
    script('( exec 3>&1'),
    stepFunctions(),
    readyWords,
    script('set +e'),
    // what was made and never started does not run, though a wait would give it its time
    script('only_started=yes'),
    serving ? runtimeOf(target).liveness(serving) : script('alive() { :; }'),
    script('seen=$(mktemp -d); trap \'rm -rf "$seen"\' EXIT'),
    ...healthOf(target.health, target.site, serving?.colour).probes.map(
      // the dot: any output is reported
      (probe, index) => sh`one_probe "$seen"/${String(index)} ${probe.name} ${probe.status} ${probe.url} body:.`,
    ),
    script(
      'why=$(alive 2>&1) || answer "dead $(base64 -w0 <<<"$why")"; tell_probes "$seen" ) 2>/dev/null | fact health',
    ),
  );
}

/** `lives`: its processes run, whatever they answer. */
export type HealthNow = { healthy: boolean; lives: boolean; words: string };

/** Asks the host now, about the release that serves; `sha` is what it has to answer, by default that release's own. */
export async function healthNow(
  host: Host,
  target: Target,
  serving: Release | undefined,
  sha: string | undefined = serving?.sha,
): Promise<HealthNow> {
  return readHealth(target, await askFacts(host, target, undefined, healthQuestion(target, serving)), sha);
}

/** `ready`, or what is wrong in one sentence. */
export function readHealth(target: Target, facts: Facts, sha: string | undefined): HealthNow {
  const text = facts.answers.get('health');
  if (text === undefined || !sha) return { healthy: false, lives: false, words: 'nothing is deployed' };
  const answers = readAnswers(text);
  const wrong = healthOf(target.health, target.site, facts.colour).probes.flatMap(probe => {
    const seen = answers.probes.find(one => one.name === probe.name);
    const what = seen ? mismatch(probe, seen, sha) : 'was not asked';
    return what ? [`${probe.name}: ${probe.url} ${what}`] : [];
  });
  const all = [...(answers.dead ? [answers.dead] : []), ...wrong];
  return { healthy: all.length === 0, lives: !answers.dead, words: all.join('; ') || 'ready' };
}
