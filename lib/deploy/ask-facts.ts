// Everything a task needs to know about a target, asked in one round trip that changes nothing.
import { targetName, taskCommand } from '../target/command.ts';
import { crontabQuestion } from '../cron/crontab.ts';
import { largestFile } from '../env/grammar.ts';
import { Failure } from '../errors.ts';
import { passedQuestion } from '../release/passed-probes.ts';
import type { Host } from '../host/host.ts';
import { type Command, lines, script, sh } from '../host/sh.ts';
import { siteQuestion } from '../proxy/site.ts';
import { servingColour } from '../proxy/traffic.ts';
import { type Facts, readFacts } from '../release/facts.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { Target } from '../target/target.ts';
import { bootLine } from '../cron/reboot-line.ts';

/** The shell text that prints `name <base64>` lines; reads only. */
export function factsCommand(target: Target, required?: Target, more?: Command): Command {
  const { releases, current } = target.paths;
  return lines(
    script('fact() { printf "%s " "$1"; base64 -w0; echo; }'),
    script('export LC_ALL=C.UTF-8; echo begin'),
    sh`date -u +%s | fact now; id -un | fact user`,
    sh`cd / && { printf '%s:%s' "$(wc -c < ${`${releases}/releases.log`} 2>/dev/null || echo 0)" "$(cat ${`${releases}/current_release`} 2>/dev/null)" | fact stamp; }`,
    sh`cat ${`${releases}/current_release`} 2>/dev/null | fact current; cat ${`${releases}/previous_release`} 2>/dev/null | fact previous`,
    sh`tail -c 400000 ${`${releases}/releases.log`} 2>/dev/null | fact log`,
    sh`ls -1 ${releases} 2>/dev/null | fact folders; readlink ${current} 2>/dev/null | fact linked`,
    sh`{ ${servingColour(target.root)}; } | fact colour`,
    ...target.env.map(
      (one, index) =>
        sh`if [ -r ${one.file} ]; then head -c ${largestFile} ${one.file} | fact ${`env${index}`}; ${reader(target, one.file, index)}fi`,
    ),
    sh`df -PB1 ${target.root} 2>/dev/null | awk 'NR==2 {print $4, $2}' | fact disk`,
    sh`if [ -d ${`${releases}/.keeper/journal`} ]; then cat ${`${releases}/.keeper/journal/step`} 2>/dev/null | fact leftover; fi`,
    // shared: two who look at once do not take each other for a run
    sh`if [ -e ${`${releases}/.keeper/lock`} ] && ! flock -sn ${`${releases}/.keeper/lock`} true 2>/dev/null; then cat ${`${releases}/.keeper/holder`} 2>/dev/null | fact holder; fi`,
    sh`if [ -e ${target.maintenance.flag} ]; then { stat -c %Y ${target.maintenance.flag}; head -c 2000 ${target.maintenance.flag}; } | fact flag; fi`,
    crontabQuestion(bootLine(target)),
    target.database?.kind === 'sqlite' && sh`stat -c %s ${target.database.file} 2>/dev/null | fact database`,
    required && sh`tail -c 400000 ${`${required.paths.releases}/releases.log`} 2>/dev/null | fact required`,
    passedQuestion(target),
    siteQuestion(target),
    runtimeOf(target).facts(),
    more,
    script('echo end -'),
  );
}

/** An env file that only the app's user may read is read as that user. */
export function reader(target: Target, file: string, index: number): Command {
  if (target.runtime.kind !== 'systemd') return script('');
  return sh`elif sudo -n -u ${target.runtime.user} test -r ${file} 2>/dev/null; then sudo -n -u ${target.runtime.user} head -c ${largestFile} ${file} | fact ${`env${index}`}; `;
}

/** @throws Failure 4 when the host cannot be reached; 1 when it cannot answer (no bash, no such user …). */
export async function askFacts(host: Host, target: Target, required?: Target, more?: Command): Promise<Facts> {
  const answer = await host.ask(factsCommand(target, required, more));
  if (answer.code !== 0 || !answer.stdout.includes('\nend '))
    throw new Failure(1, `${host.name} could not be asked about ${targetName(target)}`, {
      detail: (answer.stderr || answer.stdout).trim(),
      advice: `${taskCommand('doctor', target)} looks for the cause`,
    });
  return readFacts(answer.stdout, target);
}
