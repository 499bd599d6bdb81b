// Maintenance mode: the flag file that the proxy tests on each request, and the files beside it.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Target } from '../target/target.ts';
import type { Maintenance } from '../target/site-settings.ts';
import { cronLine, crontabFunctions } from '../cron/crontab.ts';
import { startedClean } from '../host/environment.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import type { Step } from '../plan/step.ts';
import type { Secret } from '../secret.ts';
import { flagText } from './flag.ts';
import { maintenanceJson, pageOf, type MaintenanceNotice } from './page.ts';
import type { Moment } from './end-time.ts';

/** Flag on for a deploy. `why` is what the flag says for people who look at it. */
export function maintenanceOn(maintenance: Maintenance, why: string): Command {
  const { folder, json, allow, pass } = placesOf(maintenance);
  return lines(
    sh`mkdir -p ${folder}`,
    // who was let through a maintenance that somebody ended with rm is not let through this one
    sh`rm -rf ${allow} ${pass}`,
    sh`printf %s ${pageOf(maintenance)} | write_file ${maintenance.page}`,
    sh`printf '%s\\n' ${maintenanceJson()} | write_file ${json}`,
    script('opens_window'),
    sh`printf '%s\\n' ${why} | write_file ${maintenance.flag}`,
  );
}

export function maintenanceOff(maintenance: Maintenance): Command {
  return sh`rm -f ${maintenance.flag}`;
}

/** What write_file had begun when it was killed. */
export function removeHalfMade(maintenance: Maintenance): Command {
  const { flag, json } = placesOf(maintenance);
  return sh`rm -f ${[flag, json, maintenance.page].map(file => `${file}.new`)}`;
}

/** The first step of a switch with a window. Maintenance that a person had switched on stays on after the plan. */
export function maintenanceStep(maintenance: Maintenance, isOn: boolean, why: string): Step {
  return isOn
    ? { title: 'Maintenance on', run: sh`true`, skip: 'it is on already and stays on' }
    : {
        title: 'Maintenance on',
        run: maintenanceOn(maintenance, why),
        undo: lines(maintenanceOff(maintenance), removeHalfMade(maintenance)),
        opensWindow: true,
      };
}

export type ByHand = {
  by: string;
  message: string | undefined;
  until: Moment | undefined;
  /** Addresses as nginx writes them; undefined: those that pass go on passing. */
  allow: string[] | undefined;
  /** The token of a new link; undefined: an earlier one stays. */
  token: Secret | undefined;
};

/** Switched on by a person, or changed while it is on. The previous files are kept aside until all of it is done. */
export function switchOn(target: Target, { by, message, until, allow, token }: ByHand): Step {
  const { maintenance } = target;
  const { folder, flag, json, allow: allowed, pass, end } = placesOf(maintenance);
  const told: MaintenanceNotice = { message, until };
  const text = flagText(by, until?.iso, message);
  return {
    title: 'Maintenance on',
    run: lines(
      sh`mkdir -p ${folder}\ncd ${folder}`,
      keepAside(maintenance),
      sh`[ -e ${flag} ] || rm -rf ${allowed} ${pass}`,
      sh`printf %s ${pageOf(maintenance, told)} | write_file ${maintenance.page}`,
      sh`printf '%s\\n' ${maintenanceJson(told)} | write_file ${json}`,
      allow && sh`rm -rf ${allowed}\nmkdir ${allowed}\ncd ${allowed}\ntouch ${allow}\ncd ${folder}`,
      // its names are secrets: the proxy may look one up, and nobody may list them
      token && sh`rm -rf ${pass}\nmkdir -m 711 ${pass}\ntoken=$(cat)\n: >${pass}/"$token"`,
      sh`printf '%s\\n' ${text} >${`${flag}.new`}`,
      sh`[ ! -e ${flag} ] || touch -r ${flag} ${`${flag}.new`}`, // since when it is on stays true
      sh`mv -fT ${`${flag}.new`} ${flag}`,
      until && sh`printf '%s\\n' ${endScript(target)} | write_file ${end}`,
      sh`[ ! -e ${end} ] || bash ${end}`,
      script('mv -T .before .before.old\nrm -rf .before.old'),
    ),
    undo: putBack(maintenance),
    ...(token && { input: token }),
  };
}

