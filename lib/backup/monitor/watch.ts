// Monitors a target's backups: when a task has ended, or by itself from another machine. Reports each change once.
import { hundredths } from '../../duration.ts';
import { nameOf, targetName } from '../../target/command.ts';
import { deliver } from '../../alert/deliver.ts';
import type { News } from '../../alert/message.ts';
import type { Target } from '../../target/target.ts';
import { Failure, messageOf } from '../../errors.ts';
import { sh } from '../../host/sh.ts';
import type { TaskEnd, Context } from '../../task/context.ts';
import type { Result } from '../../report/result.ts';
import { run, remoteOn, type Remote } from '../../host/run.ts';
import { backupState, runs, subjectsOf, type Concern, type BackupState } from './freshness.ts';
import { readAlerts, recordObservations, clearAlerts, type AlertState, type Alert } from '../../alert/state.ts';
import { metricsOf, writeMetrics } from './metrics.ts';
import { drillsLog, readDrills, type Drilled } from '../drill/last-proven.ts';
import { backupOf } from '../settings.ts';

export type WatchContext = Pick<Context, 'connect' | 'environment' | 'report' | 'signal'>;

/** What the host says; `now` is this machine's clock when it says nothing. */
type OnHost = { way: Remote | undefined; now: Date; drills: Drilled[]; why: string | undefined };

/** Notes how a task ended, and tells whom it concerns. Nothing in here changes the task's own end. */
export async function afterwards(
  around: WatchContext & Pick<Context, 'target'>,
  task: 'backup' | 'drill' | 'prune' | 'verify',
  end: TaskEnd,
): Promise<void> {
  const error = 'error' in end ? end.error : undefined;
  // no alert for a wrong flag, which the person at the terminal sees, nor for a second run while another one continues
  if (error instanceof Failure && [2, 5, 130, 143].includes(error.exit)) return;
  const target = await around.target().catch(() => undefined);
  if (!target?.backup) return;
  const run: Concern = {
    subject: task,
    bad: error !== undefined,
    says: error === undefined ? `${task} works again` : `${task} failed: ${messageOf(error)}`,
    seconds: hundredths(end.seconds),
    advice: error instanceof Failure ? error.advice : undefined,
  };
  if (!watches(target)) return noteOnly(around, target, run);
  const host = await askHost(around, target);
  const look = await backupState(target, { ...host, around });
  await tell(around, target, host, { ...look, concerns: [run, ...look.concerns] });
}

/** Only for status, which shows when the last backup was; no alert is sent, so a failure to record it is not reported. */
async function noteOnly(around: WatchContext, target: Target, ended: Concern): Promise<void> {
  try {
    const way = await remoteOn(target.host, around);
    await run(way, recordObservations(target, [ended], subjectsOf(target)), 'noting the run');
  } catch {
    // a drill elsewhere is for the day on which the server is gone
  }
}

/** `backups watch`: checks, sends alerts, and ends with 7 when anything is wrong, also from an earlier task. `plan`: no alert is sent. */
export async function watchBackups(around: WatchContext, target: Target, plan: boolean): Promise<Result> {
  const host = await askHost(around, target);
  const look = await backupState(target, { ...host, around });
  const unreachable: Concern[] = host.way
    ? []
    : [{ subject: 'host', bad: true, says: `${target.host.name} does not answer: ${host.why ?? 'no connection'}` }];
  const concerns = [...unreachable, ...look.concerns];
  const known = plan ? [] : await tell(around, target, host, { ...look, concerns });
  const earlier = known
    .filter(one => one.state === 'bad' && runs.includes(one.subject))
    .map(({ subject, at }): Concern => {
      return { subject, bad: true, says: `the last ${subject} failed, ${at.toISOString().slice(0, 16)}Z` };
    });
  const wrong = [...concerns.filter(one => one.bad), ...earlier];
  const rows = wrong.flatMap(({ says, advice }) => [`✖ ${says}`, ...(advice ? [`  → ${advice}`] : [])]);
  const counts = look.stores.map(({ name, held }) => `${held?.length ?? 'unknown'} in ${name}`).join(', ');
  return {
    text: wrong.length ? rows.join('\n') : `the backups of ${targetName(target)} are well: ${counts}`,
    json: { ...nameOf(target), good: !wrong.length, problems: wrong.map(({ subject, says }) => ({ subject, says })) },
    exit: wrong.length ? 7 : 0,
  };
}

function watches(target: Target): boolean {
  const { alerts, metrics } = backupOf(target);
  return Boolean(alerts?.length) || metrics !== undefined;
}

async function askHost({ connect, signal }: WatchContext, target: Target): Promise<OnHost> {
  try {
    const way = await remoteOn(target.host, { connect, signal });
    const said = await run(way, sh`date +%s; tail -c 100000 ${drillsLog(target)} 2>/dev/null || true`, 'asking');
    const [seconds = '', ...log] = said.split('\n');
    return { way, now: new Date(Number(seconds) * 1000), drills: readDrills(log.join('\n'), target), why: undefined };
  } catch (error) {
    return { way: undefined, now: new Date(), drills: [], why: messageOf(error) };
  }
}

/** @returns all that is remembered now; nothing when the host cannot be asked. */
async function tell(
  { environment, report }: WatchContext,
  target: Target,
  { way, now }: OnHost,
  { concerns, stores, proven }: BackupState,
): Promise<AlertState[]> {
  const { alerts = [], metrics } = backupOf(target);
  const warn = (line: string) => report.warn(line);
  const memory = way && (await remembered(way, target, concerns, warn));
  // without the host the last state is unknown: then a failure is rather reported twice than not at all
  const told: Alert[] =
    memory?.told ?? concerns.filter(one => one.bad).map(({ subject }) => ({ subject, what: 'failure' }));
  const well = memory ? memory.known.every(one => one.state === 'good') : !concerns.some(one => one.bad);
  if (alerts.length) {
    const message = {
      ...nameOf(target),
      host: target.host.name,
      time: memory?.now ?? now,
      news: newsOf(concerns, told),
      well,
    };
    const reached = await deliver(alerts, message, { environment, warn });
    const subjects = memory?.told.map(one => one.subject) ?? [];
    if (!reached && way && subjects.length)
      await run(way, clearAlerts(target, subjects), 'noting that nobody was told').catch(() => {});
  }
  const known = memory?.known ?? [];
  if (metrics !== undefined && way && memory) {
    const writing = writeMetrics(metrics, metricsOf(target, { stores, known, proven }));
    await run(way, writing, 'writing the metrics').catch((error: unknown) => warn(messageOf(error)));
  }
  return known;
}

async function remembered(way: Remote, target: Target, concerns: readonly Concern[], warn: (line: string) => void) {
  const known = subjectsOf(target);
  const seen = concerns.filter(({ subject }) => known.includes(subject));
  try {
    return readAlerts(await run(way, recordObservations(target, seen, known), 'noting how the backups are'));
  } catch (error) {
    warn(messageOf(error));
    return undefined;
  }
}

function newsOf(concerns: readonly Concern[], told: readonly Alert[]): News[] {
  const found = told.flatMap(({ subject, what }): News[] => {
    const concern = concerns.find(one => one.subject === subject);
    if (!concern) return [];
    // the message of the backup already says what shrank
    if (concern.bad && subject.startsWith('shrunk:') && concerns.some(one => one.subject === 'backup' && one.bad))
      return [];
    return [{ subject, what, says: concern.says, ...(concern.advice !== undefined && { advice: concern.advice }) }];
  });
  return found.toSorted((one, other) => Number(one.what === 'recovery') - Number(other.what === 'recovery'));
}
