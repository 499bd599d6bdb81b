// Runs a plan through the keeper and shows it: step by step, then the record, or the revert in revert.ts.
import { hundredths, secondsSince } from '../duration.ts';
import { targetName, taskCommand } from '../target/command.ts';
import { Failure } from '../errors.ts';
import type { Change } from '../release/change.ts';
import type { Result } from '../report/result.ts';
import type { DeployRequest, PlanRun } from './request.ts';
import { readVisits, toldVisits, type Visits } from './switch/public-probe.ts';
import { goodUpTo } from '../release/history.ts';
import { goodAfter, liveLine } from '../release/log.ts';
import { pairs } from '../log-line.ts';
import { sha7 } from '../release/release.ts';
import { shownSteps, type Progress } from '../plan/progress.ts';
import { revert } from './revert.ts';

/** @returns the result for the task. @throws Failure 1 undone · 4 lost · 6 stuck · 130/143 interrupted and undone */
export async function runPlan(run: PlanRun): Promise<Result> {
  const { target, intention, keeper, begun } = run;
  const { app, environment } = target;
  const { report, signal } = run.around;
  const { change, plan } = run.ready;
  const { next, was } = change;
  const times: { title: string; seconds: number }[] = [];
  const progress: Progress = { current: undefined, said: [] };
  let windowBegan: number | undefined;
  let windowEnded: number | undefined;
  let visits: Visits | undefined;
  let unfinished: string | undefined;

  const timed = async <T>(title: string, work: Promise<T>): Promise<T> => {
    const from = performance.now();
    const done = await work;
    times.push({ title, seconds: secondsSince(from) });
    return done;
  };

  keeper.begin(plan.steps, plan.finish);
  let decided = false;
  try {
    await report.show([
      ...shownSteps(keeper, plan.steps, signal, progress, (step, seconds) => {
        times.push({ title: step.title, seconds: hundredths(seconds) });
        if (step.opensWindow) windowBegan = performance.now();
      }),
      {
        title: `Record ${sha7(next.sha)} as ${recorded[intention.action] ?? 'live'}`,
        run: async () => {
          if (signal.aborted) throw signal.reason;
          decided = true;
          const window = windowBegan && secondsSince(windowBegan);
          const previous = previousAfter(change, intention);
          keeper.commit(next.sha, previous, ` ${pairs({ ...change.notes, window })}`.trimEnd());
          await timed('Record', keeper.recorded());
        },
      },
      ...plan.finish.map((step, index) => ({
        title: step.title,
        run: async (say: (line: string) => void) => {
          const hear = (line: string) => {
            visits ??= readVisits(line);
            say(line);
          };
          const good = await timed(step.title, keeper.finished(index, hear));
          if (!good && step.cleanup) report.warn(`${step.title} failed; the release is live anyway`);
          else if (!good) unfinished = `${sha7(next.sha)} is live, but “${step.title}” failed`;
          if (step.closesWindow) windowEnded = performance.now();
        },
      })),
    ]);
  } catch (error) {
    if (decided || isLoss(error)) return await afterwards(error);
    const failed = await revert(run, progress, error).then(
      failure => ({ failure }),
      (lost: unknown) => ({ lost }),
    );
    if ('lost' in failed) return await afterwards(failed.lost);
    throw failed.failure;
  }
  const outcome = await keeper.ended();
  if (unfinished)
    throw new Failure(6, unfinished, {
      advice: `${taskCommand('restart', target)} starts it again with everything it needs; if that fails, look at ${target.maintenance.flag} and at docker update --restart on the host`,
    });
  const seconds = secondsSince(begun);
  const window = visits?.window ?? (windowBegan && secondsSince(windowBegan, windowEnded));
  const meanwhile = target.switch === 'hold' ? 'in which visitors waited' : 'in maintenance';
  return {
    text: `${targetName(target)} serves ${sha7(next.sha)}${was && was.sha !== next.sha ? ` (was ${sha7(was.sha)})` : ''} after ${seconds} s${window ? `, ${window} s of them ${meanwhile}` : ''}${visits ? `; visitors: ${toldVisits(visits)}` : ''}`,
    json: {
      app,
      environment,
      action: intention.action,
      outcome,
      sha: next.sha,
      was: was?.sha,
      release: next.name,
      id: change.id,
      seconds,
      window,
      ...change.notes,
      ...visits,
      steps: times,
    },
  };

  /** The connection or the keeper is gone: what the server made of the attempt, as far as it can be asked. */
  async function afterwards(error: unknown): Promise<Result> {
    if (!isLoss(error)) throw error;
    report.warn(`${error.message}; asking the server for the outcome`);
    const line = await run.aftermath();
    if (line?.outcome === 'live') {
      return {
        text: `${targetName(target)} serves ${sha7(next.sha)}; the server finished by itself`,
        json: { app, environment, action: intention.action, outcome: 'live', sha: next.sha, id: change.id },
      };
    }
    const during = `${error.message}, during: ${progress.current?.title ?? 'the start'}`;
    const stays = was ? `${sha7(was.sha)} is still live` : 'nothing was left behind';
    if (line && line.outcome !== 'stuck')
      throw new Failure(1, `${during} (${line.outcome}: ${stays})`, {
        advice: `${taskCommand('deploy', target)} when the connection is steady`,
      });
    if (line) throw new Failure(6, `${during}; then an undo failed`, { advice: taskCommand('recover', target) });
    throw new Failure(4, during, {
      advice: `the server cannot be asked; as long as it runs it goes back by itself, 10 s after it lost this program at the latest: ${taskCommand('releases', target)} tells how it ended`,
    });
  }
}

/** What the log's title calls the outcome, where the release does not newly go live. */
const recorded: Partial<Record<DeployRequest['action'], string>> = {
  restart: 'restarted',
  seed: 'seeded',
  restore: 'restored',
};

/** Whether the attempt continues, or continued, without us. */
function isLoss(error: unknown): error is Failure {
  return error instanceof Failure && (error.exit === 4 || error.exit === 6);
}

/** What a rollback would go to once this attempt is live. */
function previousAfter({ facts, next, was }: Change, { action }: DeployRequest): string | undefined {
  return goodAfter(goodUpTo(facts, was), liveLine(next.sha, action)).at(-2)?.sha;
}
