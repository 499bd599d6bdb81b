// One attempt on a target: facts, plan, lock, and a new plan if the target changed before we had the lock.
import { targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { healthNow } from './health-now.ts';
import type { Host } from '../host/host.ts';
import type { Keeper } from '../plan/keeper/protocol.ts';
import { openKeeper } from '../plan/keeper/open.ts';
import type { Report } from '../report/report.ts';
import { type Change } from '../release/change.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { Result } from '../report/result.ts';
import { afterLoss } from './after-connection-loss.ts';
import { withBootLine } from '../cron/reboot-line.ts';
import { type Facts } from '../release/facts.ts';
import { askFacts } from './ask-facts.ts';
import { pairs } from '../log-line.ts';
import { attemptId, sha7 } from '../release/release.ts';
import { runPlan } from './run-plan.ts';
import type { PlanContext } from '../plan/context.ts';
import type { DeployRequest, PreparedDeploy } from './request.ts';
import { serving } from '../release/serving.ts';

/** Runs an intention on a target. @returns the result for the task. @throws Failure with the exit codes of design §6. */
export async function attempt(
  around: PlanContext,
  host: Host,
  target: Target,
  intention: DeployRequest,
): Promise<Result> {
  const begun = performance.now();
  const most = around.args.wait ?? 0;
  for (let wait = most; ; wait = Math.max(10, most - (performance.now() - begun) / 1000)) {
    const ready = await prepare(await askFacts(host, target, intention.required, intention.asks));
    if ('nothing' in ready) return ready.nothing;
    if (around.args.plan) return shownPlan(target, ready, around.report);
    const keeper = await open(ready, wait);
    const aftermath = () => afterLoss(host, target, ready.change.id, () => open(ready, 0), around.signal);
    if (keeper.stamp === ready.change.facts.stamp)
      return runPlan({ around, target, intention, ready, keeper, begun, aftermath });
    // Somebody changed the target between the question and the lock. What the log will say was fixed with the lock,
    // so it is released, and taken again with a new plan; it was our turn, so we always wait a moment for it.
    await keeper.quit();
  }

  function open({ change }: PreparedDeploy, wait: number): Promise<Keeper> {
    return openKeeper(host, attemptOf(target, change, intention, around.who, wait), happening => {
      if (happening.kind === 'waiting') around.report.say(`waiting for the lock: ${happening.text}`);
      else around.report.warn(`settling what an earlier run left: ${happening.text}`);
    });
  }

  async function prepare(facts: Facts): Promise<PreparedDeploy | { nothing: Result }> {
    const chosen = await intention.choose(facts);
    if (!('sha' in chosen)) {
      const { app, environment } = target;
      const text = 'nothing' in chosen ? chosen.nothing : await servesAlready(facts, chosen.already);
      return { nothing: { text, json: { app, environment, outcome: 'nothing to do', current: facts.current } } };
    }
    const taken = facts.log.map(line => line.id);
    const id = attemptId(facts.now, taken);
    const change: Change = { facts, next: chosen, was: serving(target, facts), id, notes: {} };
    return { change, plan: withBootLine(target, facts, await intention.plan(change)) };
  }

  /** @throws Failure 1 when it is live by the record only */
  async function servesAlready(facts: Facts, sha: string): Promise<string> {
    const { healthy, words } = await healthNow(host, target, serving(target, facts), sha);
    if (healthy) return `${targetName(target)} serves ${sha7(sha)} already`;
    throw new Failure(1, `${sha7(sha)} is live on ${targetName(target)} by its record, and is not ready: ${words}`, {
      advice: `${taskCommand('restart', target)} restarts it; ${taskCommand('logs', target)} shows what it says`,
    });
  }
}

function attemptOf(target: Target, change: Change, { action }: DeployRequest, who: string, wait: number) {
  const time = change.facts.now.toISOString().replace(/\.\d+Z$/, 'Z');
  const { sha, name } = change.next;
  return {
    releases: target.paths.releases,
    id: change.id,
    logHead: `${time} ${pairs({ env: target.environment, sha, id: change.id, action, release: name, was: change.was?.sha, by: who })}`,
    holder: pairs({ by: who, action, sha, since: time }),
    client: who,
    appUser: runtimeOf(target).appUser,
    wait,
    recover: taskCommand('recover', target),
  };
}

function shownPlan(target: Target, { change, plan }: PreparedDeploy, report: Report): Result {
  const bare = { skip: undefined, undo: undefined };
  const steps = [
    ...plan.steps.map(step => ({ title: step.title, skip: step.skip, run: step.run.text, undo: step.undo?.text })),
    {
      ...bare,
      title: `Record ${sha7(change.next.sha)} as live`,
      run: 'releases.log, current_release, previous_release',
    },
    ...plan.finish.map(step => ({ ...bare, title: step.title, run: step.run.text })),
  ];
  const { dim, bold } = report.paint;
  const text = [
    bold(
      `${targetName(target)} on ${target.host.name}: ${change.was ? `${sha7(change.was.sha)} → ` : 'first release '}${sha7(change.next.sha)}; nothing is changed by this plan`,
    ),
    ...steps.map(
      (step, at) =>
        `${String(at + 1).padStart(3)}. ${step.title}${step.skip ? dim(` (skipped: ${step.skip})`) : ''}${step.undo ? dim(' ↩') : ''}`,
    ),
    dim('↩ is undone when it or a later step fails; --json shows the commands'),
  ].join('\n');
  return {
    text,
    json: {
      app: target.app,
      environment: target.environment,
      sha: change.next.sha,
      was: change.was?.sha,
      release: change.next.name,
      steps,
    },
  };
}
