// The switch `hold`: one file that makes requests wait in the proxy, and the page for those that waited too long.
import { posix } from 'node:path';
import type { Target } from '../../target/target.ts';
import type { Site } from '../../target/site-settings.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import type { Finish, Step } from '../../plan/step.ts';
import { maintenanceJson, pageOf } from '../../maintenance/page.ts';
import { removeHalfMade } from '../../maintenance/maintenance.ts';

/** From here on new requests wait. Taking the file away is the undo, so nobody waits for ever, whatever becomes of us. */
export function holdStep({ maintenance }: Target, site: Site, isClosed: boolean): Step {
  return {
    title: 'Hold requests',
    run: lines(
      // a person's page, in a maintenance of theirs, stays as it is
      !isClosed &&
        lines(
          sh`mkdir -p ${posix.dirname(maintenance.flag)}`,
          sh`printf %s ${pageOf(maintenance)} | write_file ${maintenance.page}`,
          sh`printf '%s\\n' ${maintenanceJson()} | write_file ${`${posix.dirname(maintenance.flag)}/maintenance.json`}`,
        ),
      script('opens_window'),
      sh`: >${fileOf(site)}`,
      // a request that was let through just before reaches the app before it is stopped, also on a busy server
      script('sleep 0.05'),
    ),
    undo: lines(holdOff(site), removeHalfMade(maintenance)),
    opensWindow: true,
  };
}

/** After the record: what visitors write now is never undone. */
export function letInStep(site: Site): Finish {
  return { title: 'Release requests', run: holdOff(site), closesWindow: true };
}

function holdOff(site: Site): Command {
  return sh`rm -f ${fileOf(site)}`;
}

function fileOf({ folder }: Site): string {
  return `${folder}/hold`;
}
