// Recovery of an interrupted attempt: the present state, a retry of the undo, or acceptance of the present state by a person.
import { nameOf, targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { StepFailed } from '../plan/keeper/failures.ts';
import { openKeeper } from '../plan/keeper/open.ts';
import { sh } from '../host/sh.ts';
import { letInStep } from '../deploy/switch/hold.ts';
import { maintenanceOff } from '../maintenance/maintenance.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { Result } from '../report/result.ts';
import { serving } from '../release/serving.ts';
import { type PlanContext } from '../plan/context.ts';
import { askFacts } from '../deploy/ask-facts.ts';
import { leftoverQuestion, readLeftover, type Leftover } from '../plan/keeper/leftover.ts';
import { pairs } from '../log-line.ts';
import { attemptId, sha7 } from '../release/release.ts';
import { present, type Step } from '../plan/step.ts';
import type { Present } from './present-state.ts';
import { shownSteps, type Progress } from '../plan/progress.ts';
import { isOurs } from './show-leftover.ts';

export function accepts(target: Target, typed: string): boolean {
  return [`${target.app}/${target.environment}`, targetName(target)].includes(typed.trim());
}

/** Retries the undo, as any task would first. @throws Failure 6 when it still fails, with what to type then. */
export async function tryAgain(around: PlanContext, host: Host, target: Target, left: Leftover): Promise<Result> {
  const keeper = await openKeeper(host, { ...holderOf(around, target), id: 'none', logHead: '' }, ({ kind, text }) =>
    around.report.say(kind === 'waiting' ? `waiting for the lock: ${text}` : `settling: ${text}`),
  ).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.exit !== 6) throw error;
    throw new Failure(6, error.message, {
      detail: error.detail || undefined,
      advice: `repair what the lines above name and type ${taskCommand('recover', target)} again; or take what is there now for what it is: ${taskCommand('recover', target)} --accept ${target.app}/${target.environment}`,
    });
  });
  await keeper.quit();
  const facts = await askFacts(host, target, undefined, leftoverQuestion(target));
  if (readLeftover(facts))
    throw new Failure(6, `${targetName(target)} is not settled`, { advice: taskCommand('recover', target) });
  const line = facts.log.findLast(one => one.id === left.line?.id);
  const now = serving(target, facts);
  return {
    text: `${targetName(target)} is settled: ${now ? `${sha7(now.sha)} serves` : 'nothing serves'}${facts.flag === undefined ? '' : ', in maintenance'}`,
    json: { ...nameOf(target), outcome: 'settled', current: facts.current, was: line?.outcome },
  };
}

/** A person accepts: nothing more is undone, and the live release is recorded. The journal is kept for inspection. */
export async function acceptPresent(
  around: PlanContext,
  host: Host,
  target: Target,
  left: Leftover,
  now: Present,
  comeIn: boolean,
): Promise<Result> {
  const { facts, release } = now;
  if (!release)
    throw new Failure(2, `it is unknown which release of ${targetName(target)} serves`, {
      advice: `--release, one of: ${facts.folders.join(', ') || 'none is there; remove nothing, and deploy after the way back works'}`,
    });
  const id = attemptId(
    facts.now,
    facts.log.map(line => line.id),
  );
  const time = facts.now.toISOString().replace(/\.\d+Z$/, 'Z');
  const head = {
    env: target.environment,
    sha: release.sha,
    id,
    action: 'recover',
    release: release.name,
    was: facts.current,
  };
  const ours = isOurs(facts.flag);
  const lifts = facts.flag !== undefined && (comeIn || (ours && now.healthy));
  const steps: Step[] = present([
    facts.linked !== undefined &&
      facts.linked !== release.name && {
        title: `Point current at ${release.name}`,
        // its obstacle may be what stopped the undo, and must not stop the acceptance
        run: sh`if ! ( point ${target.paths.current} ${release.folder} ); then echo ${`current still points at ${facts.linked}: when the cause is gone, ln -sfnT ${release.folder} ${target.paths.current}`}; fi`,
      },
    lifts && { title: 'Maintenance off', run: maintenanceOff(target.maintenance) },
    target.site && { ...letInStep(target.site), closesWindow: undefined },
  ]).map(({ title, run }) => ({ title, run }));
  const reason = `${left.line ? `${left.line.action} of ${sha7(left.line.sha)}` : 'a change'} ended during ${left.during}; not undone: ${left.undos.map(one => one.title ?? `step ${one.number + 1}`).join(', ') || 'nothing'}`;

  const keeper = await openKeeper(
    host,
    { ...holderOf(around, target), id, logHead: `${time} ${pairs({ ...head, by: around.who })}`, accepts: true },
    ({ kind, text }) => around.report.say(kind === 'waiting' ? `waiting for the lock: ${text}` : text),
  );
  const progress: Progress = { current: undefined, said: [] };
  keeper.begin(steps, []);
  try {
    await around.report.show(
      shownSteps(keeper, steps, around.signal, progress, () => {
        for (const line of progress.said.filter(one => one.startsWith('current still'))) around.report.warn(line);
      }),
    );
  } catch (error) {
    keeper.abort(
      around.signal.aborted ? 'aborted' : 'reverted',
      `accepting ended during: ${progress.current?.title ?? 'the start'}`,
    );
    await keeper.ended();
    if (!(error instanceof StepFailed)) throw error;
    throw new Failure(1, `${error.title}: ${error.message}`, { detail: progress.said.join('\n') });
  }
  const previous = release.sha === facts.current ? facts.previous : facts.current;
  keeper.commit(release.sha, previous, ` ${pairs({ reason })}`);
  await keeper.recorded();
  await keeper.ended();
  const off = facts.flag === undefined || lifts;
  return {
    text: `${targetName(target)} is accepted as it is: ${sha7(release.sha)} counts as what serves (${now.because}; ${now.health}), maintenance is ${off ? 'off' : 'on'}`,
    json: {
      ...nameOf(target),
      outcome: 'accepted',
      sha: release.sha,
      release: release.name,
      because: now.because,
      healthy: now.healthy,
      maintenance: !off,
      id,
    },
  };
}

function holderOf({ who, args }: PlanContext, target: Target) {
  return {
    releases: target.paths.releases,
    holder: pairs({ by: who, action: 'recover' }),
    client: who,
    appUser: runtimeOf(target).appUser,
    wait: args.wait ?? 0,
    recover: taskCommand('recover', target),
  };
}
