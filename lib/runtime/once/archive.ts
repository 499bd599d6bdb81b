// The archive of an app of ONCE: how it is taken and proven, and the steps that restore it in place, which ONCE itself refuses.
import { readFileSync } from 'node:fs';
import { bash, sqlite3 } from '../../host/environment.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import type { Step } from '../../plan/step.ts';
import type { OnceSettings } from '../../target/runtime-settings.ts';
import { onceFunctions } from './once.ts';

const functions = lines(
  sh`open_database() { ${sqlite3} "$@"; }`,
  script(readFileSync(new URL('./archive.sh', import.meta.url), 'utf8')),
);

/** In a bash of its own: whoever calls it may have switched `set -e` off. */
const strictly = (...text: Command[]): Command =>
  sh`${bash} -c ${lines(script('set -euo pipefail\nshopt -s inherit_errexit\nallow_legacy=yes'), ...text).text}`;

/** Prints the archive of the app as it is now; for a while it lies in `folder`, readable by nobody else. */
export function printArchive(settings: OnceSettings, folder: string): Command {
  return strictly(onceFunctions(settings), functions, sh`print_archive ${folder}`);
}

/** Fails when the file is not a whole archive of that host; says how much is in it. `folder`: where its databases find room. */
export function proveArchive(file: string, host: string, folder: string): Command {
  return strictly(functions, sh`prove_archive ${file} ${host} ${folder}`);
}

/** Places on the host, absolute. */
export type ArchiveRestore = {
  /** What is restored. */
  archive: string;
  /** Where the archive of what is there now goes, and stays. */
  safety: string;
};

/**
 * ONCE restores only under a free host name, and into a volume of its own. So the app goes before, and its volume stays, also when
 * all went well: nothing of ONCE can use it again, but it has what was written after the safety archive. Every failure restores that.
 */
export function restoreInPlace(settings: OnceSettings, { archive, safety }: ArchiveRestore): Step[] {
  const { host } = settings;
  const words = lines(onceFunctions(settings), functions);
  const folder = safety.slice(0, safety.lastIndexOf('/'));
  return [
    {
      title: 'Prove the archive that is to be restored, and that its image can be pulled',
      run: lines(words, sh`prove_archive ${archive} ${host}`, sh`pull_for_restore ${archive}`),
      seconds: 1800,
    },
    {
      // stays in any case
      title: `Back up ${host} as it is now, and prove that`,
      run: lines(words, sh`umask 077`, sh`mkdir -p ${folder}`, sh`chmod 700 ${folder}`, sh`take_archive ${safety}`),
      seconds: 3600,
    },
    {
      title: `Remove ${host}; its volume stays`,
      run: lines(words, sh`[ -s ${safety} ] || fail ${`${safety} is not there`}`, sh`remove_app`),
      undo: lines(words, sh`put_back ${safety}`),
      seconds: 300,
    },
    {
      // the undo of the removal takes it away again
      title: `Restore ${host}`,
      run: lines(words, sh`once restore ${archive} || fail ${`ONCE could not restore ${archive}`}`),
      seconds: 1800,
    },
  ];
}

/** The release that served before, on the data that were restored: archives name the image of their time. */
export function updateToRelease(settings: OnceSettings, folder: string): Step {
  return {
    title: `Let ONCE run ${folder.slice(folder.lastIndexOf('/') + 1)} on them`,
    run: lines(
      onceFunctions(settings),
      sh`image=$(cat ${`${folder}/image`})
once_update "$image" false`,
    ),
    seconds: 900,
  };
}
