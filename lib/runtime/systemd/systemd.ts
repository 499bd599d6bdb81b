// The systemd runtime: a folder per release owned by the app's user, `current` swapped by rename, one unit.
import type { Target } from '../../target/target.ts';
import type { SystemdSettings } from '../../target/runtime-settings.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { servingColour } from '../../proxy/traffic.ts';
import type { Release } from '../../release/release.ts';
import { chosenLines, folderRuntime, pointCurrent } from '../release-folder.ts';
import type { Runtime } from '../runtime.ts';
import { forgetFailure, serviceOf, startAtBoot, systemdColours } from './colours.ts';

export function systemdRuntime(target: Target, settings: SystemdSettings): Runtime {
  const { unit, user } = settings;
  const colours = systemdColours(target, settings);
  const blueGreen = target.switch === 'blue-green';
  const journal = [`${unit}.service`, ...(blueGreen ? [`${unit}@blue.service`, `${unit}@green.service`] : [])];

  const vitals = (release: Release): Command => {
    const service = serviceOf(settings, release);
    return lines(
      // right after a start the unit may still be `activating`; a restart by Restart= means that it ended once already
      sh`restarts=$(systemctl show -p NRestarts --value ${service})`,
      sh`alive() {
  local ActiveState SubState NRestarts Result ExecMainStatus line
  while IFS= read -r line; do local "$line"; done < <(systemctl show -p ActiveState -p SubState -p NRestarts -p Result -p ExecMainStatus ${service})
  [[ $ActiveState == active || $ActiveState == activating && $SubState != auto-restart || $ActiveState == reloading ]] && [[ $NRestarts -le $restarts ]] && return 0
  printf 'unit %s is %s (%s), result %s, last exit status %s\n' ${service} "$ActiveState" "$SubState" "$Result" "$ExecMainStatus"
  return 1
}`,
      sh`log_tail() { journalctl -u ${service} -n 300 --no-pager -o cat 2>&1 | last_words 12; }`,
    );
  };

  // Many starts within a short time, as of a restart loop or of deploys one after the other, are refused by systemd until the
  // reset. It names the limit as the result only of a unit that had not failed before. Each call through sudo is a moment that
  // visitors may be waiting, so there is none without a reason.
  const startUnit = (service: string) =>
    lines(
      forgetFailure(service),
      sh`as_root systemctl start ${service} || { [[ $(systemctl show -p Result --value ${service}) == start-limit-hit ]] && as_root systemctl reset-failed ${service} && as_root systemctl start ${service}; } || { journalctl -u ${service} -n 12 --no-pager -o cat >&2 || true; fail ${`the unit ${service.replace(/\.service$/, '')} does not start`}; }`,
    );

  // a unit that systemd starts again and again, or is just ending, is none that was started: its restarts would count as ours
  const startAnew = (service: string) =>
    lines(
      sh`state=$(systemctl show -p ActiveState --value ${service})`,
      sh`case $state in activating | deactivating) as_root systemctl stop ${service} ;; esac`,
      startUnit(service),
    );

  return {
    ...folderRuntime(target, settings, user),
    tools: ['systemctl', 'tar', 'gzip'],

    facts: () =>
      sh`systemctl show -p LoadState -p ActiveState -p SubState -p NRestarts -p ActiveEnterTimestamp -p User ${unit}${blueGreen ? sh`@"$({ ${servingColour(target.root)}; } | grep . || echo blue)"` : sh``}.service 2>&1 | fact unit`,

    stop: (change, way) => {
      const was = change.was ?? change.next;
      return {
        title: `Stop ${was.name}`,
        run: lines(way.note(vitals(was)), sh`as_root systemctl stop ${serviceOf(settings, was)}`),
        undo: lines(pointCurrent(target, was), way.back(startAnew(serviceOf(settings, was)), vitals(was))),
        seconds: 180,
      };
    },

    start: change => {
      const service = serviceOf(settings, change.next);
      return {
        title: `Start ${change.next.name}`,
        run: lines(!change.next.colour && pointCurrent(target, change.next), startUnit(service)),
        undo: lines(sh`as_root systemctl stop ${service}`, !change.next.colour && pointCurrent(target, change.was)),
        seconds: 180,
      };
    },

    liveness: vitals,
    colours,
    finalize: ({ next, was }) => (next.colour ? [startAtBoot(target, settings, next, was)] : []),

    // -q: a unit that never wrote anything is no failure, and the hint about groups is the doctor's
    logs: question => {
      const { follow, since, until, lines: most, grep } = question;
      const flags = [
        ...(follow ? ['-f'] : []),
        ...(since === undefined ? [] : ['--since', `@${since}`]),
        ...(until === undefined ? [] : ['--until', `@${until}`]),
        ...(most !== undefined && (follow || !grep) ? ['-n', String(most)] : follow ? ['--no-tail'] : []),
      ];
      return chosenLines(
        sh`journalctl -q ${journal.flatMap(name => ['-u', name])} --no-pager -o short-iso ${flags}`,
        question,
      );
    },
  };
}
