// Everything a task needs to know about a target, asked in one round trip that changes nothing.
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { crontabQuestion } from '../cron/crontab.ts';
import { largestFile } from '../env/grammar.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import type { Probe, Target } from '../target/target.ts';
import { passedQuestion, readPassed } from '../health/passed-probes.ts';
import { proofQuestion } from '../backup/drill/last-proven.ts';
import { servingColour } from '../proxy/traffic.ts';
import { bootLine } from '../deploy/reboot-line.ts';
import type { Colour } from './colours.ts';
import { parseLog, type LogLine } from './log.ts';
import { isReleaseName } from './release.ts';
import { siteQuestion } from '../proxy/site.ts';
import { runtimeOf } from '../runtime/runtime.ts';

export type Facts = {
  /** The host's clock. */
  now: Date;
  /** The user who deploys. */
  user: string;
  /** Equal to the keeper's stamp while no attempt came in between. */
  stamp: string;
  current: string | undefined;
  previous: string | undefined;
  log: LogLine[];
  /** Folder names under releases that have the form of a release's. */
  folders: string[];
  /** What `current` links to (systemd, process): a release's folder name. */
  linked: string | undefined;
  /** Which colour serves; undefined: what serves has none. */
  colour: Colour | undefined;
  /** One entry per env file of the target, in its order; undefined: there is none or it cannot be read. */
  envFiles: (string | undefined)[];
  /** Free bytes on the disk of the root, and its size. */
  disk: { free: number; size: number };
  /** Whose journal is not settled. */
  leftover: string | undefined;
  /** The line of the one who holds the lock, if somebody does. */
  holder: string | undefined;
  /** Content of the maintenance flag, undefined when maintenance is off. */
  flag: string | undefined;
  /** Whether the host starts the settle line at boot. */
  bootLine: boolean;
  /** Bytes of the database file. */
  database: number | undefined;
  /** The log of the environment that this one requires, when it is on the same host. */
  required: LogLine[] | undefined;
  /** The probes that releases passed when they went live, by folder name. */
  passed: Map<string, Probe[]>;
  /** Facts of the runtime, by name. */
  runtime: Map<string, string>;
};

/** @throws Failure 4 when the host cannot be reached; 1 when it cannot answer (no bash, no such user …). */
export async function askFacts(host: Host, target: Target, required?: Target, more?: Command): Promise<Facts> {
  const answer = await host.ask(factsCommand(target, required, more));
  if (answer.code !== 0 || !answer.stdout.includes('\nend '))
    throw new Failure(1, `${host.name} could not tell about ${target.app} ${target.environment}`, {
      detail: (answer.stderr || answer.stdout).trim(),
      advice: `npx tsx tasks/doctor.ts --env ${target.environment} looks for the cause`,
    });
  return readFacts(answer.stdout, target);
}

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
    proofQuestion(target),
    siteQuestion(target),
    runtimeOf(target).facts(),
    more,
    script('echo end -'),
  );
}

/** An env file that only the app's user may read is read as that user. */
function reader(target: Target, file: string, index: number): Command {
  if (target.runtime.kind !== 'systemd') return script('');
  return sh`elif sudo -n -u ${target.runtime.user} test -r ${file} 2>/dev/null; then sudo -n -u ${target.runtime.user} head -c ${largestFile} ${file} | fact ${`env${index}`}; `;
}

export function readFacts(text: string, target: Target): Facts {
  const facts = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf(' ');
    if (at > 0) facts.set(line.slice(0, at), Buffer.from(line.slice(at + 1), 'base64').toString());
  }
  const word = (name: string) => facts.get(name)?.trim() || undefined;
  const [free = '0', size = '0'] = (word('disk') ?? '').split(' ');
  return {
    now: new Date(Number(word('now')) * 1000),
    user: word('user') ?? '',
    stamp: word('stamp') ?? '',
    current: word('current'),
    previous: word('previous'),
    log: parseLog(facts.get('log') ?? '').filter(line => line.environment === target.environment),
    folders: (facts.get('folders') ?? '').split('\n').filter(isReleaseName),
    linked: word('linked')?.replace(/.*\//, ''),
    colour: (['blue', 'green'] as const).find(one => one === word('colour')),
    envFiles: target.env.map((_, index) => facts.get(`env${index}`)),
    disk: { free: Number(free), size: Number(size) },
    leftover: facts.has('leftover') ? (word('leftover') ?? 'unknown') : undefined,
    holder: facts.has('holder') ? (word('holder') ?? 'another run') : undefined,
    flag: facts.get('flag'),
    bootLine: facts.has('boot'),
    database: word('database') ? Number(word('database')) : undefined,
    required: facts.has('required')
      ? parseLog(facts.get('required') ?? '').filter(line => line.environment === target.requires)
      : undefined,
    passed: readPassed(facts.get('passed') ?? ''),
    runtime: facts,
  };
}
