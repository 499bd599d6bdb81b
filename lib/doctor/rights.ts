// Who else could replace what the deploy user, root or the proxy reads, runs or writes: the doctor's question and findings.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { Target } from '../target/target.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { instancesFolder } from '../instance/target.ts';
import { answerLines, answerWords, type Facts } from '../release/facts.ts';
import { releasesRights } from '../runtime/release-folder.ts';
import { failure, good, type Finding } from '../finding.ts';

/** A line “who <tab> path” for each place. What the app's user owns on purpose is not among them. */
export function rightsQuestion(target: Target): Command {
  const { root, paths, site, maintenance, runtime, database, instances } = target;
  const home = `${paths.releases}/.keeper`;
  const flags = posix.dirname(maintenance.flag);
  const places = [root, paths.releases, home, paths.current, flags, maintenance.flag, maintenance.page];
  // with compose root writes there, in a container; with systemd it is the app's user, who owns it
  if (runtime.kind === 'compose' && database) places.push(database.snapshots);
  if (instances) places.push(instancesFolder(target), `${instancesFolder(target)}/sweep.sh`);
  const folders = [home, `${home}/journal`, `${root}/proxy`, ...(site ? [site.folder] : [])];
  return lines(
    script(readFileSync(new URL('./rights.sh', import.meta.url), 'utf8')),
    sh`{
  mapfile -d '' -t places < <(above ${`${root}/.`}; above "$HOME/."; above ${`${flags}/.`})
  for folder in ${folders}; do places+=("$folder" "$folder"/*); done
  places+=(${paths.releases}/*_release ${paths.releases}/releases.log ${places})`,
    // a release's folder is the app's own with systemd; with compose its files say what Docker does
    runtime.kind !== 'systemd' && sh`  places+=(${paths.releases}/*_*_* ${paths.releases}/*_*_*/*)`,
    sh`  writers_of "\${places[@]}" | sort -u
} 2>/dev/null | fact writers`,
    runtime.kind === 'systemd' &&
      sh`{ stat -c '%a %g' ${paths.releases}; id -G ${runtime.user}; } 2>/dev/null | fact releases-group`,
  );
}

/** Who could become the deploy user, or root, and what ends that. */
export function rightsFindings(target: Target, facts: Facts): Finding[] {
  const { runtime, paths } = target;
  const found = answerLines(facts, 'writers').map(line => {
    const [who = '', path = ''] = line.split('\t', 2);
    const says = `${path} can be written by ${who}, and what lies there is run or believed by ${facts.user} or root`;
    return failure('rights', says, fixOf(path, who));
  });
  if (runtime.kind === 'systemd' && runtime.user !== facts.user && answerWords(facts, 'releases')[0] !== 'missing') {
    const [mode = '', group = '', ...groups] = answerWords(facts, 'releases-group');
    const isRight = /^2\d{3}$/.test(mode) && groups.includes(group);
    const says = `${runtime.user} could not write into the folders that ${facts.user} makes in ${paths.releases}`;
    const rights = releasesRights(paths.releases, runtime.user);
    if (!isRight && !found.some(({ fix }) => fix === rights)) found.push(failure('app user', says, rights));
  }
  return found.length ? found : [good('rights', `nobody but ${facts.user} and root writes what is run or believed`)];

  function fixOf(path: string, who: string): string {
    if (path === paths.releases && runtime.kind === 'systemd' && runtime.user !== facts.user)
      return releasesRights(path, runtime.user);
    if (who.startsWith('its owner')) return sh`sudo chown ${facts.user} ${path}`.text;
    // by root: a group that its owner is not in loses setgid when the owner changes the mode
    return who.includes('ACL') ? sh`sudo setfacl -b ${path}`.text : sh`sudo chmod go-w ${path}`.text;
  }
}
