// Two versions of a compose app at once: a project and a network for each colour, the same volumes, the same accessories.
import type { Target } from '../../target/target.ts';
import type { ComposeSettings } from '../../target/runtime-settings.ts';
import { environmentFile } from '../../env/export.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import { portVariables, type Colour } from '../../release/colours.ts';
import type { Release } from '../../release/release.ts';
import { composeFunctions, releaseFolder } from './shell-functions.ts';
import type { Colours } from '../runtime.ts';

export function composeColours(target: Target, settings: ComposeSettings): Colours {
  const { project, accessories, stopSeconds } = settings;
  const projectOf = (colour: Colour) => `${project}-${colour}`;
  const link = (colour: Colour) => `${target.root}/${colour}`;

  const words: Command = lines(
    composeFunctions(target, settings),
    // the containers of accessories, as `service id` lines
    sh`staying() {
  local name
  for name in ${accessories}; do
    docker ps -aq --no-trunc --filter ${`label=com.docker.compose.project=${project}`} --filter label=com.docker.compose.service="$name" | sed "s/^/$name /"
  done
}`,
    // unused_network network: takes it away when nothing is in it, running or not, but accessories. With a fixed name it is
    // that of both colours, whichever came first, and other projects may be in it: then it is left.
    sh`unused_network() {
  local name id why those inside
  those=$(staying)
  inside=$(docker ps -aq --no-trunc --filter network="$1")
  for id in $inside; do [[ "$those "$'\n' == *" $id"* ]] || return 0; done
  # also what does not run now: it could not start any more without the network
  while read -r name id; do [[ ! $id ]] || docker network disconnect -f "$1" "$id" 2>/dev/null || true; done <<<"$those"
  # somebody may have come into it, or taken it away, just now
  why=$(docker network rm "$1" 2>&1) || grep -qiE 'active endpoints|in use|not found|no such network' <<<"$why" || fail "$why"
}`,
    // retire project: its containers and networks go, without asking its compose file; volumes stay
    sh`retire() {
  local label=label=com.docker.compose.project="$1" ids net nets owner
  ids=$(docker ps -aq --filter "$label")
  nets=$(docker network ls -q --no-trunc --filter "$label")
  if [[ $ids ]]; then
    # one with a fixed name may have come with the other colour, and this be the last that was in it
    nets+=$'\n'$(docker inspect -f '{{range .NetworkSettings.Networks}}{{println .NetworkID}}{{end}}' $ids | sort -u)
    docker stop -t ${stopSeconds} $ids >/dev/null
    docker rm -f $ids >/dev/null
  fi
  nets=$(sort -u <<<"$nets")
  for net in $nets; do
    owner=$(docker network inspect -f '{{index .Labels "com.docker.compose.project"}}' "$net" 2>/dev/null || true)
    case $owner in
      "\${1%-*}-blue" | "\${1%-*}-green") unused_network "$net" ;;
    esac
  done
}`,
    // share project: accessories are reached in the networks of the colour by the same name
    sh`share() {
  local nets net name id those
  nets=$(docker network ls -q --filter label=com.docker.compose.project="$1")
  those=$(staying)
  for net in $nets; do
    while read -r name id; do [[ ! $id ]] || docker network connect --alias "$name" "$net" "$id"; done <<<"$those"
  done
}`,
  );

  const remove = (release: Release, colour: Colour): Command =>
    lines(
      words,
      sh`retire ${projectOf(colour)}`,
      sh`rm -rf ${releaseFolder(release)} ${`${releaseFolder(release)}.making`} ${link(colour)}`,
    );

  return {
    start: ({ next }, site) => {
      const colour = next.colour ?? 'blue';
      const place = releaseFolder(next);
      const making = `${place}.making`;
      const ports = portVariables(site, colour);
      return {
        title: `Prepare ${colour} for ${next.name}`,
        seconds: stopSeconds + 300,
        run: lines(
          words,
          sh`retire ${projectOf(colour)}`,
          sh`rm -rf ${making} ${place}`,
          sh`mkdir ${making}`,
          sh`cp ${['compose.yml', 'all', 'services'].map(name => `${next.folder}/${name}`)} ${making}/`,
          sh`grep -vE ${`^(${Object.keys(ports).join('|')})=`} ${`${next.folder}/compose.env`} >${`${making}/compose.env`} || true`,
          sh`printf %s ${environmentFile(ports)} >>${`${making}/compose.env`}`,
          // named volumes are those of the target's own project, whatever the colour
          sh`dc ${next.folder} config | awk '/^[^ ]/ {on = /^volumes:/} on' >${`${making}/volumes.yml`}`,
          sh`[ -s ${`${making}/volumes.yml`} ] || rm ${`${making}/volumes.yml`}`,
          sh`echo ${projectOf(colour)} >${`${making}/project`}`,
          sh`mv -T ${making} ${place}`,
          sh`point ${link(colour)} ${next.folder}`,
          sh`start_release ${place}`,
          sh`with_ids ${place} once_only`,
          sh`share ${projectOf(colour)}`,
        ),
        undo: remove(next, colour),
      };
    },

    route: () => sh`true`,

    stop: release =>
      release.colour ? remove(release, release.colour) : lines(words, stopAndRemove(release, settings)),
  };
}

/** The containers of a release in the one place there is; volumes and accessories stay. */
export function stopAndRemove({ folder }: Release, { stopSeconds }: ComposeSettings): Command {
  return lines(sh`dc_services ${folder} stop -t ${stopSeconds}`, sh`dc_services ${folder} rm -f`);
}
