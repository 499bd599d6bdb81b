// Two versions of a systemd app at once: two instances of a template unit, and the files that say which of them may start.
import type { Target } from '../../target/target.ts';
import type { SystemdSettings } from '../../target/runtime-settings.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { portVariables, type Colour } from '../../release/colours.ts';
import type { Release } from '../../release/release.ts';
import type { Step } from '../../plan/step.ts';
import { pointCurrent } from '../release-folder.ts';
import type { Colours } from '../runtime.ts';

/** `bibliotheca@green.service`, or the one unit of a release without colour. */
export function serviceOf({ unit }: SystemdSettings, { colour }: Release): string {
  return colour ? `${unit}@${colour}.service` : `${unit}.service`;
}

/** Systemd counts the starts of a unit until it is reset, and remembers how it ended. */
export const forgetFailure = (service: string): Command =>
  sh`if systemctl is-failed --quiet ${service}; then as_root systemctl reset-failed ${service} || true; fi`;

export function systemdColours(target: Target, settings: SystemdSettings): Colours {
  const link = (colour: Colour) => `${target.root}/${colour}`;
  const file = (colour: Colour, end: string) => `${target.root}/proxy/${colour}.${end}`;

  const remove = (release: Release, colour: Colour): Command => {
    const service = serviceOf(settings, release);
    return lines(
      sh`as_root systemctl stop ${service}`,
      // a boot that is just starting it is stopped in its ExecCondition, and that is no failure
      forgetFailure(service),
      // with what a step was just writing
      sh`rm -f ${[link(colour), file(colour, 'start'), file(colour, 'env')].flatMap(path => [path, `${path}.new`])}`,
    );
  };

  return {
    start: ({ next }, site) => {
      const colour = next.colour ?? 'blue';
      const variables = Object.entries(portVariables(site, colour)).map(([name, port]) => `${name}=${port}`);
      return {
        title: `Prepare ${colour} for ${next.name}`,
        seconds: 180,
        run: lines(
          sh`as_root systemctl stop ${serviceOf(settings, next)}`,
          // what ran before there were colours comes back at a boot until its unit is disabled, and has blue's ports
          colour === 'blue' &&
            sh`if systemctl is-active --quiet ${`${settings.unit}.service`}; then as_root systemctl stop ${`${settings.unit}.service`}; fi`,
          sh`mkdir -p ${`${target.root}/proxy`}`,
          sh`printf '%s\\n' ${variables} | write_file ${file(colour, 'env')}`,
          // this boot only: the unit asks for that word, or for always
          sh`cat /proc/sys/kernel/random/boot_id | write_file ${file(colour, 'start')}`,
          sh`point ${link(colour)} ${next.folder}`,
        ),
        undo: remove(next, colour),
      };
    },

    route: release => pointCurrent(target, release),

    stop: release =>
      release.colour ? remove(release, release.colour) : sh`as_root systemctl stop ${serviceOf(settings, release)}`,
  };
}

/** From here on a boot starts this release, and no longer the one before. */
export function startAtBoot(target: Target, settings: SystemdSettings, next: Release, was: Release | undefined): Step {
  const folder = `${target.root}/proxy`;
  return {
    title: 'Enable restart on boot',
    run: lines(
      sh`echo always | write_file ${`${folder}/${next.colour ?? 'blue'}.start`}`,
      sh`sync ${`${folder}/${next.colour ?? 'blue'}.start`} ${folder}`,
      // a server that went down right after the record has not brought the candidate back; no effect on what runs
      sh`as_root systemctl start ${serviceOf(settings, next)}`,
      was?.colour && was.colour !== next.colour && sh`rm -f ${`${folder}/${was.colour}.start`}`,
    ),
  };
}
