// Maintenance mode: the flag file that the proxy tests on each request, and the page beside it.
import { readFileSync } from 'node:fs';
import type { Maintenance } from '../config/target.ts';
import { Failure, messageOf } from '../errors.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import type { Step } from '../release/plan.ts';

/** The page that visitors get: the one ops.yml names, or the built-in one. @throws Failure 3 when it cannot be read. */
export function pageOf(maintenance: Maintenance): string {
  const source = maintenance.source ?? new URL('../../nginx/maintenance.html', import.meta.url);
  try {
    return readFileSync(source, 'utf8');
  } catch (error) {
    throw new Failure(3, `the maintenance page cannot be read: ${messageOf(error)}`);
  }
}

/** Flag on. `why` is what the flag says for people who look at it: `since=… by=… message="…"`. */
export function maintenanceOn(maintenance: Maintenance, why: string): Command {
  const folder = maintenance.flag.slice(0, maintenance.flag.lastIndexOf('/'));
  return lines(
    sh`mkdir -p ${folder}`,
    sh`printf %s ${pageOf(maintenance)} | write_file ${maintenance.page}`,
    sh`printf '%s\\n' ${why} | write_file ${maintenance.flag}`,
  );
}

export function maintenanceOff(maintenance: Maintenance): Command {
  return sh`rm -f ${maintenance.flag}`;
}

/** The first step of a switch with a window. Maintenance that a person had switched on stays on after the plan. */
export function maintenanceStep(maintenance: Maintenance, isOn: boolean, why: string): Step {
  return isOn
    ? { title: 'Maintenance on', run: sh`true`, skip: 'it is on already and stays on' }
    : {
        title: 'Maintenance on',
        run: maintenanceOn(maintenance, why),
        undo: maintenanceOff(maintenance),
        opensWindow: true,
      };
}
