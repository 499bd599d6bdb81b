// The runtime ONCE: its own program deploys, updates and stops the app; a release is an image by digest.
import { readFileSync } from 'node:fs';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import type { Change } from '../../release/change.ts';
import { sha7, type Release, samePlace } from '../../release/release.ts';
import type { OnceSettings } from '../../target/runtime-settings.ts';
import type { Target } from '../../target/target.ts';
import { asTyped, chosenLines, dockerLogFlags } from '../release-folder.ts';
import type { Runtime } from '../runtime.ts';
import { verifyCurrentOnce } from './flavour.ts';

const functions = script(readFileSync(new URL('./functions.sh', import.meta.url), 'utf8'));

/** The functions of functions.sh, for one app. */
export function onceFunctions({ host }: Pick<OnceSettings, 'host'>): Command {
  return lines(functions, sh`once_host=${host}`);
}

export function onceRuntime(target: Target, settings: OnceSettings): Runtime {
  const { image, tls } = settings;
  const words = onceFunctions(settings);
  const noted = ({ folder }: Release) => `${folder}/image`;
  const forget = (folder: string) =>
    // what a container runs stays, and Docker says so
    sh`if [ -s ${`${folder}/image`} ]; then
  image=$(cat ${`${folder}/image`})
  docker image rm "$image" >/dev/null 2>&1 || true
fi
rm -rf ${folder}`;

  const liveness = (release: Release): Command =>
    lines(
      words,
      sh`alive() {
  local wanted
  read_once || return 1
  if [[ ! $once_id ]]; then echo ${`ONCE has no app for ${settings.host}`}; return 1; fi
  if [[ $once_state != running ]]; then echo "its container is $once_state"; return 1; fi
  if ! wanted=$(cat ${noted(release)} 2>/dev/null); then return 0; fi
  if [[ $once_image != "$wanted" ]]; then echo "ONCE runs $once_image, and the release is $wanted"; return 1; fi
}`,
      sh`log_tail() {
  read_once || return 0
  if [[ $once_id ]]; then docker logs --tail 12 "$once_id" 2>&1; fi
}`,
    );

  const inContainer = (command: Command): Command =>
    lines(
      words,
      sh`read_once || exit 1
[[ $once_id ]] || { echo ${`ONCE has no app for ${settings.host}`} >&2; exit 1; }`,
      command,
    );

  return {
    appUser: undefined,
    tools: ['once', 'docker'],
    replaces: true,
    colours: undefined,

    facts: () =>
      lines(words, sh`once_flavour | fact once`, sh`once_containers 2>/dev/null | cut -d ' ' -f 2- | fact containers`),

    prepare: ({ facts, next }) => {
      verifyCurrentOnce(target, facts);
      return [
        {
          title: `Pull ${image}:${sha7(next.sha)}`,
          run: lines(words, sh`mkdir ${next.folder}`, sh`once_pull ${image} ${next.sha} ${next.folder}`),
          undo: lines(words, forget(next.folder)),
          seconds: 1800,
        },
      ];
    },

    // ONCE asks the registry each time, also for what the host has: that is found out while the live one runs
    verify: ({ facts, next, was }) => {
      verifyCurrentOnce(target, facts);
      if (samePlace(next, was)) return [];
      return [
        {
          title: `Check that ${next.name} can be pulled`,
          run: sh`[ -e ${noted(next)} ] || fail ${`${noted(next)} no longer exists`}
image=$(cat ${noted(next)})
docker pull -q "$image" >/dev/null || fail "the registry does not give $image, and ONCE starts nothing without asking it"`,
          seconds: 1800,
        },
      ];
    },

    stop: (change, way) => {
      const was = change.was ?? change.next;
      return {
        title: `Stop ${was.name}`,
        run: lines(way.note(liveness(was)), sh`once_stop`),
        undo: lines(words, way.back(sh`once_start`, liveness(was))),
        seconds: 120,
      };
    },

    start: (change: Change) => {
      const { next, was } = change;
      // of a restart, the undo is that of the stop
      if (samePlace(next, was))
        return { title: `Start ${next.name}`, run: lines(words, sh`once_start`), undo: sh`true` };
      return {
        title: `Let ONCE replace it by ${next.name}`,
        run: lines(words, sh`once_replace ${next.folder} ${String(!tls)}`),
        undo: lines(words, sh`once_return`),
        seconds: 900,
      };
    },

    migrate: () => {
      throw new Failure(3, `${target.app} migrates by itself when it starts: ONCE knows no other way`);
    },

    liveness,
    finalize: () => [],
    remove: folders => lines(words, ...folders.map(forget)),

    logs: (question, release, one) => {
      const flags = dockerLogFlags(question);
      return inContainer(
        lines(
          one &&
            sh`[[ $once_image == "$(cat ${noted(release)} 2>/dev/null)" ]] || { echo ${`the container of ${release.name} is gone, and Docker keeps no logs without it`} >&2; exit 1; }`,
          chosenLines(sh`docker logs ${flags} "$once_id" 2>&1`, question),
        ),
      );
    },

    exec: (_release, given, terminal) =>
      inContainer(sh`exec docker exec ${terminal ? sh`-it` : sh`-i`} "$once_id" ${asTyped(given)}`),
  };
}
