// Prepares a compose release on the host before any downtime: its folder, its images by digest, the accessories.
import type { Target } from '../../target/target.ts';
import type { Limits, ComposeSettings } from '../../target/runtime-settings.ts';
import { Failure } from '../../errors.ts';
import { environmentFile } from '../../env/export.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { sha7, type Release, samePlace } from '../../release/release.ts';
import type { TakeOver } from './foreign-release.ts';
import { present, type Step } from '../../plan/step.ts';
import { composeFunctions, variablesOf } from './shell-functions.ts';
import type { Runtime } from '../runtime.ts';
import type { Change } from '../../release/change.ts';

export function composePreparation(
  target: Target,
  settings: ComposeSettings,
  takeAway: (change: Change) => Command,
): Pick<Runtime, 'prepare' | 'verify'> {
  const { accessories, limits } = settings;
  const words = composeFunctions(target, settings);

  const withoutThoseThatStay = (folder: string): Command =>
    accessories.length
      ? sh`grep -vxF ${accessories.flatMap(name => ['-e', name])} ${`${folder}/all`} >${`${folder}/services`} || fail "every service of the compose file is an accessory: nothing to deploy"`
      : sh`cp ${`${folder}/all`} ${`${folder}/services`}`;

  const writeFolder = (release: Release, composeFile: string): Command =>
    lines(
      words,
      sh`mkdir ${release.folder}\nchmod 755 ${release.folder}`,
      sh`printf %s ${composeFile} | write_file ${`${release.folder}/compose.yml`}`,
      sh`printf %s ${environmentFile({ ...variablesOf(target, settings), IMAGE_TAG: release.sha })} | write_file ${`${release.folder}/compose.env`}`,
      sh`dc ${release.folder} config --services >${`${release.folder}/all`} || fail "the compose file is not accepted"`,
      withoutThoseThatStay(release.folder),
      limits && limitsFile(release, limits),
    );

  const accessoriesRun = ({ facts }: Change): boolean =>
    accessories.every(name => facts.answers.get('containers')?.includes(`${name} running `));

  /** What another tool deployed has no folder yet; it gets one that describes what runs, so that an undo can return to it. */
  const adopt = ({ was }: Change, origin: TakeOver | undefined): Step[] => {
    if (!was || !origin) return [];
    const [file = '', ...more] = origin.files;
    const making = `${was.folder}.making`;
    return [
      {
        title: `Take over ${sha7(was.sha)}, which another tool deployed`,
        run: lines(
          words,
          sh`rm -rf ${making}`,
          sh`mkdir ${making}`,
          sh`printf %s ${file} | write_file ${`${making}/compose.yml`}`,
          ...more.map((text, at) => sh`printf %s ${text} | write_file ${`${making}/also-${at}.yml`}`),
          sh`printf %s ${environmentFile({ ...variablesOf(target, settings), IMAGE_TAG: was.sha })} | write_file ${`${making}/compose.env`}`,
          origin.before !== undefined &&
            sh`install -m 600 ${origin.before} ${`${making}/before.env`} || fail ${`${origin.before} cannot be read`}`,
          sh`printf '%s\n' ${origin.folder} >${`${making}/directory`}`,
          sh`dc ${making} config --services >${`${making}/all`} || fail "its compose file is not accepted"`,
          origin.services.length
            ? sh`printf '%s\n' ${origin.services} >${`${making}/services`}`
            : withoutThoseThatStay(making),
          // it is compared again: somebody may have changed it since it was checked
          sh`note_containers ${making}`,
          sh`[ -s ${`${making}/ids`} ] || : >${`${making}/policies`}`,
          // what the containers run, also when its tags are gone or moved
          origin.services.length > 0 &&
            sh`running=$(with_ids ${making} docker inspect -f '{{.Config.Image}} {{.Image}}' | sort -u)
hold_images ${making} ${was.name} <<<"$running"`,
          // only a whole one is ever there
          sh`rm -rf ${was.folder}`,
          sh`mv -T ${making} ${was.folder}`,
        ),
        undo: lines(
          words,
          // the images themselves are the other tool's
          sh`forget_images ${was.folder} holds; forget_images ${making} holds`,
          sh`rm -rf ${was.folder} ${making}`,
        ),
      },
    ];
  };

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
      return present<Step>([
        ...adopt(change, materials.takeOver),
        {
          title: `Write the release folder ${next.name}`,
          run: writeFolder(next, file),
          undo: sh`rm -rf ${next.folder}`,
        },
        {
          title: materials.again ? 'Pull the images again' : 'Pull the images',
          seconds: 1800,
          ...(materials.password ? { input: materials.password } : {}),
          run: lines(
            words,
            login,
            // while it pulls: compose takes a quarter of a second for each question
            sh`{
  dc_services ${next.folder} config --images >"$KEEPER_RUN/images"
  ${accessories.length ? sh`dc ${next.folder} config --images ${accessories} >"$KEEPER_RUN/staying"` : sh`: >"$KEEPER_RUN/staying"`}
} &
listing=$!`,
            sh`dc_services ${next.folder} pull -q`,
            !accessoriesRun(change) && sh`dc ${next.folder} pull -q --policy missing ${accessories}`,
            // compose lists the images of what a service depends on too: those stay
            sh`wait "$listing"\nsort -u -o "$KEEPER_RUN/images" "$KEEPER_RUN/images"`,
            sh`images=$({ grep -vxF -f "$KEEPER_RUN/staying" "$KEEPER_RUN/images" || [ $? -eq 1 ]; } | sed 's/.*/& &/')
hold_images ${next.folder} ${next.name} <<<"$images"
cat ${`${next.folder}/images`} >&3`,
            ahead(change) && sh`make_ahead ${next.folder}`,
          ),
          undo: lines(words, sh`drop_ahead ${next.folder}`, sh`forget_images ${next.folder}`),
          accept: (answer: string) => {
            change.notes.images = answer
              .split('\n')
              .flatMap(line => line.split(' ')[1]?.replace(/^.*\//, '') ?? [])
              .join(',');
            return undefined;
          },
        },
        accessories.length && {
          title: `Start accessories: ${accessories.join(', ')}`,
          ...(accessoriesRun(change) ? { skip: 'running' } : {}),
          run: lines(words, sh`dc ${next.folder} up -d --no-recreate --no-deps --wait ${accessories}`),
          undo: change.was ? sh`true` : takeAway(change),
        },
      ]);
    },

    verify: (change, materials) => [
      ...adopt(change, materials?.takeOver),
      {
        title: `Check the images of ${change.next.name}${materials?.again ? ', and pull them again' : ''}`,
        seconds: 1800,
        ...(materials?.password ? { input: materials.password } : {}),
        run: lines(
          words,
          materials?.password && login,
          sh`[ -e ${`${change.next.folder}/images`} ] || dc_services ${change.next.folder} pull -q`,
          // the pin is the image that was live; a tag that somebody moved since is put right
          sh`[ ! -e ${`${change.next.folder}/images`} ] || while read -r image digest pin; do
  both=$(docker image inspect -f '{{.Id}}' "$pin" "$image" 2>/dev/null || true)
  if [[ $both == *$'\\n'* && $(uniq <<<"$both" | wc -l) == 1 ]]; then continue; fi
  if docker image inspect "$pin" >/dev/null 2>&1; then docker tag "$pin" "$image"
  elif [[ $digest != - ]]; then
    docker pull -q "$digest"
    docker tag "$digest" "$image"
    docker tag "$digest" "$pin"
  else dc ${change.next.folder} pull -q; fi
done <${`${change.next.folder}/images`}`,
          ahead(change) && sh`make_ahead ${change.next.folder}`,
        ),
        ...(ahead(change) ? { undo: lines(words, sh`drop_ahead ${change.next.folder}`) } : {}),
      },
    ],
  };
}

/** A file beside the compose file that wins over whatever that says about memory and processors, accessories too. */
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
