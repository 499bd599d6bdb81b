// The steps that create an instance, extend it and remove it; the script that ends it by itself is on the server.
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { targetName } from '../target/command.ts';
import { readRest, betweenDeploys } from '../database/copy-between-deploys.ts';
import type { Target } from '../target/target.ts';
import type { InstanceData } from '../target/instance-settings.ts';
import type { SqliteDatabase } from '../target/database-settings.ts';
import { cronLine, crontabFunctions } from '../cron/crontab.ts';
import { copyWith } from '../env/export.ts';
import { startedClean } from '../host/environment.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { instancesTie } from '../proxy/proxies.ts';
import { copyDatabase } from '../database/sqlite/snapshot.ts';
import { present, type Step } from '../plan/step.ts';
import { portsTaken } from './checks.ts';
import { instancesFolder } from './target.ts';
import { leaseFile, leaseLine, type Lease } from './lease.ts';

export type NewInstance = {
  base: Target;
  copy: Target;
  mark: Pick<Lease, 'name' | 'end' | 'made' | 'ports' | 'by'>;
  /** The mark that it has; undefined: there is no such copy yet. */
  was: Lease | undefined;
  data: InstanceData;
  /** Seconds that a deploy of the base is waited for before its database is copied. */
  patience: number;
};

/** What comes before the first or next release of a copy. Its ports are taken and its end is on the server before anything else is. */
export function createSteps(birth: NewInstance): Step[] {
  const { base, copy, was, data, patience } = birth;
  return present([
    reserve(birth),
    !was && {
      // No undo here and below: without its mark the server takes the whole folder away.
      title: `Copy the settings of ${base.environment}`,
      run: lines(...foldersLike(base, copy), ...base.env.map((_, index) => copyEnvironment(base, copy, index))),
    },
    !was &&
      data === 'snapshot' &&
      base.database?.kind === 'sqlite' &&
      copy.database?.kind === 'sqlite' &&
      copyStep(base, base.database, copy.database.file, patience),
  ]);
}

/** The database of the base, never half-migrated. Fails with 5 when deploys kept running, with 1 when one was interrupted and is not undone. */
function copyStep(base: Target, database: SqliteDatabase, to: string, patience: number): Step {
  return {
    title: `Copy the database of ${base.environment}`,
    seconds: 1800 + patience,
    run: lines(
      sh`mkdir -p ${posix.dirname(to)}`,
      // it looks at what each of its commands says
      sh`said=$(set +e
${betweenDeploys(base, copyDatabase(base, database, to), patience)}
)`,
      sh`answer "$said"`,
    ),
    accept(answer) {
      readRest(answer, base);
      return undefined;
    },
  };
}

function reserve({ base, copy, mark, was }: NewInstance): Step {
  const folder = instancesFolder(base);
  const file = leaseFile(folder, mark.name);
  const sweep = sweepFile(folder);
  const ports = mark.ports.flatMap(port => ['-e', String(port)]);
  return {
    title: was ? `Give ${mark.name} its time` : `Reserve ports and time for ${mark.name}`,
    run: lines(
      sh`mkdir -p ${copy.root}`,
      writeSweep(base),
      sh`bash ${sweep}`,
      lockInstances(folder),
      sh`for other in ${folder}/*/instance; do
  [ -r "$other" ] && [ "$other" != ${file} ] || continue
  if sed -n 's/.* ports=\\([0-9,]*\\) .*/\\1/p' "$other" | tr , '\\n' | grep -qxF ${ports}; then
    fail "$(basename "$(dirname "$other")")" ${`${portsTaken}: try again`}
  fi
done`,
      sh`printf '%s\\n' ${leaseLine(mark)} | write_file ${file}`,
    ),
    undo: was
      ? sh`printf '%s\\n' ${leaseLine(was)} | write_file ${file}`
      : lines(sh`rm -f ${file} ${`${file}.new`}`, sweepSoon(sweep)),
  };
}

/** lock_instances: 20 s at most; it is held until the end of the shell. */
const lockWords = script(readFileSync(new URL('./lock.sh', import.meta.url), 'utf8').trimEnd());

function lockInstances(folder: string): Command {
  return lines(sh`folder=${folder}`, lockWords, script('lock_instances || exit 1'));
}

