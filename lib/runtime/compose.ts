// The compose runtime: one project per environment, images pulled by tag and kept by digest, services that stay untouched.
import type { ComposeSettings, Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import type { Release } from '../release/names.ts';
import type { Step } from '../release/plan.ts';
import { asTyped, chosenLines } from './folder.ts';
import type { Change, Runtime } from './runtime.ts';

export function composeRuntime(target: Target, settings: ComposeSettings): Runtime {
  const { project, stay, stopSeconds } = settings;

  /**
   * dc folder words…: docker compose for the release in that folder. Variables of the login shell would win over the
   * env file, so those that the file sets are taken away first.
   */
  const words: Command = lines(
    sh`dc() {
  local folder=$1
  shift
  env ${['IMAGE_TAG', ...Object.keys(settings.variables)].flatMap(name => ['-u', name])} docker compose -p ${project} --project-directory ${target.root} --env-file "$folder/compose.env" -f "$folder/compose.yml" "$@"
}`,
    // hold_images folder image…: a tag of our own keeps an image from being pruned, and from being moved by a later push
    sh`hold_images() {
  local folder=$1 image digest number=0 pin
  shift
  for image; do
    digest=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | grep -F -m 1 "\${image%:*}@" || true)
    number=$((number + 1))
    pin=bookops-keep/${project}:\${folder##*/}.$number
    docker tag "$image" "$pin"
    printf '%s %s %s\n' "$image" "\${digest:--}" "$pin" >>"$folder/images"
  done
}`,
    // forget_images folder: takes this release's hold off its images; the last hold takes the image along
    sh`forget_images() {
  local folder=$1 image digest pin
  [[ -e $folder/images ]] || return 0
  while read -r image digest pin; do
    docker image rm "$pin" >/dev/null 2>&1 || true
    if ! docker image inspect -f '{{join .RepoTags " "}}' "$image" 2>/dev/null | grep -q 'bookops-keep/'; then
      docker image rm "$image" >/dev/null 2>&1 || true
    fi
  done <"$folder/images"
}`,
    sh`start_release() {
  local folder=$1
  dc "$folder" up --no-start --no-deps --quiet-pull $(<"$folder/services")
  # docker itself answers several times faster than compose does
  docker ps -a --no-trunc --filter ${`label=com.docker.compose.project=${project}`} --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.service"}} {{.ID}}' |
    awk 'NR == FNR {wanted[$1]; next} $1 in wanted {print $2}' "$folder/services" - | sort >"$folder/ids.new"
  # containers that are there already may be candidates with their policy taken away: what was noted stays true
  if cmp -s "$folder/ids.new" "$folder/ids" && [[ -s $folder/policies ]]; then rm "$folder/ids.new"; return 0; fi
  mv "$folder/ids.new" "$folder/ids"
  docker inspect -f '{{.Id}} {{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}' $(<"$folder/ids") >"$folder/policies"
}`,
    // what another tool started has no list of ours until a deploy takes it over
    sh`ids_of() {
  cat "$1/ids" 2>/dev/null || docker ps -aq --no-trunc --filter ${`label=com.docker.compose.project=${project}`}
}`,
    sh`permanent() {
  local policy ids
  [[ -r $1/policies ]]
  # one call for all that have the same policy
  while read -r policy ids; do docker update --restart "\${policy%:0}" $ids >/dev/null; done < <(awk '{ids[$2] = ids[$2] " " $1} END {for (one in ids) print one ids[one]}' "$1/policies")
}`,
  );

  const vitals = (release: Release): Command =>
    lines(
      words,
      sh`folder=${release.folder}`,
      sh`alive() {
  local name state code oom policy bad=0
  while read -r name state code oom policy; do
    [[ $state == running || $state == created || $state == restarting && $policy != no ]] && continue
    [[ $state == exited && $code == 0 && $policy == no ]] && grep -qs " no:0" "$folder/policies" && continue
    printf 'container %s %s with code %s%s\n' "\${name#/}" "$state" "$code" "$([[ $oom == true ]] && echo ' (out of memory)')"
    bad=1
  done < <(docker inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.HostConfig.RestartPolicy.Name}}' $(ids_of "$folder") 2>/dev/null || echo "of_the_release missing 1 false no")
  return $bad
}`,
      sh`log_tail() {
  local id
  for id in $(ids_of "$folder"); do docker logs --tail 10 "$id" 2>&1; done
}`,
    );

  const startOld = (was: Release, ready: Command): Command =>
    lines(
      words,
      sh`until docker version >/dev/null 2>&1; do sleep 1; done`,
      sh`start_release ${was.folder}`,
      sh`dc ${was.folder} up -d --no-deps --no-recreate $(<${`${was.folder}/services`})`,
      sh`permanent ${was.folder}`,
      vitals(was),
      ready,
    );

  const takeAway = (change: Change): Command =>
    lines(
      words,
      sh`until docker version >/dev/null 2>&1; do sleep 1; done`,
      sh`[ -e ${`${change.next.folder}/services`} ] || exit 0`,
      change.was
        ? sh`dc ${change.next.folder} stop -t ${stopSeconds} $(<${`${change.next.folder}/services`})
dc ${change.next.folder} rm -f $(<${`${change.next.folder}/services`})`
        : sh`dc ${change.next.folder} down -t ${stopSeconds} --remove-orphans`,
    );

  const writeFolder = (release: Release, composeFile: string): Command =>
    lines(
      words,
      sh`mkdir ${release.folder} && chmod 755 ${release.folder}`,
      sh`printf %s ${composeFile} | write_file ${`${release.folder}/compose.yml`}`,
      sh`printf %s ${environmentFile({ ...settings.variables, IMAGE_TAG: release.sha })} | write_file ${`${release.folder}/compose.env`}`,
      sh`dc ${release.folder} config --services >${`${release.folder}/all`} || fail "the compose file is not accepted"`,
      stay.length
        ? sh`grep -vxF ${stay.flatMap(name => ['-e', name])} ${`${release.folder}/all`} >${`${release.folder}/services`} || fail "every service of the compose file stays: nothing to deploy"`
        : sh`cp ${`${release.folder}/all`} ${`${release.folder}/services`}`,
    );

  const staysRun = ({ facts }: Change): boolean =>
    stay.every(name => facts.runtime.get('containers')?.includes(`${name} running `));

  /** What an older tool deployed has no folder yet; it gets one, so that there is a way back to it. */
  const adopt = (change: Change, composeFile: string): Step[] =>
    change.was && !change.facts.folders.includes(change.was.name)
      ? [
          {
            title: `Take over ${change.was.sha.slice(0, 7)}, which another tool deployed`,
            run: lines(
              sh`rm -rf ${change.was.folder}`,
              writeFolder(change.was, composeFile),
              sh`docker ps -aq --no-trunc --filter ${`label=com.docker.compose.project=${project}`} >${`${change.was.folder}/ids`}; : >${`${change.was.folder}/policies`}`,
              // only images that a container really runs, and none of what stays
              sh`hold_images ${change.was.folder} $(docker inspect -f '{{.Config.Image}} {{index .Config.Labels "com.docker.compose.service"}}' $(<${`${change.was.folder}/ids`}) | awk 'NR == FNR {wanted[$1]; next} $2 in wanted {print $1}' ${`${change.was.folder}/services`} - | sort -u)`,
            ),
          },
        ]
      : [];

  // without probes of ours, the health checks in the compose file are all there is to wait for
  const waits = target.health.probes.length
    ? script('')
    : sh`--wait --wait-timeout ${Math.ceil(target.health.deadlineSeconds)}`;

  const login = settings.registry
    ? sh`DOCKER_CONFIG=$(mktemp -d "$KEEPER_RUN/docker.XXXXXX")
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT
[ -d ~/.docker/cli-plugins ] && ln -s ~/.docker/cli-plugins "$DOCKER_CONFIG/cli-plugins"
docker login --username ${settings.registry.username} --password-stdin ${settings.registry.server} >/dev/null 2>"$KEEPER_RUN/login" || {
  grep -vi 'warning\|configure a credential helper\|credential-stores' "$KEEPER_RUN/login" >&2
  grep -qiE 'unauthorized|denied|incorrect' "$KEEPER_RUN/login" || fail ${`the registry ${settings.registry.server} does not answer as it should`}
  fail ${`the registry ${settings.registry.server} refuses the user ${settings.registry.username}`}
}`
    : undefined;

  return {
    appUser: undefined,
    tools: ['docker', 'docker compose'],

    facts: () =>
      lines(
        sh`docker ps -a --filter ${`label=com.docker.compose.project=${project}`} --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.Image}} {{.Status}}' 2>&1 | fact containers`,
      ),

    prepare: (change, materials) => {
      const { next } = change;
      const file = materials.composeFile;
      if (file === undefined) throw new Failure(3, `no compose file for ${target.app}`);
      return [
        ...adopt(change, file),
        {
          title: `Write the release folder ${next.name}`,
          run: writeFolder(next, file),
          undo: sh`rm -rf ${next.folder}`,
        },
        {
          title: 'Pull the images',
          seconds: 1800,
          ...(materials.password ? { input: materials.password } : {}),
          run: lines(
            words,
            login,
            // while it pulls: compose takes a quarter of a second for each question
            sh`{
  dc ${next.folder} config --images $(<${`${next.folder}/services`}) >"$KEEPER_RUN/images"
  ${stay.length ? sh`dc ${next.folder} config --images ${stay} >"$KEEPER_RUN/staying"` : sh`: >"$KEEPER_RUN/staying"`}
} &
listing=$!`,
            sh`dc ${next.folder} pull -q $(<${`${next.folder}/services`})`,
            stay.length && !staysRun(change) ? sh`dc ${next.folder} pull -q --policy missing ${stay}` : undefined,
            // compose lists the images of what a service depends on too: those stay
            sh`wait "$listing" && sort -u -o "$KEEPER_RUN/images" "$KEEPER_RUN/images"`,
            sh`hold_images ${next.folder} $(grep -vxF -f "$KEEPER_RUN/staying" "$KEEPER_RUN/images")
cat ${`${next.folder}/images`} >&3`,
          ),
          undo: lines(words, sh`forget_images ${next.folder}`),
          judge: (answer: string) => {
            change.notes.images = answer
              .split('\n')
              .flatMap(line => line.split(' ')[1]?.replace(/^.*\//, '') ?? [])
              .join(',');
            return undefined;
          },
        },
        {
          title: `Start what stays: ${stay.join(', ')}`,
          ...(staysRun(change) ? { skip: stay.length ? 'running' : 'nothing' } : {}),
          run: lines(
            words,
            sh`dc ${next.folder} up -d --no-recreate --no-deps --wait ${stay.length ? stay : ['nothing']}`,
          ),
          undo: change.was ? sh`true` : takeAway(change),
        },
      ].filter((step: Step) => step.skip !== 'nothing');
    },

    recheck: change => [
      {
        title: `Check the images of ${change.next.name}`,
        run: lines(
          words,
          sh`[ -e ${`${change.next.folder}/images`} ] || dc ${change.next.folder} pull -q $(<${`${change.next.folder}/services`})`,
          sh`[ -e ${`${change.next.folder}/images`} ] || exit 0`,
          // the pin is the image that was live; a tag that somebody moved since is put right
          sh`while read -r image digest pin; do
  both=$(docker image inspect -f '{{.Id}}' "$pin" "$image" 2>/dev/null) && [[ $(uniq <<<"$both" | wc -l) == 1 ]] && continue
  if docker image inspect "$pin" >/dev/null 2>&1; then docker tag "$pin" "$image"
  elif [[ $digest != - ]]; then docker pull -q "$digest" && docker tag "$digest" "$image" && docker tag "$digest" "$pin"
  else dc ${change.next.folder} pull -q; fi
done <${`${change.next.folder}/images`}`,
        ),
      },
    ],

    stop: (change, ready) => {
      const was = change.was ?? change.next;
      return {
        title: `Stop ${was.name}`,
        run: lines(words, sh`dc ${was.folder} stop -t ${stopSeconds} $(<${`${was.folder}/services`})`),
        undo: startOld(was, ready),
        seconds: stopSeconds + 120,
      };
    },

    start: change => ({
      title: `Start ${change.next.name}`,
      run: lines(
        words,
        sh`start_release ${change.next.folder}`,
        // a candidate does not come back after a reboot before it is good
        change.was?.folder !== change.next.folder &&
          sh`docker update --restart no $(<${`${change.next.folder}/ids`}) >/dev/null`,
        sh`dc ${change.next.folder} up -d --no-deps --no-recreate ${waits} $(<${`${change.next.folder}/services`})`,
      ),
      undo: change.was?.folder === change.next.folder ? sh`true` : takeAway(change),
    }),

    migrate: (change, command, service, seconds) => {
      const name = `${project}-migrate-${change.id}`;
      return {
        title: 'Migrate the database',
        run: lines(
          words,
          sh`dc ${change.next.folder} run --rm --no-deps -T --name ${name} ${service ?? settings.service} sh -c ${command}`,
        ),
        undo: sh`if docker inspect ${name} >/dev/null 2>&1; then docker rm -f ${name}; fi`,
        seconds,
      };
    },

    vitals,

    settleIn: change => [
      {
        title: 'Let it start again after a reboot',
        run: lines(
          words,
          sh`until docker version >/dev/null 2>&1; do sleep 1; done`,
          sh`permanent ${change.next.folder}`,
          // a server that went down right after the record has not brought the candidate back; no effect on what runs
          sh`docker start $(<${`${change.next.folder}/ids`}) >/dev/null`,
          change.was && change.was.folder !== change.next.folder
            ? sh`gone=$(grep -vxF -f ${`${change.next.folder}/services`} ${`${change.was.folder}/services`} 2>/dev/null || true)
[ -z "$gone" ] || dc ${change.was.folder} rm -sf $gone`
            : undefined,
        ),
      },
    ],

    remove: folders => lines(words, ...folders.map(folder => sh`forget_images ${folder}; rm -rf ${folder}`)),

    logs: (question, release, one) => {
      const { follow, since, until, lines: most, grep } = question;
      const flags = [
        ...(follow ? ['--follow'] : []),
        ...(since === undefined ? [] : ['--since', String(since)]),
        ...(until === undefined ? [] : ['--until', String(until)]),
        // Compose counts per container; the total is cut afterwards
        ...(most !== undefined && (follow || !grep) ? ['--tail', String(most)] : []),
      ];
      return lines(
        words,
        one &&
          sh`docker inspect $(<${`${release.folder}/ids`}) >/dev/null 2>&1 || { echo ${`the containers of ${release.name} are gone, and Docker keeps no logs without them`} >&2; exit 1; }`,
        chosenLines(
          sh`dc ${release.folder} logs --no-color${flags.length ? sh` ${flags}` : sh``} $(<${`${release.folder}/services`})`,
          question,
        ),
      );
    },

    exec: (release, given, terminal, service) =>
      lines(
        words,
        sh`dc ${release.folder} exec ${terminal ? script('') : script('-T')} ${service ?? settings.service} ${asTyped(given)}`,
      ),
  };
}

/** A compose env file: values in single quotes stand for themselves there. @throws Failure 3 for what cannot be carried. */
export function environmentFile(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => {
      if (!/^[A-Za-z_]\w*$/.test(name)) throw new Failure(3, `${JSON.stringify(name)} is no name of a variable`);
      if (/['\n\r\0]/.test(value))
        throw new Failure(3, `the variable ${name} has a quote or a line break: Compose's env file cannot carry it`);
      return `${name}='${value}'\n`;
    })
    .join('');
}