/** Its undo only finishes the removal. */
export function switchOff({ maintenance }: Target): Step {
  const { json, allow, pass, end } = placesOf(maintenance);
  const run = lines(
    maintenanceOff(maintenance),
    sh`rm -rf ${allow} ${pass} ${json} ${maintenance.page}`,
    sh`[ ! -e ${end} ] || bash ${end}`,
  );
  return { title: 'Maintenance off', run, undo: run };
}

/** For askFacts: who passes, and whether something here would end a maintenance. */
export function maintenanceQuestion({ maintenance }: Target): Command {
  const { allow, pass } = placesOf(maintenance);
  return lines(
    sh`ls -1 ${allow} 2>/dev/null | fact allow; ls -1 ${pass} 2>/dev/null | wc -l | fact links`,
    sh`if systemctl is-active --quiet cron || systemctl is-active --quiet crond || [ -e /run/crond.pid ]; then echo yes; fi 2>/dev/null | fact cron-runs`,
  );
}

function placesOf({ flag }: Maintenance) {
  const folder = posix.dirname(flag);
  const at = (name: string) => posix.join(folder, name);
  return { flag, folder, json: at('maintenance.json'), allow: at('allow'), pass: at('pass'), end: at('end.sh') };
}

/** The names beside the flag that a change may touch; the flag is the first. */
function namesOf({ flag, page }: Maintenance): string[] {
  return [posix.basename(flag), posix.basename(page), 'maintenance.json', 'allow', 'pass', 'end.sh'];
}

/** `.before` is there entirely or not at all. */
function keepAside(maintenance: Maintenance): Command {
  return lines(
    script('rm -rf .before .before.new .before.old\nmkdir -m 700 .before.new'),
    sh`for name in ${namesOf(maintenance)}; do [ ! -e "$name" ] || cp -a "$name" .before.new/; done`,
    script('mv -T .before.new .before'),
  );
}

function putBack(maintenance: Maintenance): Command {
  const { folder, end } = placesOf(maintenance);
  const [flag = '', ...others] = namesOf(maintenance);
  return lines(
    sh`if ! is_there ${folder}; then exit 0; fi
cd ${folder}`,
    script('rm -rf .before.new .before.old\nif ! is_there .before; then exit 0; fi'),
    // the flag first, and never missing in between
    sh`if is_there .before/${flag}; then cp -a .before/${flag} ${`${flag}.new`}; mv -fT ${`${flag}.new`} ${flag}; else rm -f ${flag} ${`${flag}.new`}; fi`,
    // what agrees the crontab with the flag takes itself away when it is not needed any more
    sh`for name in ${others.filter(name => name !== 'end.sh')}; do rm -rf "$name" "$name.new"; if is_there ".before/$name"; then cp -a ".before/$name" "$name"; fi; done`,
    script('rm -f end.sh.new; if is_there .before/end.sh; then cp -a .before/end.sh end.sh; fi'),
    // the whole path, because it starts itself again in /
    sh`[ ! -e ${end} ] || bash ${end}`,
    script('mv -T .before .before.old\nrm -rf .before.old'),
  );
}

/** The text of end.sh beside the flag. */
function endScript({ maintenance, paths }: Target): string {
  const { flag, end } = placesOf(maintenance);
  const line = (when: string) => cronLine(when, sh`bash ${end}`, `ends the maintenance of ${posix.dirname(flag)}`);
  return lines(
    sh`flag=${flag}`,
    sh`keeper=${`${paths.releases}/.keeper`}`,
    sh`cron_lines=${`${line('* * * * *')}\n${line('@reboot')}`}`,
    startedClean,
    crontabFunctions,
    script(readFileSync(new URL('./end.sh', import.meta.url), 'utf8')),
  ).text.trimEnd();
}
