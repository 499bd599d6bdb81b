// The compose runtime: one project per environment, images pulled by tag and kept by digest, accessories untouched.
import type { Target } from '../../target/target.ts';
import type { ComposeSettings } from '../../target/runtime-settings.ts';
import type { WayBack } from '../../health/previous-release.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { type Release, samePlace } from '../../release/release.ts';
import { composeColours, stopAndRemove } from './colours.ts';
import { composePreparation } from './prepare.ts';
import { composeFunctions, releaseFolder } from './shell-functions.ts';
import { asTyped, chosenLines, dockerLogFlags } from '../release-folder.ts';
import type { Runtime } from '../runtime.ts';
import type { Change } from '../../release/change.ts';

export function composeRuntime(target: Target, settings: ComposeSettings): Runtime {
  const { project, stopSeconds } = settings;
  const words = composeFunctions(target, settings);
  const colours = composeColours(target, settings);

  const vitals = (release: Release): Command =>
    lines(
      words,
      sh`folder=${releaseFolder(release)}`,
      sh`alive() {
  local name state code oom policy bad=0
  while read -r name state code oom policy; do
    [[ $state == running || $state == created && ! \${only_started:-} || $state == restarting && $policy != no ]] && continue
    if [[ $state == exited && $code == 0 && $policy == no ]] && grep -qs " no:0" "$folder/policies"; then continue; fi
    printf 'container %s %s with code %s%s\n' "\${name#/}" "$state" "$code" "$([[ $oom == true ]] && echo ' (out of memory)')"
    bad=1
  done < <(docker inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.HostConfig.RestartPolicy.Name}}' $(ids_of "$folder") 2>/dev/null || echo "of_the_release missing 1 false no")
  return $bad
}`,
      sh`log_tail() {
  local id
  for id in $(ids_of "$folder"); do docker logs --tail 300 "$id" 2>&1 | last_words 10; done
}`,
    );

  const startOld = (was: Release, next: Release, way: WayBack): Command =>
    lines(
      words,
      sh`drop_ahead ${releaseFolder(next)}`,
      way.back(
        lines(
          sh`put_tags_right ${was.folder}`,
          sh`make_reachable ${releaseFolder(was)}`,
          sh`start_release ${releaseFolder(was)}`,
          sh`despite_kept_port dc_services ${releaseFolder(was)} up -d --no-deps --no-recreate`,
          sh`permanent ${releaseFolder(was)}`,
        ),
        vitals(was),
      ),
    );

  const takeAway = (change: Change): Command =>
    lines(
      words,
      sh`if ! is_there ${`${change.next.folder}/services`}; then exit 0; fi`,
      sh`if is_there ${`${change.next.folder}/replaces`}; then
  # gone when an earlier try had removed the container already
  if is_there ${`${change.next.folder}/ids`}; then with_ids ${change.next.folder} stop_new ${stopSeconds}; fi
  drop_ahead ${change.next.folder}
  exit 0
fi`,
      change.was
        ? stopAndRemove(change.next, settings)
        : sh`dc ${change.next.folder} down -t ${stopSeconds} --remove-orphans`,
    );

  // without probes of ours, the health checks in the compose file are all there is to wait for
  const waits = target.health.probes.length
    ? script('')
    : sh`--wait --wait-timeout ${Math.ceil(target.health.deadlineSeconds)}`;

  return {
    appUser: undefined,
    tools: ['docker', 'docker compose'],

    facts: () =>
      lines(
        sh`ls -d ${target.paths.releases}/adopted_*/directory 2>/dev/null | sed 's|/directory$||; s|.*/||' | fact taken`,
        sh`docker image ls --filter ${`reference=bookops-keep/${project}`} --format '{{.Tag}}' 2>/dev/null | fact held`,
        sh`docker ps -a --filter ${`label=com.docker.compose.project=${project}`} --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.Image}} {{.Status}}' 2>&1 | fact containers`,
      ),

    ...composePreparation(target, settings, takeAway),

    stop: (change, way) => {
      const was = change.was ?? change.next;
      return {
        title: `Stop ${was.name}`,
        run: lines(way.note(vitals(was)), sh`stop_release ${releaseFolder(was)} ${stopSeconds}`),
        undo: startOld(was, change.next, way),
        seconds: stopSeconds + 120,
      };
    },

    start: change => {
      const { next, was } = change;
      const again = samePlace(next, was);
      const place = releaseFolder(next);
      return {
        title: `Start ${next.name}`,
        // the place of a colour was made with its containers in it
        run: lines(
          words,
          !next.colour && again && sh`start_release ${place}`,
          // compose takes its time for each question, and visitors may be waiting: one call makes and starts. A
          // candidate does not come back after a reboot before it is good.
          !next.colour &&
            !again &&
            sh`if [ -e ${`${place}/replaces`} ]; then with_ids ${place} docker start >/dev/null
else
  dc_services ${place} up -d --no-deps --quiet-pull
  note_containers ${place}
  with_ids ${place} once_only
fi`,
          (next.colour || again || !target.health.probes.length) &&
            sh`dc_services ${place} up -d --no-deps --no-recreate ${waits}`,
        ),
        // a colour goes with its place
        undo: again || next.colour ? sh`true` : takeAway(change),
      };
    },

    migrate: (change, command, service, seconds) => {
      const name = `${project}-migrate-${change.id}`;
      return {
        title: 'Migrate the database',
        run: lines(
          words,
          sh`dc ${releaseFolder(change.next)} run --rm --no-deps -T --name ${name} ${service ?? settings.service} sh -c ${command}`,
        ),
        // a Docker that cannot be asked is not one without that container
        undo: sh`id=$(docker ps -aq --filter ${`name=^/?${name}$`})
[ -z "$id" ] || docker rm -f $id`,
        seconds,
      };
    },

    liveness: vitals,
    colours,

    finalize: ({ next, was }) => [
      {
        title: 'Enable restart on boot',
        run: lines(
          words,
          sh`permanent ${releaseFolder(next)}`,
          // a server that went down right after the record has not brought the candidate back; no effect on what runs
          sh`despite_kept_port with_ids ${releaseFolder(next)} docker start >/dev/null`,
          sh`take_place ${releaseFolder(next)}`,
          was && was.folder !== next.folder && !was.colour && !next.colour
            ? sh`gone=$(grep -vxF -f ${`${next.folder}/services`} ${`${was.folder}/services`} 2>/dev/null || true)
[ -z "$gone" ] || dc ${was.folder} rm -sf $gone`
            : undefined,
          // from here on the other one runs for the visitors it still has, and for no others after a reboot
          was &&
            next.colour &&
            sh`old=$([ ! -e ${`${releaseFolder(was)}/services`} ] || services_now ${releaseFolder(was)} -a)
[ -z "$old" ] || once_only $old`,
        ),
      },
    ],

    remove: folders => lines(words, ...folders.map(folder => sh`forget_images ${folder}; rm -rf ${folder}`)),

    logs: (question, release, one) => {
      const flags = dockerLogFlags(question);
      return lines(
        words,
        one &&
          sh`with_ids ${releaseFolder(release)} docker inspect >/dev/null 2>&1 || { echo ${`the containers of ${release.name} are gone, and Docker keeps no logs without them`} >&2; exit 1; }`,
        chosenLines(sh`dc_services ${releaseFolder(release)} logs --no-color ${flags}`, question),
      );
    },

    exec: (release, given, terminal, service) =>
      lines(
        words,
        sh`dc ${releaseFolder(release)} exec ${terminal ? script('') : script('-T')} ${service ?? settings.service} ${asTyped(given)}`,
      ),
  };
}