/** From now on until `end`. */
export function extendStep(base: Target, was: Lease, end: number): Step {
  const folder = instancesFolder(base);
  const file = leaseFile(folder, was.name);
  const put = (line: string) =>
    lines(
      lockInstances(folder),
      sh`[ -e ${file} ] || fail ${`${was.name} has just ended`}`,
      sh`printf '%s\\n' ${line} | write_file ${file}`,
    );
  const before = sh`if is_there ${file}; then printf '%s\\n' ${leaseLine(was)} | write_file ${file}; fi`;
  return { title: `Give ${was.name} its time`, run: put(leaseLine({ ...was, end })), undo: before };
}

/** Its undo only finishes the removal. */
export function downStep(base: Target, name: string): Step {
  const folder = instancesFolder(base);
  const sweep = sweepFile(folder);
  const run = lines(
    sh`if [ ! -e ${sweep} ]; then
  [ -e ${`${folder}/${name}`} ] || exit 0
  ${writeSweep(base)}
fi`,
    sh`bash ${sweep} end ${name}`,
    sweepSoon(sweep),
  );
  return {
    title: `Remove ${name}`,
    run,
    undo: sh`if ! is_there ${leaseFile(folder, name)}; then ${run}; fi`,
    seconds: 300,
  };
}

/** Waits in the background until the run that asks for it is over. */
function sweepSoon(sweep: string): Command {
  return sh`[ ! -e ${sweep} ] || setsid -f bash ${sweep} later </dev/null >/dev/null 2>&1 3>&-`;
}

function sweepFile(folder: string): string {
  return posix.join(folder, 'sweep.sh');
}

/** Under the lock, as all instances have the same file; what it does itself takes the lock again. */
function writeSweep(base: Target): Command {
  const folder = instancesFolder(base);
  return lines(
    lockInstances(folder),
    sh`printf '%s\\n' ${sweepScript(base)} | write_file ${sweepFile(folder)}`,
    script('exec 7<&-'),
  );
}

/** The text of <root>/instances/sweep.sh. */
function sweepScript(base: Target): string {
  const folder = instancesFolder(base);
  const { line, file } = instancesTie(base.app, base.environment, folder);
  const project = base.runtime.kind === 'compose' ? base.runtime.project : base.app;
  const ends = cronLine(
    '* * * * *',
    sh`bash ${`${folder}/sweep.sh`}`,
    `ends the instances of ${targetName(base)} when their time is up`,
  );
  return lines(
    sh`folder=${folder}`,
    sh`prefix=${`${project}-`}`,
    sh`include=${line}`,
    sh`tied=${file}`,
    sh`cron_line=${ends}`,
    startedClean,
    lockWords,
    crontabFunctions,
    script(readFileSync(new URL('./end.sh', import.meta.url), 'utf8')),
  ).text.trimEnd();
}

/** Folders that the compose file mounts, with the rights of those of the base: Docker would make them root's. */
function foldersLike(base: Target, copy: Target): Command[] {
  if (base.runtime.kind !== 'compose' || copy.runtime.kind !== 'compose') return [];
  const { variables } = copy.runtime;
  return Object.entries(base.runtime.variables).flatMap(([name, from]) => {
    const to = variables[name];
    if (to === undefined || to === from || !from.startsWith(`${base.root}/`)) return [];
    return sh`if [ -d ${from} ]; then mkdir -p ${to}; chmod --reference=${from} ${to}; fi`;
  });
}

/** The file never leaves the server; the lines of keys that a copy has other values for are replaced. */
function copyEnvironment(base: Target, copy: Target, index: number): Command | undefined {
  const [one, to] = [base.env[index], copy.env[index]?.file];
  if (!one || !to) return undefined;
  const own = Object.entries(base.instances?.env ?? {}).filter(([key]) => Object.hasOwn(one.keys, key));
  const value = (text: string) =>
    text.replaceAll('{name}', copy.instance?.name ?? '').replaceAll('{domain}', copy.site?.domains[0] ?? '');
  return lines(
    sh`mkdir -p ${posix.dirname(to)}`,
    copyWith(one.file, to, Object.fromEntries(own.map(([key, text]) => [key, value(text)]))),
  );
}
