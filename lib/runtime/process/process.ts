// The process runtime: a supervised child with a pid file, for a machine without root and without Docker.
import type { Target } from '../../target/target.ts';
import type { ProcessSettings } from '../../target/runtime-settings.ts';
import { exportEnvironment } from '../../env/export.ts';
import { bash, isThere } from '../../host/environment.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import type { Release } from '../../release/release.ts';
import { chosenLines, folderRuntime, pointCurrent } from '../release-folder.ts';
import type { Runtime } from '../runtime.ts';

export function processRuntime(target: Target, settings: ProcessSettings): Runtime {
  const environment = exportEnvironment(target.env.map(one => one.file));
  const run = `${target.root}/run`;
  const log = `${target.root}/log/${target.app}.log`;
  const file = (name: string) => `${run}/${target.app}.${name}`;

  /** Restarts the app when it ends; ends with it when told to. Its session outlives the keeper's. */
  const supervisor = (release: Release): Command =>
    lines(
      sh`cd ${release.folder} || exit 1`,
      environment,
      // by itself and before the app: its parent may be killed just now, and nobody would know of it
      sh`read -r me </proc/$$/stat
set -- \${me##*) }
echo "$$ \${20}" >${file('pid')} || exit 1
unset me`,
      // no variable of ours: the app would get it in place of its own of that name
      sh`trap 'trap - TERM; kill -TERM $! 2>/dev/null; wait $!; exit 0' TERM INT`,
      sh`while :; do
  ${bash} -c ${settings.start} &
  wait $!
  set -- $?
  echo "the app exited with $1"
  echo "$1" >>${file('exits')}
  sleep 1 & wait $!
done`,
    );

  const words = lines(
    isThere,
    // the pid alone could be a stranger's by now: the start time tells
    // prints nothing when there is none; what cannot be read is a failure, as it may run all the same
    sh`supervisor() {
  local known pid start stat
  if ! is_there ${file('pid')}; then return 0; fi
  known=$(cat ${file('pid')}) || return 1
  read -r pid start <<<"$known" || return 1
  [[ $pid ]] || return 0
  if ! is_there "/proc/$pid"; then return 0; fi
  if ! stat=$(cat "/proc/$pid/stat" 2>/dev/null); then
    if is_there "/proc/$pid/stat"; then return 1; fi
    return 0
  fi
  stat=\${stat##*) }
  set -- $stat
  if [[ \${20} == "$start" && $1 != Z ]]; then echo "$pid"; fi
}`,
    sh`stop_app() {
  local pid now try
  pid=$(supervisor)
  [[ $pid ]] || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for ((try = 0; try < 200; try++)); do
    now=$(supervisor)
    [[ $now ]] || break
    ((try == 150)) && kill -KILL -- "-$pid" 2>/dev/null
    sleep 0.05
  done
  kill -KILL -- "-$pid" 2>/dev/null || true
  rm -f ${file('pid')} ${file('exits')}
}`,
  );

  const startApp = (release: Release): Command =>
    lines(
      words,
      sh`mkdir -p ${run} ${`${target.root}/log`}`,
      sh`rm -f ${file('exits')}; : >${file('exits')}`,
      sh`echo "--- $(date -u +%FT%TZ) "${release.name} starts >>${log}`,
      sh`env -u KEEPER_RUN -u KEEPER_UNDO setsid ${bash} -c ${supervisor(release).text} </dev/null >>${log} 2>&1 3>&- &`,
      sh`pid=$!
for ((try = 0; ; try++)); do
  now=$(supervisor)
  if [[ $now == "$pid" ]]; then break; fi
  if ((try >= 200)) || ! kill -0 "$pid" 2>/dev/null; then fail ${`the supervisor of ${target.app} does not start: see ${log}`}; fi
  sleep 0.02
done`,
    );

  const vitals = (_release: Release): Command =>
    lines(
      words,
      sh`alive() {
  if [[ -s ${file('exits')} ]]; then echo "the app exited with $(head -n 1 ${file('exits')})"; return 1; fi
  local pid
  pid=$(supervisor) || return 1
  [[ $pid ]] || { echo 'the supervisor is gone'; return 1; }
}`,
      // of this start only, not of the release before
      sh`log_tail() { tail -n 300 ${log} | awk '/^--- [^ ]+ [^ ]+ starts$/ { text = ""; next } { text = text $0 "\\n" } END { printf "%s", text }' | last_words 12; }`,
    );

  return {
    ...folderRuntime(target, settings, undefined),
    tools: ['setsid', 'tar', 'gzip'],
    facts: () =>
      lines(
        words,
        sh`pid=$(supervisor) || pid=''
{ [[ ! $pid ]] || { echo "$pid"; stat -c %Y ${file('pid')}; }; } 2>/dev/null | fact process; wc -l 2>/dev/null <${file('exits')} | fact exits`,
      ),

    stop: (change, way) => {
      const was = change.was ?? change.next;
      return {
        title: `Stop ${was.name}`,
        run: lines(way.note(vitals(was)), sh`stop_app`),
        undo: lines(words, sh`stop_app`, pointCurrent(target, was), way.back(startApp(was), vitals(was))),
      };
    },

    start: change => ({
      title: `Start ${change.next.name}`,
      run: lines(pointCurrent(target, change.next), startApp(change.next)),
      undo: lines(words, sh`stop_app`, pointCurrent(target, change.was)),
    }),

    liveness: vitals,
    colours: undefined,
    finalize: () => [],

    logs: (question, release, one) => {
      const { follow, lines: most, grep } = question;
      const from = most !== undefined && (follow || !grep) ? String(most) : '+1';
      // follows the name, so that a log that is rotated or not there yet is no end
      if (follow) return chosenLines(sh`tail -n ${from} -F ${log} 2>/dev/null`, question);
      const source = one
        ? sh`awk -v name=${release.name} '/^--- [^ ]+ [^ ]+ starts$/ { on = $3 == name } on' ${log}`
        : sh`tail -n ${from} ${log}`;
      return chosenLines(source, question);
    },
  };
}
