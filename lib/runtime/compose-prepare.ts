// How a compose release comes onto the host before any downtime: its folder, its images by digest, the services that stay.
import type { ComposeSettings, Limits, Target } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { environmentFile } from '../env/on-host.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import type { Release } from '../release/names.ts';
import type { Step } from '../release/plan.ts';
import { composeWords, variablesOf } from './compose-words.ts';
import { samePlace } from './place.ts';
import type { Change, Runtime } from './runtime.ts';

export function composePreparation(
  target: Target,
  settings: ComposeSettings,
  takeAway: (change: Change) => Command,
): Pick<Runtime, 'prepare' | 'recheck'> {
  const { project, stay, limits } = settings;
  const words = composeWords(target, settings);

  const writeFolder = (release: Release, composeFile: string): Command =>
    lines(
      words,
      sh`mkdir ${release.folder} && chmod 755 ${release.folder}`,
      sh`printf %s ${composeFile} | write_file ${`${release.folder}/compose.yml`}`,
      sh`printf %s ${environmentFile({ ...variablesOf(target, settings), IMAGE_TAG: release.sha })} | write_file ${`${release.folder}/compose.env`}`,
      sh`dc ${release.folder} config --services >${`${release.folder}/all`} || fail "the compose file is not accepted"`,
      stay.length
        ? sh`grep -vxF ${stay.flatMap(name => ['-e', name])} ${`${release.folder}/all`} >${`${release.folder}/services`} || fail "every service of the compose file stays: nothing to deploy"`
        : sh`cp ${`${release.folder}/all`} ${`${release.folder}/services`}`,
      limits && limitsFile(release, limits),
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

  // without probes of ours compose has to wait for its own health checks, and starts the containers itself
  const ahead = ({ next, was }: Change): boolean =>
    was !== undefined &&
    !was.colour &&
    !next.colour &&
    !samePlace(next, was) &&
    target.switch !== 'blue-green' &&
    target.health.probes.length > 0;

  return {
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
            ahead(change) && sh`make_ahead ${next.folder}`,
          ),
          undo: lines(words, sh`drop_ahead ${next.folder}`, sh`forget_images ${next.folder}`),
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
          // the pin is the image that was live; a tag that somebody moved since is put right
          sh`[ ! -e ${`${change.next.folder}/images`} ] || while read -r image digest pin; do
  both=$(docker image inspect -f '{{.Id}}' "$pin" "$image" 2>/dev/null) && [[ $(uniq <<<"$both" | wc -l) == 1 ]] && continue
  if docker image inspect "$pin" >/dev/null 2>&1; then docker tag "$pin" "$image"
  elif [[ $digest != - ]]; then docker pull -q "$digest" && docker tag "$digest" "$image" && docker tag "$digest" "$pin"
  else dc ${change.next.folder} pull -q; fi
done <${`${change.next.folder}/images`}`,
          ahead(change) && sh`make_ahead ${change.next.folder}`,
        ),
        ...(ahead(change) ? { undo: lines(words, sh`drop_ahead ${change.next.folder}`) } : {}),
      },
    ],
  };
}

/** A file beside the compose file that wins over whatever that says about memory and processors, also for what stays. */
function limitsFile({ folder }: Release, { memory, cpus }: Limits): Command {
  const most = `    mem_limit: !reset null
    memswap_limit: ${memory}
    cpus: !reset null
    deploy: { resources: { limits: { memory: ${memory}, cpus: '${cpus}' } } }`;
  return lines(
    sh`{ echo services:; while read -r name; do printf '  "%s":\n%s\n' "$name" ${most}; done <${`${folder}/all`}; } >${`${folder}/limits.new`}`,
    sh`mv ${`${folder}/limits.new`} ${`${folder}/limits.yml`}`,
  );
}
